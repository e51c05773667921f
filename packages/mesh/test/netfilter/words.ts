/** The words of a command line: quotes hold words together, a backslash takes the next character as it is. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [word] of line.matchAll(/(?:[^\s"']|"(?:\\.|[^"\\])*"|'[^']*')+/g)) {
    words.push(
      word.replaceAll(/"((?:\\.|[^"\\])*)"|'([^']*)'/g, (_, double: string | undefined, single: string) =>
        double === undefined ? single : double.replaceAll(/\\(.)/g, "$1"),
      ),
    );
  }
  return words;
}
