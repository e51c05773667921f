// Opens a capture in the page cache, reads every record and decodes it as codec/decode.mjs does.
import { statSync } from "node:fs";
import { join } from "node:path";
import { InnerKind, VxlanPacket } from "@hopscope/codec/vxlan-packet";
import { openCaptureSync } from "@hopscope/tracer";
import { load } from "../data.mjs";

// An import is read from its cell each time; a constant of this module is not.
const ICMP = InnerKind.icmp;

/** The sum of twelve fields of each packet. A function of the module, so that V8 knows what it refers to. */
function readAll(path) {
  const packet = new VxlanPacket(new DataView(new ArrayBuffer(0)));
  const capture = openCaptureSync(path);
  let sum = 0;
  while (capture.next()) {
    // The chunk is nearly always the same one.
    if (packet.view !== capture.view) packet.view = capture.view;
    if (packet.wrap(capture.start, capture.end) !== 0 || packet.innerKind < ICMP) continue;
    sum = (sum + packet.srcIp) | 0;
    sum = (sum + packet.dstIp) | 0;
    sum = (sum + packet.innerDstMacLow) | 0;
    sum = (sum + packet.innerSrcMacLow) | 0;
    sum = (sum + packet.innerSrcIp) | 0;
    sum = (sum + packet.innerDstIp) | 0;
    sum = (sum + (packet.innerDstMacHigh + packet.innerSrcMacHigh)) | 0;
    sum = (sum + (packet.vni + packet.totalLength)) | 0;
    sum = (sum + (packet.innerTotalLength + packet.innerProtocol)) | 0;
    if (packet.innerKind === ICMP) sum = (sum + (packet.innerIdentifier + packet.innerSequence)) | 0;
    else sum = (sum + (packet.innerSrcPort + packet.innerDstPort)) | 0;
  }
  return sum;
}

function readCase(name) {
  return ({ dataDirectory }) => {
    const path = join(dataDirectory, `${name}.pcap`);
    const { count } = load(path);
    return { run: () => readAll(path), items: count, averageLength: (statSync(path).size - 24) / count };
  };
}

export const cases = { "read-pcap-mix": readCase("mix"), "read-pcap-small": readCase("small") };
