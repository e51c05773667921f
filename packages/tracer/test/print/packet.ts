/** Packets for the printers' tests: bytes from hex, everything else as a capture of one interface has it. */
import { dissect, Layers } from "@hopscope/codec";
import type { PrintedPacket } from "../../src/print/line.ts";

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.replaceAll(/\s/g, "").match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** `linkType` 1 is Ethernet. */
export function packetOf(
  bytes: Uint8Array,
  circumstances: Partial<Omit<PrintedPacket, "interface">> & {
    readonly linkType?: number;
    readonly name?: string;
    readonly resolution?: number;
  } = {},
): PrintedPacket {
  const { linkType = 1, name, resolution = 9, ...rest } = circumstances;
  return {
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    start: 0,
    end: bytes.length,
    wireLength: bytes.length,
    interface: { index: 0, linkType, name, timestampResolution: resolution },
    number: 1,
    hasTime: true,
    seconds: 1_795_232_715,
    nanoseconds: 795_782_355,
    direction: undefined,
    comments: [],
    ...rest,
  };
}

export function layersOf(packet: PrintedPacket): Layers {
  const layers = new Layers();
  dissect(packet.view, packet.start, packet.end, packet.interface.linkType, layers);
  return layers;
}

/** An echo request from 10.0.9.3 to 10.0.9.5 through VXLAN 4097. */
export const ECHO_IN_VXLAN: string =
  "52540077000c52540077000b0800" +
  "45000086786200004011e69cc0a84d0bc0a84d0c" +
  "bd6412b50072d7eb" +
  "0800000000100100" +
  "02420a00090502420a0009030800" +
  "45000054a2014000400172a00a0009030a000905" +
  "0800b1bd00190000" +
  `8874bdb4${"00".repeat(52)}`;

/** A SYN as the sending container's own interface showed it. */
export const SYN_OFFLOADED: string =
  "02420a00090502420a0009030800" +
  "4500003c7d824000400697320a0009030a000905" +
  "c7b8005022b89e2d00000000a002fd5c26360000020405820402080a0ac1788f000000000103030a";

/** A SYN through VXLAN whose inner checksum is left to the network card. */
export const SYN_OFFLOADED_IN_VXLAN: string =
  "0200000077120200000077130800" +
  "4500006e57ab00004011076ac0a84d0dc0a84d0c" +
  "df7e12b5005adc35" +
  "0800000000100100" +
  "02420a00010502420a00010b0800" +
  "4500003c111540003f0614980a00010b0a000105" +
  "8c380050513e8d3a00000000a002fd5c163e0000020405820402080ab41bba4d0000000001030307";

/** "Port unreachable" about a UDP datagram, which it quotes whole. */
export const PORT_UNREACHABLE: string =
  "02420a00090302420a0009050800" +
  "45c000583920000040011abe0a0009050a000903" +
  "0303233e00000000" +
  "4500003c27dc40004011eccd0a0009030a000905" +
  "e7ee176f002888a8" +
  "70696e672d30303033322d787878787878787878787878787878787878787878";

/** Docker's resolver answers: overlay_service is 10.0.9.2. */
export const DNS_ANSWER: string =
  "0000000000000000000000000800" +
  "4500005c32e24000401109a37f00000b7f000001" +
  "0035e8650048fe65" +
  "55da818000010001000000000f6f7665726c61795f736572766963650000010001" +
  "0f6f7665726c61795f73657276696365000001000100000258 00040a000902";

/** Who has 10.0.9.5, tell 10.0.9.3. */
export const ARP_REQUEST: string =
  "ffffffffffff02420a0009030806000108000604000102420a0009030a0009030000000000000a000905";
