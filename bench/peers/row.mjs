// One row of a comparison table, measured with npm's `benchmark`: node row.mjs TABLE ROW DATA_DIR SECONDS
// The unit is a batch of 4,096 packets, because the package's own cost for a call is larger than a packet's.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dissect } from "@hopscope/codec/dissect";
import { encapsulate, VxlanTunnel } from "@hopscope/codec/encapsulation";
import { Layers } from "@hopscope/codec/layers";
import { InnerKind, VxlanPacket } from "@hopscope/codec/vxlan-packet";
import { openCaptureSync } from "@hopscope/tracer";
import { load } from "../data.mjs";
import * as decoders from "./decoders.mjs";
import * as encapsulators from "./encapsulators.mjs";
import * as readers from "./readers.mjs";

const BATCH = 4096;
const require = createRequire(import.meta.url);
const Benchmark = require("benchmark");

const [table, row, dataDirectory, seconds] = process.argv.slice(2);
const captured = join(dataDirectory, "mix.pcap");

/** A batch of `each(index)` as one function. */
function batch(each) {
  return () => {
    let sum = 0;
    for (let index = 0; index < BATCH; index++) sum = (sum + each(index)) | 0;
    return sum;
  };
}

function hopscopeDecode({ view, starts, ends }) {
  const packet = new VxlanPacket(view);
  return (index) => {
    if (packet.wrap(starts[index], ends[index]) !== 0 || packet.innerKind < InnerKind.icmp) return 0;
    const ports =
      packet.innerKind === InnerKind.icmp
        ? packet.innerIdentifier + packet.innerSequence
        : packet.innerSrcPort + packet.innerDstPort;
    const macs = packet.innerDstMacHigh + packet.innerDstMacLow + packet.innerSrcMacHigh + packet.innerSrcMacLow;
    const inner = packet.innerSrcIp + packet.innerDstIp + packet.innerProtocol + packet.innerTotalLength;
    return (packet.srcIp + packet.dstIp + packet.vni + packet.totalLength + macs + inner + ports) | 0;
  };
}

function hopscopeDissect({ view, starts, ends }) {
  const layers = new Layers();
  return (index) => {
    dissect(view, starts[index], ends[index], 1, layers);
    return layers.count + layers.start(layers.count - 1) - starts[index];
  };
}

/** The frames' outer headers are overwritten in place. */
function hopscopeEncapsulate({ view, starts, ends }) {
  const tunnel = new VxlanTunnel({
    srcMac: 0x525400120002,
    dstMac: 0x525400120001,
    srcIp: 0xc0a80a01,
    dstIp: 0xc0a80a02,
    vni: 4097,
    udpChecksum: "zero",
  });
  return (index) => {
    const at = encapsulate(tunnel, view, starts[index] + 50, ends[index], index);
    return view.getUint16(at + 24) + view.getUint16(at + 38);
  };
}

function hopscopeRead(path) {
  return () => {
    const capture = openCaptureSync(path);
    let sum = 0;
    while (capture.next()) sum += capture.end - capture.start;
    return sum;
  };
}

const DECODERS = {
  "hopscope VxlanPacket": hopscopeDecode,
  "plain DataView": decoders.dataView,
  "plain Buffer": decoders.buffers,
  "binary-parser": decoders.binaryParser,
  "smart-buffer": decoders.smartBuffer,
  "hopscope dissect": hopscopeDissect,
};
const ENCAPSULATORS = {
  "hopscope encapsulate": hopscopeEncapsulate,
  "plain new Buffer": encapsulators.newBuffer,
  "smart-buffer": encapsulators.smartBuffer,
};
const READERS = {
  "hopscope openCaptureSync": hopscopeRead,
  "plain readSync loop": readers.plainLoop,
  "pcap-parser": readers.pcapParser,
};

let run;
let cleanUp = () => {};
if (table === "read") {
  // A file of one batch.
  const { ends } = load(captured, undefined, BATCH);
  const path = join(tmpdir(), `hopscope-bench-${process.pid}.pcap`);
  writeFileSync(path, readFileSync(captured).subarray(0, ends[BATCH - 1]));
  cleanUp = () => rmSync(path);
  run = READERS[row](path);
} else {
  const setup = (table === "decode" ? DECODERS : ENCAPSULATORS)[row];
  run = batch(setup(load(captured, undefined, BATCH)));
}
const check = await run();

const isAsync = run() instanceof Promise;
const bench = new Benchmark(row, {
  defer: isAsync,
  maxTime: Number(seconds),
  fn: isAsync ? (deferred) => run().then(() => deferred.resolve()) : run,
});
bench.on("complete", () => {
  cleanUp();
  if (bench.error) throw bench.error;
  const { deviation, mean, rme, sample } = bench.stats;
  const result = { check: check >>> 0, nanoseconds: (mean * 1e9) / BATCH, rme, deviation, samples: sample.length };
  console.log(JSON.stringify(result));
});
bench.run({ async: isAsync });
