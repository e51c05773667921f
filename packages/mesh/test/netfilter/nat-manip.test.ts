/** A translated SCTP packet: its checksum covers no address, but its ports, and is computed anew (nf_nat_proto.c). */
import { parseIpv4 } from "@hopscope/codec/address";
import { ChecksumStatus } from "@hopscope/codec/checksum";
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as sctp from "@hopscope/codec/sctp";
import { expect, test } from "vitest";
import { Manip, manipulate } from "../../src/netfilter/nat-manip.ts";

const [OUTSIDE, NODE, INSIDE] = ["192.168.77.100", "192.168.77.11", "172.17.0.2"].map((text) => parseIpv4(text)!);
const CHUNKS = Uint8Array.from([11, 0, 0, 4]);

function packet(): Uint8Array {
  const payload = sctp.encode({ srcPort: 40001, dstPort: 8080, verificationTag: 7, chunks: CHUNKS });
  return ipv4.encode({ srcIp: OUTSIDE!, dstIp: NODE!, protocol: IpProtocol.sctp }, payload);
}

test("SCTP: ports and address are others, header and checksum are right", () => {
  const bytes = packet();
  const view = new DataView(bytes.buffer);
  manipulate(view, 0, bytes.length, Manip.dst, INSIDE!, 80, false);
  expect([ipv4.dstIp(view, 0), sctp.srcPort(view, 20), sctp.dstPort(view, 20)]).toEqual([INSIDE, 40001, 80]);
  expect(ipv4.verifyChecksum(view, 0)).toBe(ChecksumStatus.valid);
  expect(sctp.verifyChecksum(view, 20, bytes.length)).toBe(ChecksumStatus.valid);
});

test("SCTP: quoted by an ICMP error up to its tag, it has no checksum to be computed", () => {
  const bytes = packet().slice(0, 28);
  const view = new DataView(bytes.buffer);
  manipulate(view, 0, bytes.length, Manip.src, INSIDE!, 80, false);
  expect([ipv4.srcIp(view, 0), view.getUint16(20), view.getUint32(24)]).toEqual([INSIDE, 80, 7]);
});
