// Opens a capture in the page cache, reads every record and decodes it as codec/decode.mjs does.
import { statSync } from "node:fs";
import { join } from "node:path";
import { InnerKind, VxlanPacket } from "@hopscope/codec/vxlan-packet";
import { openCaptureSync } from "@hopscope/tracer";
import { load } from "../data.mjs";

function readCase(name) {
  return ({ dataDirectory }) => {
    const path = join(dataDirectory, `${name}.pcap`);
    const { count } = load(path);
    const packet = new VxlanPacket(new DataView(new ArrayBuffer(0)));
    const run = () => {
      const capture = openCaptureSync(path);
      let sum = 0;
      while (capture.next()) {
        // The chunk is nearly always the same one.
        if (packet.view !== capture.view) packet.view = capture.view;
        if (packet.wrap(capture.start, capture.end) !== 0 || packet.innerKind < InnerKind.icmp) continue;
        const ports =
          packet.innerKind === InnerKind.icmp
            ? packet.innerIdentifier + packet.innerSequence
            : packet.innerSrcPort + packet.innerDstPort;
        sum =
          (sum +
            packet.srcIp +
            packet.dstIp +
            packet.vni +
            packet.totalLength +
            packet.innerDstMacHigh +
            packet.innerDstMacLow +
            packet.innerSrcMacHigh +
            packet.innerSrcMacLow +
            packet.innerSrcIp +
            packet.innerDstIp +
            packet.innerProtocol +
            ports +
            packet.innerTotalLength) |
          0;
      }
      return sum;
    };
    return { run, items: count, averageLength: (statSync(path).size - 24) / count };
  };
}

export const cases = { "read-pcap-mix": readCase("mix"), "read-pcap-small": readCase("small") };
