import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hexLines, hexRows } from "../../src/print/hex.ts";
import type { PrintedPacket } from "../../src/print/line.ts";
import { bytesOf, DNS_ANSWER, ECHO_IN_VXLAN, layersOf, packetOf, PORT_UNREACHABLE, SYN_OFFLOADED } from "./packet.ts";

function linesOf(packet: PrintedPacket): readonly string[] {
  return hexLines(packet, hexRows(packet, layersOf(packet)));
}

describe("lines", () => {
  const lines = linesOf(packetOf(bytesOf(ECHO_IN_VXLAN)));

  it("are one a field, with its bytes; fields that share a byte share a line", () => {
    expect(lines.slice(0, 16)).toEqual([
      "  Ethernet",
      "    0000  52 54 00 77 00 0c         ethernet.dstMac = 52:54:00:77:00:0c",
      "    0006  52 54 00 77 00 0b         ethernet.srcMac = 52:54:00:77:00:0b",
      "    000c  08 00                     ethernet.etherType = 0x0800 (IPv4)",
      "  IPv4",
      "    000e  45                        ipv4.version = 4, ihl = 5",
      "    000f  00                        ipv4.tos = 0x00",
      "    0010  00 86                     ipv4.totalLength = 134",
      "    0012  78 62                     ipv4.identification = 0x7862 (30818)",
      "    0014  00 00                     ipv4.reservedFlag = no, dontFragment = no, moreFragments = no, fragmentOffsetUnits = 0",
      "    0016  40                        ipv4.ttl = 64",
      "    0017  11                        ipv4.protocol = 17 (UDP)",
      "    0018  e6 9c                     ipv4.headerChecksum = 0xe69c",
      "    001a  c0 a8 4d 0b               ipv4.srcIp = 192.168.77.11",
      "    001e  c0 a8 4d 0c               ipv4.dstIp = 192.168.77.12",
      "  UDP",
    ]);
  });

  it("end with the payload as an ordinary dump", () => {
    expect(lines.slice(-4)).toEqual([
      "    005c  88 74 bd b4 00 00 00 00 00 00 00 00 00 00 00 00  |.t..............|  payload",
      "    006c  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  |................|",
      "    007c  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  |................|",
      "    008c  00 00 00 00 00 00 00 00                          |........|",
    ]);
  });

  it("have options one by one", () => {
    expect(linesOf(packetOf(bytesOf(SYN_OFFLOADED))).slice(-6)).toEqual([
      "    0036  02 04 05 82               tcp option mss 1410",
      "    003a  04 02                     tcp option sack permitted",
      "    003c  08 0a 0a c1 78 8f 00 00   tcp option timestamp 180451471 0",
      "    0044  00 00",
      "    0046  01                        tcp option padding",
      "    0047  03 03 0a                  tcp option window scale 10",
    ]);
  });

  it("show malformed options as bytes", () => {
    const bytes = bytesOf(SYN_OFFLOADED);
    bytes[55] = 0xff;
    expect(linesOf(packetOf(bytes)).slice(-2)).toEqual([
      "    0036  02 ff 05 82 04 02 08 0a 0a c1 78 8f 00 00 00 00  |..........x.....|  tcp (rest)",
      "    0046  01 03 03 0a                                      |....|",
    ]);
  });

  it("name what follows the fixed part of a message, and padding", () => {
    const packet = packetOf(Uint8Array.from([...bytesOf(DNS_ANSWER), 1, 2]));
    expect(linesOf(packet)).toContain(
      "    0036  0f 6f 76 65 72 6c 61 79 5f 73 65 72 76 69 63 65  |.overlay_service|  dns (rest)",
    );
    expect(linesOf(packet).at(-1)).toBe(
      "    006a  01 02                                            |..|  padding or trailer",
    );
  });

  it("give an IPv6 address two lines", () => {
    const six = packetOf(bytesOf(`6000000000003b40${"00".repeat(15)}01${"ff".repeat(16)}`), { linkType: 229 });
    expect(linesOf(six).slice(-4)).toEqual([
      "    0008  00 00 00 00 00 00 00 00   ipv6.srcIp = ::1",
      "    0010  00 00 00 00 00 00 00 01",
      "    0018  ff ff ff ff ff ff ff ff   ipv6.dstIp = ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      "    0020  ff ff ff ff ff ff ff ff",
    ]);
  });
});

describe("a header with bytes that no field has", () => {
  it("says that they are reserved", () => {
    const six = `6000000000102c40${"00".repeat(32)}3b00000100000009${"61".repeat(8)}`;
    expect(linesOf(packetOf(bytesOf(six), { linkType: 229 })).slice(-6)).toEqual([
      "  IPv6 fragment",
      "    0028  3b                        fragment.nextHeader = 59 (no next header)",
      "    0029  00                                               |.|  fragment reserved",
      "    002a  00 01                     fragment.fragmentOffsetUnits = 0, moreFragments = yes",
      "    002c  00 00 00 09               fragment.identification = 0x00000009 (9)",
      "    0030  61 61 61 61 61 61 61 61                          |aaaaaaaa|  payload",
    ]);
  });
});

describe("rows", () => {
  it("cover every byte of a frame once and in order, whatever the frame", () => {
    const seeds = [ECHO_IN_VXLAN, SYN_OFFLOADED, PORT_UNREACHABLE, DNS_ANSWER].map(bytesOf);
    const edits = fc.array(fc.tuple(fc.nat(150), fc.nat(255)), { maxLength: 5 });
    const linkTypes = fc.constantFrom(1, 1, 1, 0, 101, 113, 276, 229, 147);
    fc.assert(
      fc.property(fc.constantFrom(...seeds), edits, fc.nat(30), linkTypes, (seed, changes, extra, linkType) => {
        const bytes = Uint8Array.from([...seed, ...new Uint8Array(extra)]);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        const packet = packetOf(bytes, { linkType });
        let told = 0;
        for (const row of hexRows(packet, layersOf(packet))) {
          expect(row.start).toBe(told);
          expect(row.end > row.start || row.kind === "layer").toBe(true);
          told = row.end;
        }
        expect(told).toBe(bytes.length);
      }),
    );
  });
});
