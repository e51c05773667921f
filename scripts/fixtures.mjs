/**
 * `npm run fixtures`: writes what tshark reads in every capture of fixtures/pcaps into an expectation file beside it.
 * The files are committed, so tests need no tshark; a new tshark, a new capture or a new field shows as a diff.
 *
 *   node scripts/fixtures.mjs [--out DIR] [NAME…]
 *
 * The fields are those that the codec's layout tables name, and those of `EXTRA`. The format is described in
 * fixtures/pcaps/MANIFEST.md.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { quietly, root, tool } from "./install.mjs";

export const CAPTURES = join(root, "fixtures", "pcaps");

/** Every answer is about one frame: nothing reassembled, nothing relative to another frame, checksums looked at. */
const PREFERENCES = {
  "eth.fcs": "Never",
  "ip.defragment": "FALSE",
  "ip.check_checksum": "TRUE",
  "ipv6.defragment": "FALSE",
  "udp.check_checksum": "TRUE",
  "tcp.check_checksum": "TRUE",
  "tcp.desegment_tcp_streams": "FALSE",
  "tcp.reassemble_out_of_order": "FALSE",
  "tcp.relative_sequence_numbers": "FALSE",
  "tcp.analyze_sequence_numbers": "FALSE",
  "sctp.checksum": "crc-32c",
  "sctp.relative_tsns": "FALSE",
  "sctp.tsn_analysis": "FALSE",
  "sctp.reassembly": "FALSE",
  "sctp.ulp_dissection": "FALSE",
};

/** The protocols whose blocks are kept, by tshark's names. The two of `_ws` say that tshark could not go on. */
const PROTOCOLS =
  "eth vlan ieee8021ad llc arp ip ipv6 ipv6.hopopts ipv6.routing ipv6.fraghdr ipv6.dstopts icmp icmpv6 igmp udp tcp sctp vxlan dns esp sll null data _ws.malformed _ws.short".split(
    " ",
  );

/** Fields beyond the layout tables: checksum states, and what options, records and lists hold. */
const EXTRA = {
  eth: ["eth.len"],
  ieee8021ad: ["ieee8021ad.priority", "ieee8021ad.dei", "ieee8021ad.id"],
  sll: ["sll.ltype"],
  llc: ["llc.control", "llc.pid"],
  ip: ["ip.hdr_len", "ip.checksum.status", "ip.opt.type", "ip.opt.ra"],
  "ipv6.hopopts": ["ipv6.opt.type", "ipv6.opt.router_alert"],
  "ipv6.dstopts": ["ipv6.opt.type"],
  udp: ["udp.checksum.status"],
  tcp: [
    "tcp.seq",
    "tcp.ack",
    "tcp.hdr_len",
    "tcp.len",
    "tcp.checksum.status",
    "tcp.option_kind",
    "tcp.options.mss_val",
    "tcp.options.wscale.shift",
    "tcp.options.timestamp.tsval",
    "tcp.options.timestamp.tsecr",
    "tcp.options.sack_le",
    "tcp.options.sack_re",
  ],
  sctp: [
    "sctp.checksum.status",
    "sctp.initack_initiate_tag",
    "sctp.initack_credit",
    "sctp.initack_nr_out_streams",
    "sctp.initack_nr_in_streams",
    "sctp.initack_initial_tsn",
    "sctp.sack_gap_block_start",
    "sctp.sack_gap_block_end",
    "sctp.sack_duplicate_tsn",
    "sctp.shutdown_cumulative_tsn_ack",
  ],
  icmp: ["icmp.checksum.status"],
  icmpv6: [
    "icmpv6.checksum.status",
    "icmpv6.opt.type",
    "icmpv6.opt.linkaddr",
    "icmpv6.mld.maximum_response_code",
    "icmpv6.mldr.mar.record_type",
    "icmpv6.mldr.mar.multicast_address",
  ],
  vxlan: ["vxlan.flags", "vxlan.next_proto"],
  igmp: ["igmp.checksum.status", "igmp.saddr"],
  dns: [
    "dns.qry.name",
    "dns.qry.type",
    "dns.qry.class",
    "dns.resp.name",
    "dns.resp.type",
    "dns.resp.class",
    "dns.resp.ttl",
    "dns.a",
    "dns.aaaa",
    "dns.cname",
    "dns.ns",
    "dns.ptr.domain_name",
    "dns.mx.preference",
    "dns.mx.mail_exchange",
    "dns.soa.mname",
    "dns.soa.rname",
    "dns.soa.serial_number",
    "dns.srv.service",
    "dns.srv.proto",
    "dns.srv.name",
    "dns.srv.priority",
    "dns.srv.weight",
    "dns.srv.port",
    "dns.srv.target",
    "dns.txt",
    "dns.rr.udp_payload_size",
  ],
};

/** Names of the captures, as in MANIFEST.md: `s01-ping-overlay-cross.pcapng`, `docker-28/s10-dns.pcapng`. */
export function captureNames() {
  return readdirSync(CAPTURES, { recursive: true })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => /\.pcap(?:ng)?\.gz$/.test(name))
    .map((name) => name.replace(/\.gz$/, ""))
    .toSorted((a, b) => (a < b ? -1 : 1));
}

export function expectationPath(name) {
  return `${name}.tshark.txt`;
}

/** Every layout row that a module exports: as a table, as tables by type, or from `layoutOf(type)`. */
function* layoutRows(module) {
  for (const [name, value] of Object.entries(module)) {
    if (name === "layoutOf") for (let type = 0; type < 256; type++) yield* value(type);
    else if (Array.isArray(value)) yield* value;
    else if (value !== null && typeof value === "object") {
      for (const table of Object.values(value)) if (Array.isArray(table)) yield* table;
    }
  }
}

/** The Wireshark names of all layout tables, in the tables' order, and those of `EXTRA`. */
async function wantedFields() {
  const directory = join(root, "packages", "codec", "dist");
  const names = new Set();
  for (const file of readdirSync(directory)
    .filter((file) => file.endsWith(".js"))
    .sort()) {
    const module = await import(pathToFileURL(join(directory, file)).href);
    for (const row of layoutRows(module)) if (row?.wireshark) names.add(row.wireshark);
  }
  for (const extra of Object.values(EXTRA)) for (const name of extra) names.add(name);
  return [...names];
}

export function tsharkVersion() {
  const run = spawnSync("tshark", ["--version"], { encoding: "utf8" });
  if (run.error) throw new Error(`tshark cannot be run (${run.error.code}): install Debian's package "tshark"`);
  return /\d+\.\d+\.\d+/.exec(run.stdout)[0];
}

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"' };

function unescapeXml(text) {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (_, hex, decimal, name) =>
    name === undefined
      ? String.fromCodePoint(Number.parseInt(hex ?? decimal, hex === undefined ? 10 : 16))
      : ENTITIES[name],
  );
}

function attribute(line, name) {
  const at = line.indexOf(` ${name}="`);
  if (at < 0) return "";
  const from = at + name.length + 3;
  return unescapeXml(line.slice(from, line.indexOf('"', from)));
}

/**
 * Runs tshark and answers its frames: `{ number, time, length, captured, interface, direction, comments, blocks }`;
 * a block is a protocol's `{ name, at, size, values: Map of field to values }`.
 */
async function* frames(file, fields) {
  const kept = new Set(PROTOCOLS);
  const wanted = new Set(fields);
  const args = ["-r", file, "-n", "-T", "pdml", "-J", ["frame", "pkt_comment", ...PROTOCOLS].join(" ")];
  for (const [name, value] of Object.entries(PREFERENCES)) args.push("-o", `${name}:${value}`);
  const tshark = spawn("tshark", args, {
    stdio: ["ignore", "pipe", "pipe"],
    // A person's own profile would change the answers.
    env: { ...process.env, WIRESHARK_CONFIG_DIR: join(tmpdir(), "hopscope-no-profile"), TZ: "UTC", LC_ALL: "C.UTF-8" },
  });
  let complaint = "";
  tshark.stderr.setEncoding("utf8").on("data", (text) => {
    complaint += text;
  });
  const ended = new Promise((resolve) => tshark.on("close", resolve));
  let frame;
  let open = [];
  for await (const line of createInterface({ input: tshark.stdout, crlfDelay: Infinity })) {
    const text = line.trimStart();
    if (text.startsWith("<packet>")) {
      frame = { number: 0, time: "", length: 0, captured: 0, interface: "", direction: "", comments: [], blocks: [] };
      open = [];
    } else if (text.startsWith("</packet>")) yield frame;
    else if (text.startsWith("<proto ")) {
      const block = {
        name: attribute(text, "name"),
        at: Number(attribute(text, "pos")),
        size: Number(attribute(text, "size")),
        values: new Map(),
      };
      if (kept.has(block.name)) frame.blocks.push(block);
      if (!text.endsWith("/>")) open.push(block);
    } else if (text.startsWith("</proto>")) open.pop();
    else if (text.startsWith("<field ")) {
      const name = attribute(text, "name");
      const block = open.at(-1);
      // Hidden fields of a block's own protocol count: tcp.seq_raw. Others are aliases: ip.version in IPv6.
      if (wanted.has(name) && (name.startsWith(`${block.name}.`) || !text.includes(' hide="yes"'))) {
        const { values } = block;
        values.set(name, [...(values.get(name) ?? []), attribute(text, "show")]);
      } else frameField(frame, name, text);
    }
  }
  const code = await ended;
  complaint = complaint.replace(/^Running as user .*\n/m, "").trim();
  if (code !== 0 || complaint !== "") throw new Error(`tshark ended with ${code} on ${file}: ${complaint}`);
}

function frameField(frame, name, text) {
  if (name === "num") frame.number = Number(attribute(text, "show"));
  else if (name === "timestamp") frame.time = attribute(text, "value");
  else if (name === "frame.len") frame.length = Number(attribute(text, "show"));
  else if (name === "frame.cap_len") frame.captured = Number(attribute(text, "show"));
  else if (name === "frame.interface_name") frame.interface = attribute(text, "show");
  else if (name === "frame.packet_flags_direction")
    frame.direction = ["", "in", "out"][Number(attribute(text, "show"))];
  else if (name === "frame.comment") frame.comments.push(attribute(text, "show"));
}

/** The row that the file-level digest covers: what a capture file says about a frame beside its bytes. */
function frameRow(frame) {
  const { number, time, captured, length, interface: name, direction, comments } = frame;
  return `${[number, time, captured, length, name, direction, ...comments].join("\t")}\n`;
}

const escapeValue = (text) =>
  text.replaceAll(/[\\|\t\n\r]/g, (character) => `\\x${character.codePointAt(0).toString(16).padStart(2, "0")}`);

/** The text of one expectation file. */
async function expectation(file, name, fields, version) {
  const order = new Map(fields.map((field, index) => [field, index]));
  const all = [];
  const digest = createHash("sha256");
  const columns = new Map();
  for await (const frame of frames(file, fields)) {
    digest.update(frameRow(frame));
    all.push(frame.blocks);
    for (const block of frame.blocks) {
      const seen = columns.get(block.name) ?? new Set();
      columns.set(block.name, seen);
      for (const field of block.values.keys()) seen.add(field);
    }
  }
  const lines = [
    `# What tshark ${version} reads in ${name}. Made by npm run fixtures; the format is in MANIFEST.md.`,
    `frames ${all.length} sha256 ${digest.digest("hex")}`,
  ];
  const columnsOf = new Map();
  for (const [protocol, seen] of columns) {
    const sorted = [...seen].sort((a, b) => order.get(a) - order.get(b));
    columnsOf.set(protocol, sorted);
    lines.push(`columns ${[protocol, ...sorted].join(" ")}`);
  }
  const numbers = new Map();
  const numberOf = (kind, text) => {
    const known = numbers.get(kind) ?? new Map();
    numbers.set(kind, known);
    if (!known.has(text)) {
      known.set(text, known.size + 1);
      lines.push(`${kind} ${known.size}\t${text}`);
    }
    return known.get(text);
  };
  let run = { from: 0, to: 0, text: "" };
  const flush = () => {
    if (run.from > 0) lines.push(`${run.from === run.to ? run.from : `${run.from}-${run.to}`} ${run.text}`);
  };
  for (const [index, blocks] of all.entries()) {
    const start = lines.length;
    const shape = numberOf("shape", blocks.map((block) => `${block.name}@${block.at}`).join(" "));
    const layers = blocks.map((block) =>
      numberOf(
        block.name,
        [
          block.size,
          ...columnsOf.get(block.name).map((field) => (block.values.get(field) ?? []).map(escapeValue).join("|")),
        ].join("\t"),
      ),
    );
    const text = `${shape}: ${layers.join(" ")}`;
    if (text === run.text) run.to = index + 1;
    else {
      // The lines that this frame was the first to need stand between the frames before it and this one.
      const fresh = lines.splice(start);
      flush();
      lines.push(...fresh);
      run = { from: index + 1, to: index + 1, text };
    }
  }
  flush();
  return `${lines.join("\n")}\n`;
}

/** Writes the expectation files of `names` below `out` and answers their paths. */
export async function writeExpectations(names, out) {
  const version = tsharkVersion();
  const fields = await wantedFields();
  const scratch = mkdtempSync(join(tmpdir(), "hopscope-fixtures-"));
  const written = [];
  try {
    for (const name of names) {
      const plain = join(scratch, basename(name));
      writeFileSync(plain, gunzipSync(readFileSync(join(CAPTURES, `${name}.gz`))));
      const path = join(out, expectationPath(name));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, await expectation(plain, name, fields, version));
      written.push(path);
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
  return written;
}

function main(args) {
  const outAt = args.indexOf("--out");
  const out = outAt < 0 ? CAPTURES : args.splice(outAt, 2)[1];
  // The field names come from the built layout tables.
  quietly("build", tool("tsc"), ["-b", "packages/codec"]);
  writeOddPackets();
  const names = args.length > 0 ? args : captureNames();
  return writeExpectations(names, out).then((written) => {
    console.log(`${written.length} expectation files written below ${out}`);
  });
}

/** The capture that tests make with smart-buffer is written by its test. */
function writeOddPackets() {
  process.env.HOPSCOPE_WRITE_ODD_PACKETS = "1";
  quietly("odd packets", tool("vitest"), ["run", "packages/codec/test/second-opinion/odd-packets.test.ts"]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
