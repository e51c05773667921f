import { describe, expect, it } from "vitest";
import { PLAIN, type PrintedOptions } from "../../src/print/line.ts";
import { frameTree, type TreeNode, treeLines } from "../../src/print/tree.ts";
import {
  ARP_REQUEST,
  bytesOf,
  DNS_ANSWER,
  ECHO_IN_VXLAN,
  layersOf,
  packetOf,
  PORT_UNREACHABLE,
  SYN_OFFLOADED,
} from "./packet.ts";

function treeOf(bytes: Uint8Array, linkType: number = 1): readonly TreeNode[] {
  const packet = packetOf(bytes, { linkType });
  return frameTree(packet, layersOf(packet));
}

function linesOf(bytes: Uint8Array, linkType: number = 1): readonly string[] {
  return treeLines(treeOf(bytes, linkType));
}

/** The tree's top lines. */
function titlesOf(bytes: Uint8Array): readonly string[] {
  return linesOf(bytes).filter((line) => /^ {2}\S/.test(line));
}

describe("lines", () => {
  it("of an ARP request", () => {
    expect(linesOf(bytesOf(ARP_REQUEST))).toEqual([
      "  Ethernet [0, 14) 02:42:0a:00:09:03 > ff:ff:ff:ff:ff:ff",
      "      dstMac     ff:ff:ff:ff:ff:ff",
      "      srcMac     02:42:0a:00:09:03",
      "      etherType  0x0806 (ARP)",
      "  ARP [14, 42) who has 10.0.9.5 tell 10.0.9.3",
      "      hardwareType    1",
      "      protocolType    0x0800 (IPv4)",
      "      hardwareLength  6",
      "      protocolLength  4",
      "      operation       1 (request)",
      "      senderMac       02:42:0a:00:09:03",
      "      senderIp        10.0.9.3",
      "      targetMac       00:00:00:00:00:00",
      "      targetIp        10.0.9.5",
    ]);
  });

  it("of VXLAN: every layer with its bytes and the state of its checksum", () => {
    expect(titlesOf(bytesOf(ECHO_IN_VXLAN))).toEqual([
      "  Ethernet [0, 14) 52:54:00:77:00:0b > 52:54:00:77:00:0c",
      "  IPv4 [14, 34) 192.168.77.11 > 192.168.77.12 ttl 64 id 30818 length 134, checksum valid",
      "  UDP [34, 42) 48484 > 4789 length 114, checksum valid",
      "  VXLAN [42, 50) vni 4097",
      "  Ethernet [50, 64) 02:42:0a:00:09:03 > 02:42:0a:00:09:05",
      "  IPv4 [64, 84) 10.0.9.3 > 10.0.9.5 ttl 64 id 41473 DF length 84, checksum valid",
      "  ICMP [84, 92) echo request id 25 seq 0, checksum valid",
      "  Payload [92, 148) 56 bytes",
    ]);
  });

  it("of TCP: flags by name, options one by one", () => {
    const lines = linesOf(bytesOf(SYN_OFFLOADED));
    expect(lines.find((line) => line.startsWith("  TCP"))).toMatch(
      /^ {2}TCP \[34, 74\) 51128 > 80 SYN .*, checksum offloaded$/,
    );
    expect(lines).toContain("      flags           0x02 (SYN)");
    expect(lines.slice(-6)).toEqual([
      "      options",
      "        mss            1410",
      "        sackPermitted",
      "        timestamps     value 180451471, echo 0",
      "        nop",
      "        windowScale    10",
    ]);
  });

  it("of DNS: questions and answers", () => {
    expect(linesOf(bytesOf(DNS_ANSWER)).slice(-4)).toEqual([
      "      questions",
      "        0  name overlay_service, type 1 (A), class 1",
      "      answers",
      "        a  name overlay_service, class 1, ttl 600, address 10.0.9.2",
    ]);
  });

  it("of an ICMP error: where the quotation begins", () => {
    expect(titlesOf(bytesOf(PORT_UNREACHABLE)).slice(2)).toEqual([
      "  ICMP [34, 42) port unreachable, checksum valid",
      "  IPv4 [42, 62) quoted: 10.0.9.3 > 10.0.9.5 ttl 64 id 10204 DF length 60, checksum valid",
      "  UDP [62, 70) 59374 > 5999 length 40, checksum not verified",
      "  Payload [70, 102) 32 bytes",
    ]);
    expect(linesOf(bytesOf(PORT_UNREACHABLE))).toContain("      code        3 (port unreachable)");
  });

  it("of padding, and of an error with what was needed and what there is", () => {
    const padded = Uint8Array.from([...bytesOf(ARP_REQUEST), ...new Uint8Array(18)]);
    expect(titlesOf(padded).slice(2)).toEqual(["  Padding or trailer [42, 60) 18 bytes"]);
    expect(titlesOf(bytesOf(ECHO_IN_VXLAN).subarray(0, 60)).slice(4)).toEqual([
      "  Payload [50, 60) 10 bytes",
      "  Error [14, 60) ipv4 at byte 14: needs 134 bytes, there are 46 (limit: capture)",
    ]);
    expect(titlesOf(bytesOf(`${ARP_REQUEST}00`)).at(-1)).toBe("  Padding or trailer [42, 43) 1 byte");
  });

  it("say so loudly if a checksum is wrong", () => {
    const bytes = bytesOf(ECHO_IN_VXLAN);
    bytes[100] = 1;
    expect(titlesOf(bytes).filter((line) => line.endsWith("checksum INVALID"))).toHaveLength(2);
  });

  it("with a style: names and ranges are wrapped, text is not", () => {
    const style = { ...PLAIN, protocol: (text: string) => `*${text}*`, dim: (text: string) => `(${text})` };
    expect(treeLines(treeOf(bytesOf(ARP_REQUEST)), style).slice(0, 2)).toEqual([
      "  *Ethernet* ([0, 14)) 02:42:0a:00:09:03 > ff:ff:ff:ff:ff:ff",
      "      (dstMac   )  ff:ff:ff:ff:ff:ff",
    ]);
  });
});

describe("what a pcapng file says of a packet", () => {
  const treeWith = (options: PrintedOptions): readonly string[] => {
    const packet = packetOf(bytesOf(ARP_REQUEST), { options });
    return treeLines(frameTree(packet, layersOf(packet)));
  };

  it("stands in front, in Wireshark's words", () => {
    const verdicts = [
      { kind: 0, value: Uint8Array.of(2, 255) },
      { kind: 1, value: 2n ** 64n - 1n },
      { kind: 2, value: 2 },
      { kind: 9, value: Uint8Array.of(1) },
    ];
    expect(treeWith({ packetId: 2n ** 64n - 1n, dropCount: 3, queue: 7, verdicts }).slice(0, 9)).toEqual([
      "  Frame [0, 42) 42 bytes",
      "      Packet id        18446744073709551615",
      "      Drop Count       3",
      "      Interface queue  7",
      "      Verdict          Hardware 02ff",
      "      Verdict          eBPF TC -1",
      "      Verdict          eBPF XDP 2",
      "      Verdict          kind 9 01",
      "  Ethernet [0, 14) 02:42:0a:00:09:03 > ff:ff:ff:ff:ff:ff",
    ]);
  });

  it("is left out if it says nothing of that, and zero is something", () => {
    expect(treeWith({})[0]).toMatch(/^ {2}Ethernet /);
    expect(treeWith({ verdicts: [] })[0]).toMatch(/^ {2}Ethernet /);
    expect(treeWith({ packetId: 0 })[1]).toBe("      Packet id  0");
  });
});

describe("nodes", () => {
  it("know their bytes, from the start of the frame wherever it stands in memory", () => {
    const bytes = Uint8Array.from([...new Uint8Array(77), ...bytesOf(ECHO_IN_VXLAN)]);
    const packet = { ...packetOf(bytes), start: 77 };
    const nodes = frameTree(packet, layersOf(packet));
    expect(nodes).toEqual(treeOf(bytesOf(ECHO_IN_VXLAN)));
    const inner = nodes[5]!;
    expect([inner.name, inner.start, inner.end]).toEqual(["IPv4", 64, 84]);
    const field = inner.children.find((child) => child.name === "srcIp")!;
    expect([field.value, field.start, field.end]).toEqual(["10.0.9.3", 76, 80]);
    const flag = inner.children.find((child) => child.name === "dontFragment")!;
    expect([flag.value, flag.start, flag.end]).toEqual(["yes", 70, 71]);
  });

  it("of an IPv6 header have its addresses as text", () => {
    const six = bytesOf(`6000000000043b40${"00".repeat(15)}01${"ff".repeat(16)}01020304`);
    const values = treeOf(six, 229)[0]!.children.map((child) => `${child.name} ${child.value}`);
    expect(values).toEqual([
      "version 6",
      "trafficClass 0x00",
      "flowLabel 0x00000",
      "payloadLength 4",
      "nextHeader 59 (no next header)",
      "hopLimit 64",
      "srcIp ::1",
      "dstIp ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ]);
  });

  it("of BSD loopback read the family in the writer's byte order", () => {
    const packet = bytesOf(`02000000 4500001400000000 40fd 0000 0a000903 0a000905`);
    expect(treeOf(packet, 0)[0]!.children.map((child) => `${child.name} ${child.value}`)).toEqual([
      "family 2",
      "isLittleEndian yes",
    ]);
  });
});
