/** Text as the bytes that travel, UTF-8 (RFC 3629), and back; what is no UTF-8 is shown as U+FFFD. */
import { EPOCH_SECONDS } from "../trace/pcapng.ts";

export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(text));
  let at = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code < 0x80) bytes[at++] = code;
    else {
      const more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
      bytes[at++] = ((0xf00 >> more) & 0xff) | (code >> (6 * more));
      for (let left = more - 1; left >= 0; left--) bytes[at++] = 0x80 | ((code >> (6 * left)) & 0x3f);
    }
  }
  return bytes;
}

/** Bytes of a text. */
export function utf8Length(text: string): number {
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    // Both halves of a surrogate pair count two of its four bytes.
    length += unit < 0x80 ? 1 : unit < 0x800 || (unit & 0xf800) === 0xd800 ? 2 : 3;
  }
  return length;
}

export function textOf(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at]!;
    const more = first < 0x80 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : -1;
    let code = more <= 0 ? first : first & (0x3f >> more);
    let isValid = more >= 0 && at + more < bytes.length;
    for (let index = 1; isValid && index <= more; index++) {
      const byte = bytes[at + index]!;
      isValid = (byte & 0xc0) === 0x80;
      code = (code << 6) | (byte & 0x3f);
    }
    isValid &&= code <= 0x10ffff;
    text += isValid ? String.fromCodePoint(code) : "\ufffd";
    at += isValid ? more + 1 : 1;
  }
  return text;
}

/** `1767225600.250`: seconds since 1970 at a virtual time, with milliseconds. */
export function timestamp(now: number): string {
  return (EPOCH_SECONDS + Math.floor(now / 1_000_000) / 1000).toFixed(3);
}

/** Passes on whole lines of what a program writes in pieces. */
export class Lines {
  readonly #print: (line: string) => void;
  #rest = "";

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  write(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) this.#print(line);
  }

  /** The last line may have no end. */
  end(): void {
    if (this.#rest !== "") this.#print(this.#rest);
    this.#rest = "";
  }
}
