// The cases, in the order of the page. `native`: the case of native/bench.c that does the same work. `target`: the most
// that the case may take of C's time, on the newest Node. `short`: part of the short form.
const decode = "codec/decode.mjs";
const encapsulation = "codec/encapsulation.mjs";
const checksum = "codec/checksum.mjs";
const reader = "tracer/pcap-reader.mjs";
const writer = "tracer/pcap-writer.mjs";

export const CASES = [
  { name: "decode", file: decode, native: "decode", target: 1.5, short: true, title: "Decode 12 fields, in cache" },
  { name: "decode-stream", file: decode, native: "decode-stream", title: "The same, all frames of the file in memory" },
  { name: "dissect", file: decode, native: "decode", short: true, title: "The same fields by `dissect`" },
  {
    name: "verify",
    file: decode,
    native: "verify",
    target: 2,
    short: true,
    title: "Decode and verify checksums, SIMD",
  },
  { name: "verify-udp", file: decode, native: "verify-udp", short: true, title: "… the outer UDP checksum too, SIMD" },
  {
    name: "verify-plain",
    file: decode,
    native: "verify",
    short: true,
    title: "Decode and verify checksums, plain code",
  },
  {
    name: "encapsulate-64",
    file: encapsulation,
    native: "encapsulate-64",
    target: 1.3,
    short: true,
    title: "Encapsulate 64 bytes, no UDP checksum",
  },
  {
    name: "encapsulate-1400",
    file: encapsulation,
    native: "encapsulate-1400",
    target: 1.3,
    short: true,
    title: "Encapsulate 1400 bytes, no UDP checksum",
  },
  {
    name: "encapsulate-udp-64",
    file: encapsulation,
    native: "encapsulate-udp-64",
    title: "Encapsulate 64 bytes, UDP checksum, SIMD",
  },
  {
    name: "encapsulate-udp-1400",
    file: encapsulation,
    native: "encapsulate-udp-1400",
    short: true,
    title: "Encapsulate 1400 bytes, UDP checksum, SIMD",
  },
  {
    name: "encapsulate-udp-1400-plain",
    file: encapsulation,
    native: "encapsulate-udp-1400",
    title: "Encapsulate 1400 bytes, UDP checksum, plain code",
  },
  {
    name: "decapsulate-64",
    file: encapsulation,
    native: "decapsulate-64",
    short: true,
    title: "Decapsulate 64 bytes, all checks",
  },
  {
    name: "decapsulate-1400",
    file: encapsulation,
    native: "decapsulate-1400",
    title: "Decapsulate 1400 bytes, all checks",
  },
  {
    name: "decapsulate-udp-1400",
    file: encapsulation,
    native: "decapsulate-udp-1400",
    title: "Decapsulate 1400 bytes, UDP checksum, SIMD",
  },
  {
    name: "build-echo",
    file: "codec/write.mjs",
    native: "build-echo",
    target: 2,
    short: true,
    title: "Build VXLAN + ICMP echo from fields",
  },
  ...[20, 64, 576, 1500, 9000].flatMap((size) => [
    {
      name: `checksum-${size}`,
      file: checksum,
      native: `checksum-${size}`,
      short: size === 1500,
      title: `Checksum of ${size} bytes, plain code`,
    },
    {
      name: `checksum-simd-${size}`,
      file: checksum,
      native: `checksum-${size}`,
      short: size === 1500,
      title: `Checksum of ${size} bytes, SIMD`,
    },
  ]),
  {
    name: "read-pcap-mix",
    file: reader,
    native: "read-pcap-mix",
    target: 1.1,
    short: true,
    title: "Read pcap and decode, mix",
  },
  {
    name: "read-pcap-small",
    file: reader,
    native: "read-pcap-small",
    target: 1.3,
    short: true,
    title: "Read pcap and decode, small",
  },
  {
    name: "write-pcap-mix",
    file: writer,
    native: "write-pcap-mix",
    target: 1.3,
    short: true,
    title: "Write pcap, mix",
  },
  {
    name: "write-pcap-small",
    file: writer,
    native: "write-pcap-small",
    target: 1.6,
    short: true,
    title: "Write pcap, small",
  },
  {
    name: "write-pcapng-mix",
    file: writer,
    native: "write-pcapng-mix",
    target: 1.3,
    short: true,
    title: "Write pcapng, mix",
  },
  {
    name: "write-pcapng-small",
    file: writer,
    native: "write-pcapng-small",
    target: 1.6,
    short: true,
    title: "Write pcapng, small",
  },
];

/** Comparisons with npm's packages, measured by npm's `benchmark`; the first row of each is ours. */
export const TABLES = [
  {
    name: "decode",
    title: "Decode the 12 fields of a VXLAN packet",
    note: "`plain`: written by hand for this one stack, without a library; `plain Buffer` and the packages check nothing. `dissect` finds layers of any stack and reads no field.",
    rows: [
      "hopscope VxlanPacket",
      "plain DataView",
      "plain Buffer",
      "binary-parser",
      "smart-buffer",
      "hopscope dissect",
    ],
  },
  {
    name: "encapsulate",
    title: "Put VXLAN headers before a frame",
    note: "Ours also hashes the flow for the source port; the others write a constant.",
    rows: ["hopscope encapsulate", "plain new Buffer", "smart-buffer"],
  },
  {
    name: "read",
    title: "Read a pcap file of 4,096 packets, opening included",
    note: "`plain readSync loop` checks nothing.",
    rows: ["hopscope openCaptureSync", "plain readSync loop", "pcap-parser"],
  },
];
