/** Reads what `SH` runs: a small part of the shell's language (IEEE 1003.1 §2), each other part by its name. */
import { UsageError } from "./program.ts";

/** A command, or a loop that never ends by itself; and what stands behind it. */
export interface Item {
  readonly what: Command | Loop;
  /** `;` and the end of a line; `&`; `&&` and `||`: whether the next one runs. */
  readonly after: ";" | "&" | "&&" | "||";
}

export interface Command {
  readonly kind: "command";
  readonly argv: readonly string[];
  /** `> FILE`; undefined: the shell's own output. */
  readonly file: string | undefined;
}

export interface Loop {
  readonly kind: "loop";
  readonly body: readonly Item[];
}

interface Token {
  readonly text: string;
  readonly isOperator: boolean;
}

/** Words that begin what is not modelled. */
const NOT_MODELLED = new Set(["if", "for", "case", "until", "function", "{", "[", "[["]);

export function parseScript(script: string): readonly Item[] {
  const tokens = tokensOf(script);
  const items = parseList(tokens, false);
  if (tokens.length > 0) throw fail(`"${tokens[0]!.text}" stands where no command is expected`);
  return items;
}

function fail(message: string): UsageError {
  return new UsageError(`sh: ${message}`);
}

/** Up to the end, or to `done`. Takes away what it has read. */
function parseList(tokens: Token[], isBody: boolean): readonly Item[] {
  const items: Item[] = [];
  for (;;) {
    while (tokens[0]?.isOperator === true && tokens[0].text === ";") tokens.shift();
    const next = tokens[0];
    if (next === undefined || (isBody && next.text === "done")) return items;
    const what = next.text === "while" && !next.isOperator ? parseLoop(tokens) : parseCommand(tokens);
    const after = tokens[0]?.isOperator === true ? tokens.shift()!.text : ";";
    items.push({ what, after: after as Item["after"] });
  }
}

function parseLoop(tokens: Token[]): Loop {
  tokens.shift();
  const [condition, separator, word] = tokens.splice(0, 3).map(({ text }) => text);
  if ((condition !== "true" && condition !== ":") || separator !== ";" || word !== "do") {
    throw fail("of loops only while true; do …; done is modelled");
  }
  const body = parseList(tokens, true);
  if (tokens.shift()?.text !== "done") throw fail("done is missing");
  if (body.length === 0) throw fail("a loop without a command");
  return { kind: "loop", body };
}

function parseCommand(tokens: Token[]): Command {
  const argv: string[] = [];
  let file: string | undefined;
  while (tokens.length > 0) {
    const { text, isOperator } = tokens[0]!;
    if (isOperator && text !== ">") break;
    tokens.shift();
    if (!isOperator) argv.push(text);
    else {
      file = tokens.shift()?.text;
      if (file === undefined) throw fail("a file is expected behind >");
    }
  }
  const [name] = argv;
  if (name === undefined) throw fail(`"${tokens[0]?.text ?? ""}" stands where a command is expected`);
  if (NOT_MODELLED.has(name)) throw fail(`${name} is not modelled`);
  if (/^\w+=/.test(name)) throw fail("variables are not modelled");
  return { kind: "command", argv, file };
}

function tokensOf(script: string): Token[] {
  const tokens: Token[] = [];
  const add = (text: string): void => void tokens.push({ text, isOperator: true });
  let word: string | undefined;
  const endWord = (): void => {
    if (word !== undefined) tokens.push({ text: word, isOperator: false });
    word = undefined;
  };
  for (let at = 0; at < script.length; ) {
    const char = script[at]!;
    const two = script.slice(at, at + 2);
    // Both outputs are one here.
    const errors = word === undefined ? /^2>(?:&1|\s*\/dev\/null)/.exec(script.slice(at, at + 20)) : null;
    if (errors !== null) {
      at += errors[0].length;
      continue;
    }
    if (char === "'" || char === '"') {
      const end = script.indexOf(char, at + 1);
      if (end < 0) throw fail(`the quote ${char} is not closed`);
      const text = script.slice(at + 1, end);
      if (char === '"' && /[$`\\]/.test(text)) throw fail("variables and escapes in quotes are not modelled");
      word = (word ?? "") + text;
      at = end + 1;
    } else if (char === "#" && word === undefined) {
      const end = script.indexOf("\n", at);
      at = end < 0 ? script.length : end;
    } else if (/\s/.test(char) || ";&|<>()".includes(char)) {
      endWord();
      if (two === "&&" || two === "||" || two === ">>") {
        add(two === ">>" ? ">" : two);
        at += 2;
        continue;
      }
      if (char === "|" || char === "<" || char === "(" || char === ")") throw fail(`${char} is not modelled`);
      if (char === "\n") add(";");
      else if (!/\s/.test(char)) add(char);
      at++;
      // A line may go on behind an operator.
      if (char === "\n" && /^(?:&&|\|\|)$/.test(tokens.at(-2)?.text ?? "")) tokens.pop();
    } else if (char === "$" || char === "`") throw fail(`${char} is not modelled: there are no variables`);
    else {
      if (char === "\\") at++;
      word = (word ?? "") + (script[at] ?? "");
      at++;
    }
  }
  endWord();
  // `do`, and `;` behind `&`, are no separators of their own.
  return tokens.filter(
    ({ text, isOperator }, index) =>
      !(isOperator && text === ";" && ["do", "&"].includes(tokens[index - 1]?.text ?? "") && index > 0),
  );
}
