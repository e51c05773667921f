/** A recorded run as short lines: where, which way, what. */
import * as arp from "@hopscope/codec/arp";
import { EtherType, IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as vxlan from "@hopscope/codec/vxlan";
import { formatIpv4 } from "@hopscope/codec/address";
import { Direction, type Recorder } from "../../src/trace/recorder.ts";
import { formatStep } from "../../src/trace/step.ts";

export interface HopText {
  /** `node1/overlay-net/veth1` */
  readonly point: string;
  readonly direction: "in" | "out";
  readonly packetId: number;
  readonly time: number;
  /** `ARP who has …`, `ICMP echo request … 10.0.9.3 > 10.0.9.5`, `VXLAN 4097 [ … ]` */
  readonly what: string;
  readonly steps: readonly string[];
}

export function hopsOf(recorder: Recorder): HopText[] {
  return Array.from(recorder.order(), (hop) => {
    const point = recorder.pointAt(recorder.point(hop));
    const bytes = recorder.bytes(hop);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const steps: string[] = [];
    recorder.steps(hop, (kind, a, b) =>
      steps.push(
        formatStep(
          kind,
          a,
          b,
          (at) => recorder.pointAt(at).device,
          (label) => recorder.label(label),
        ),
      ),
    );
    return {
      point: `${point.node}/${point.namespace}/${point.device}`,
      direction: recorder.direction(hop) === Direction.in ? "in" : "out",
      packetId: recorder.packetId(hop),
      time: recorder.time(hop),
      what: describe(view, 0),
      steps,
    } as const;
  });
}

/** `node1/overlay-net/veth1 in ARP …` */
export const lineOf = (hop: HopText): string => `${hop.point} ${hop.direction} ${hop.what}`;

function describe(view: DataView, start: number): string {
  const at = start + ethernet.HEADER_LENGTH;
  if (ethernet.etherType(view, start) === EtherType.arp) return `ARP ${arp.format(view, at)}`;
  const end = view.byteLength;
  if (ethernet.etherType(view, start) !== EtherType.ipv4 || ipv4.check(view, at, end) !== 0) return "other";
  const payload = ipv4.payloadStart(view, at);
  if (ipv4.protocol(view, at) === IpProtocol.udp && payload + 16 < end) {
    return `VXLAN ${vxlan.vni(view, payload + 8)} [${describe(view, payload + 16)}]`;
  }
  if (ipv4.protocol(view, at) !== IpProtocol.icmp || icmp.check(view, payload, end) !== 0) return "other";
  const type = icmp.type(view, payload);
  const name = type === 8 ? "request" : type === 0 ? "reply" : `type ${type} code ${icmp.code(view, payload)}`;
  return `ICMP ${name} ${formatIpv4(ipv4.srcIp(view, at))} > ${formatIpv4(ipv4.dstIp(view, at))}`;
}
