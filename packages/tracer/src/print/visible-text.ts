/** Text from a file, safe for a terminal. */

/**
 * Control characters, which could move the cursor or rewrite the title, and marks that turn the direction of writing are
 * shown as `\x1b`, `\u202e`.
 */
export function visibleText(text: string): string {
  return text.replaceAll(UNSAFE, (character) => {
    const code = character.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}

const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
