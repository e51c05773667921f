/**
 * Colors are the caller's: printers answer plain text unless they are given one of these. Each function wraps text in
 * whatever the place it goes to understands (terminal escapes, HTML) and must not change its visible width.
 */
export interface Style {
  /** What is there on every line: numbers, times, offsets, comments. */
  readonly dim: (text: string) => string;
  /** Where a packet was seen. */
  readonly place: (text: string) => string;
  /** Names of protocols and layers. */
  readonly protocol: (text: string) => string;
  /** What is unusual and usually harmless: fragments, offloaded checksums, cut captures. */
  readonly notice: (text: string) => string;
  /** What is wrong: bad checksums, broken headers. */
  readonly warning: (text: string) => string;
}

const same = (text: string): string => text;

/** No colors. */
export const PLAIN: Style = { dim: same, place: same, protocol: same, notice: same, warning: same };
