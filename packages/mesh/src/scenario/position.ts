/**
 * A YAML 1.2 document with the position of everything in it: the value as plain data for the schemas, and line and
 * column for messages. Compose files are written in it with anchors, aliases and merge keys (`<<`), so those work.
 *
 * Not covered, and told in a warning: further documents of a file, and tags (a tagged value is taken as if it had none).
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
} from "yaml";
import type { Part, Path } from "./diagnostic.ts";
import type { Diagnostic, Position } from "./scenario.ts";

/** Characters of a file. A thousand nodes with fifty pinned tasks each are 3 million. */
const MAX_LENGTH = 16 * 1024 * 1024;
/** Values after aliases are followed. */
const MAX_VALUES = 2_000_000;
/** Maps and lists inside each other. */
const MAX_DEPTH = 64;
/** Uses of one anchor, times the aliases inside it: the yaml package's guard against a file that explodes. */
const MAX_ALIASES = 10_000;

/** Names that a JavaScript object cannot hold safely as keys; the schemas would pass over them in silence. */
const RESERVED = new Set(["__proto__", "prototype", "constructor"]);

export class YamlSource {
  readonly file: string;
  readonly text: string;
  /** Plain data: maps are objects, in the order of the file. Undefined if the text is not YAML. */
  readonly value: unknown;
  /** True if `value` can be read: there may still be `errors`, such as a key that stands twice. */
  readonly readable: boolean;
  readonly errors: readonly Diagnostic[];
  readonly warnings: readonly Diagnostic[];

  /**
   * Offset of the first character of each line. Not the yaml package's LineCounter: it misses line ends inside tokens
   * that are errors, which is where positions matter.
   */
  readonly #lines: readonly number[];
  readonly #document: Document.Parsed | undefined;

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    this.#lines = lineStarts(text);
    const errors: Diagnostic[] = [];
    const warnings: Diagnostic[] = [];
    this.errors = errors;
    this.warnings = warnings;
    const fail = (offset: number, message: string): void => {
      errors.push({ position: this.#positionAt(offset), path: "(document)", message });
    };

    if (text.length > MAX_LENGTH) {
      fail(0, `the file has ${text.length} characters, expected at most ${MAX_LENGTH}`);
      this.readable = false;
      return;
    }
    const document = parseDocument(text, {
      // Not "silent": that would pass over a second document.
      logLevel: "error",
      merge: true,
      prettyErrors: false,
      resolveKnownTags: false,
      stringKeys: true,
    });
    let readable = true;
    const told = new Set<number>();
    for (const error of document.errors) {
      const at = error.pos[0];
      if (error.code === "MULTIPLE_DOCS") {
        const message = "only the first document of the file is read";
        warnings.push({ position: this.#positionAt(at), path: "(document)", message });
        continue;
      }
      if (error.code !== "DUPLICATE_KEY") readable = false;
      // One mistake of indentation makes many errors at one place; the first says it.
      if (told.has(at)) continue;
      told.add(at);
      if (error.code === "RESOURCE_EXHAUSTION") {
        fail(at, "nested too deeply");
        break;
      }
      fail(
        at,
        error.code === "DUPLICATE_KEY" ? `the key ${this.#wordAt(at)} is given twice` : `not YAML: ${error.message}`,
      );
    }
    for (const warning of document.warnings)
      warnings.push({ position: this.#positionAt(warning.pos[0]), path: "(document)", message: warning.message });
    this.#document = document;
    if (!readable) {
      this.readable = false;
      return;
    }
    try {
      this.value = document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (error) {
      // Unresolved aliases, too many of them, and merges of what is no map are found on the way only.
      fail(aliasMistake(document), error instanceof Error ? `not YAML: ${error.message}` : "not YAML");
      this.readable = false;
      return;
    }
    this.readable = this.#measure(fail);
  }

  /** Of what `path` names; if that is missing, of the nearest thing around it. */
  position(path: Path, part: Part = "value"): Position {
    return this.#positionAt(this.#locate(path, part).offset);
  }

  /** Of the character `index` of the text at `path`: exact unless the YAML is quoted with escapes or folded. */
  characterPosition(path: Path, index: number): Position {
    const { offset, node } = this.#locate(path, "value");
    if (!isScalar(node) || typeof node.value !== "string" || !node.range) return this.#positionAt(offset);
    const at = this.text.slice(node.range[0], node.range[1]).indexOf(node.value);
    return this.#positionAt(at < 0 ? offset : node.range[0] + at + index);
  }

  #positionAt(offset: number): Position {
    const at = Math.min(offset, this.text.length);
    let low = 0;
    let high = this.#lines.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#lines[middle]! <= at) low = middle;
      else high = middle;
    }
    return { file: this.file, line: low + 1, column: at - this.#lines[low]! + 1 };
  }

  #wordAt(offset: number): string {
    return JSON.stringify(/^(?:"[^"\n]*"|'[^'\n]*'|[^\s:]+)/.exec(this.text.slice(offset, offset + 200))?.[0] ?? "");
  }

  #locate(path: Path, part: Part): { readonly offset: number; readonly node: unknown } {
    let node: unknown = this.#document?.contents;
    let offset = start(node) ?? 0;
    for (const [depth, segment] of path.entries()) {
      const collection = this.#follow(node);
      let key: unknown;
      if (isSeq(collection) && typeof segment === "number") {
        if (segment >= collection.items.length) break;
        node = collection.items[segment];
      } else {
        const pair = isMap(collection) ? this.#pair(collection.items, String(segment), 0) : undefined;
        if (pair === undefined) break;
        key = pair.key;
        node = pair.value;
      }
      const wantsKey = (part === "key" && depth === path.length - 1) || isEmpty(node);
      offset = (wantsKey ? start(key) : undefined) ?? start(node) ?? start(key) ?? offset;
    }
    return { offset, node: this.#follow(node) };
  }

  /** The pair of a key, in the map itself or in what is merged into it (YAML 1.1 merge keys: the first wins). */
  #pair(items: readonly Pair[], key: string, depth: number): Pair | undefined {
    const own = items.find((pair) => isScalar(pair.key) && pair.key.value === key && !isMerge(pair));
    if (own !== undefined || depth > MAX_DEPTH) return own;
    for (const pair of items) {
      if (!isMerge(pair)) continue;
      const value = this.#follow(pair.value);
      for (const source of isSeq(value) ? value.items : [value]) {
        const map = this.#follow(source);
        const found = isMap(map) ? this.#pair(map.items, key, depth + 1) : undefined;
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  #follow(node: unknown): unknown {
    if (!isAlias(node) || this.#document === undefined) return node;
    return (node as Alias).resolve(this.#document);
  }

  /** Counts what there is, so that nothing later walks without end. An alias may stand inside its own anchor. */
  #measure(fail: (offset: number, message: string) => void): boolean {
    let left = MAX_VALUES;
    let sound = true;
    const path: (string | number)[] = [];
    const visitValue = (value: unknown): boolean => {
      if (--left < 0) {
        fail(0, `the file holds more than ${MAX_VALUES} values after its aliases are followed`);
        return false;
      }
      if (typeof value !== "object" || value === null) return true;
      if (path.length === MAX_DEPTH) {
        fail(this.#locate(path.slice(0, -1), "value").offset, "nested too deeply");
        return false;
      }
      for (const key of Object.keys(value)) {
        path.push(Array.isArray(value) ? Number(key) : key);
        if (RESERVED.has(key)) {
          fail(this.#locate(path, "key").offset, `${JSON.stringify(key)} cannot be used as a name`);
          sound = false;
        }
        if (!visitValue((value as Record<string, unknown>)[key])) return false;
        path.pop();
      }
      return true;
    };
    return visitValue(this.value) && sound;
  }
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function start(node: unknown): number | undefined {
  const range = (node as { readonly range?: readonly number[] | null } | null | undefined)?.range;
  return range?.[0];
}

/** `key:` with nothing after it. The position of the nothing is of no help. */
function isEmpty(node: unknown): boolean {
  return node === null || (isScalar(node) && node.value === null && node.range?.[0] === node.range?.[1]);
}

function isMerge(pair: Pair): boolean {
  return isScalar(pair.key) && (pair.key as Scalar).value === "<<" && (pair.key as Scalar).type === "PLAIN";
}

/** Where the aliases of a document go wrong: one without an anchor before it, or else a merge of what is no map. */
function aliasMistake(document: Document.Parsed): number {
  const anchors = new Set<string>();
  let offset: number | undefined;
  let merge: number | undefined;
  visit(document, {
    Node(_key, node) {
      if (isAlias(node)) {
        if (!anchors.has(node.source)) offset ??= start(node);
      } else if (node.anchor !== undefined) anchors.add(node.anchor);
    },
    Pair(_key, pair) {
      if (isMerge(pair) && !isMap(pair.value) && !isAlias(pair.value) && !isSeq(pair.value)) merge ??= start(pair.key);
    },
  });
  return offset ?? merge ?? 0;
}
