/** What descriptions.ts needs of binary-parser, whose own types do not cover its ES module. */
declare module "binary-parser" {
  interface ArrayOptions {
    readonly type: "uint8" | "int32be" | Parser;
    /** A count, the name of the field that says it, or what computes it of the fields so far. */
    readonly length: number | string | ((this: Record<string, number>) => number);
    readonly formatter?: (items: number[]) => unknown;
  }

  export class Parser {
    endianness(order: "big" | "little"): this;
    uint8(name: string): this;
    uint16(name: string): this;
    uint32(name: string): this;
    int32(name: string): this;
    bit1(name: string): this;
    bit2(name: string): this;
    bit3(name: string): this;
    bit4(name: string): this;
    bit8(name: string): this;
    bit9(name: string): this;
    bit12(name: string): this;
    bit13(name: string): this;
    bit20(name: string): this;
    bit24(name: string): this;
    array(name: string, options: ArrayOptions): this;
    parse(bytes: Uint8Array): Record<string, unknown>;
  }
}
