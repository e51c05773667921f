// A VXLAN packet with an ICMP echo request inside, 114 bytes, from its fields.
import { HeaderTemplate, writeEcho, writeUdp, writeVxlan } from "@hopscope/codec/write";

const PAYLOAD = 22;

function buildEcho() {
  const view = new DataView(new ArrayBuffer(256 * 128));
  const payload = new DataView(Uint8Array.from({ length: PAYLOAD }, (_, index) => index).buffer);
  const outer = new HeaderTemplate({
    srcMac: 0x525400120002,
    dstMac: 0x525400120001,
    srcIp: 0xc0a80a01,
    dstIp: 0xc0a80a02,
    protocol: 17,
  });
  const inner = new HeaderTemplate({
    srcMac: 0x02420a000002,
    dstMac: 0x02420a000001,
    srcIp: 0x0a000101,
    dstIp: 0x0a000201,
    protocol: 1,
    dontFragment: true,
  });
  const run = () => {
    let sum = 0;
    for (let index = 0; index < 1024; index++) {
      const at = (index & 255) << 7;
      const id = index & 0xffff;
      let next = outer.write(view, at, PAYLOAD + 78, id);
      next = writeUdp(view, next, 49_152 + (index & 0x3fff), 4789, PAYLOAD + 58, 0);
      next = writeVxlan(view, next, 4097);
      next = inner.write(view, next, PAYLOAD + 28, id);
      writeEcho(view, next, 8, 0x1234, id, payload, 0, PAYLOAD);
      sum =
        (sum + view.getUint16(at + 24) + view.getUint16(at + 74) + view.getUint16(at + 86) + view.getUint16(at + 112)) |
        0;
    }
    return sum;
  };
  return { run, items: 1024, averageLength: 114 };
}

export const cases = { "build-echo": buildEcho };
