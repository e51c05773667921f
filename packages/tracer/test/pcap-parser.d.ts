declare module "pcap-parser" {
  export interface PcapParserPacket {
    readonly header: {
      readonly timestampSeconds: number;
      readonly timestampMicroseconds: number;
      readonly capturedLength: number;
      readonly originalLength: number;
    };
    readonly data: Uint8Array;
  }

  export interface PcapParserHeader {
    readonly snapshotLength: number;
    readonly linkLayerType: number;
  }

  export interface PcapParser {
    on(event: "globalHeader", listener: (header: PcapParserHeader) => void): this;
    on(event: "packet", listener: (packet: PcapParserPacket) => void): this;
    on(event: "error", listener: (error: Error) => void): this;
    on(event: "end", listener: () => void): this;
  }

  /** A path, or a stream of bytes. */
  export function parse(input: unknown): PcapParser;
}
