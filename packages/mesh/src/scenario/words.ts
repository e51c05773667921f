/**
 * Splits a command line into words and unquotes them as a POSIX shell does (IEEE 1003.1 §2.2), and that is all of a shell
 * there is: no pipes, no variables, no globbing. What would need one is refused unless it is quoted.
 */

export interface Word {
  readonly text: string;
  /** Index of its first character in the line. */
  readonly at: number;
}

export type Words =
  | { readonly ok: true; readonly words: readonly Word[] /** `&` stands at the end. */; readonly background: boolean }
  | { readonly ok: false; readonly at: number; readonly message: string };

/** A line in words. Text that is no shell's may hold what would need one. */
export function splitWords(
  line: string,
  allow: "what a step may hold" | "any character" = "what a step may hold",
): Words {
  const words: Word[] = [];
  let text = "";
  let start = -1;
  let at = 0;
  let background = false;
  const isStep = allow === "what a step may hold";
  while (at < line.length) {
    const char = line[at]!;
    const isEnd = isStep && char === "&" && line.slice(at + 1).trim() === "";
    if (isEnd || /\s/.test(char)) {
      if (start >= 0) words.push({ text, at: start });
      text = "";
      start = -1;
      at++;
      if (isEnd) background = true;
      continue;
    }
    if (start < 0) start = at;
    if (char === "'" || char === '"') {
      const quoted = readQuoted(line, at);
      if (quoted === undefined) return { ok: false, at, message: `the quote ${char} is not closed` };
      text += quoted.text;
      at = quoted.end;
    } else if (char === "\\") {
      if (at + 1 === line.length) return { ok: false, at, message: "nothing follows the backslash" };
      text += line[at + 1];
      at += 2;
    } else if (isStep && "|&;<>()$`".includes(char)) {
      return {
        ok: false,
        at,
        message: `${JSON.stringify(char)} is for a shell, and a step runs one command without a shell; quote it if the command is to have it`,
      };
    } else {
      text += char;
      at++;
    }
  }
  if (start >= 0) words.push({ text, at: start });
  return { ok: true, words, background };
}

function readQuoted(line: string, start: number): { readonly text: string; readonly end: number } | undefined {
  const quote = line[start]!;
  let text = "";
  for (let at = start + 1; at < line.length; at++) {
    const char = line[at]!;
    if (char === quote) return { text, end: at + 1 };
    // Inside double quotes a backslash keeps only these from having a meaning; elsewhere it is itself.
    if (quote === '"' && char === "\\" && '$`"\\'.includes(line[at + 1] ?? " ")) text += line[++at];
    else text += char;
  }
  return undefined;
}
