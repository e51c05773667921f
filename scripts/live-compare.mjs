/**
 * The comparison with the tools that people open our files with: tshark and capinfos, which must be installed.
 *
 *   1. Fixtures: the expectation files are what the installed tshark says.
 *   2. Writers: what @hopscope/tracer writes opens in both without a complaint, with the same packets and words.
 *   3. Traces: what `hopscope run` writes has no malformed packet and no bad checksum, and its packet ids filter; with the
 *      table of keys that it writes, every ESP packet is decrypted, whatever the release of Docker and the padding.
 *   4. Examples: the display filters of their pages find frames in what they write, or none where the page says so.
 *
 * Quiet when all is well: one line a part.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { CAPTURES, captureNames, expectationPath, tsharkVersion, writeExpectations } from "./fixtures.mjs";
import { quietly, root, tool } from "./install.mjs";

const problems = [];
const scratch = mkdtempSync(join(tmpdir(), "hopscope-live-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

const DECRYPTING = ["encryption_decode", "authentication_check"].flatMap((name) => ["-o", `esp.enable_${name}:TRUE`]);

/** Runs a tool; its words on stderr are a problem. Answers its output. ESP is opened where its keys are beside a trace. */
function ask(command, args, what) {
  const folder = args.includes("-r") ? dirname(args[args.indexOf("-r") + 1]) : "";
  const hasKeys = command === "tshark" && existsSync(join(folder, "esp_sa"));
  const { status, error, stdout, stderr } = spawnSync(command, hasKeys ? [...DECRYPTING, ...args] : args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: hasKeys ? { ...process.env, WIRESHARK_CONFIG_DIR: folder } : process.env,
  });
  if (error)
    throw new Error(
      `${command} cannot be run (${error.code}): install Debian's packages "tshark" and "wireshark-common"`,
    );
  const complaint = stderr.replace(/^Running as user .*\n/m, "").trim();
  if (status !== 0 || complaint !== "") problems.push(`${what}: ${command} ended with ${status}: ${complaint}`);
  return stdout;
}

/** Rows of `-T fields`, values that occur several times joined by "|". */
function fieldsOf(file, fields, filter = "") {
  const args = ["-r", file, "-n", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|"];
  for (const field of fields) args.push("-e", field);
  if (filter !== "") args.push("-Y", filter);
  return ask("tshark", args, basename(file))
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split("\t"));
}

/** The first lines in which two texts differ. */
function firstDifference(name, committed, fresh) {
  const [ours, theirs] = [committed.split("\n"), fresh.split("\n")];
  const at = ours.findIndex((line, index) => line !== theirs[index]);
  return `${name}, line ${at + 1}:\n    committed: ${ours[at] ?? "(end)"}\n    tshark:    ${theirs[at] ?? "(end)"}`;
}

/** 1. Another release of tshark may say things in other words: then the tests judge its words instead. */
async function compareFixtures() {
  const out = join(scratch, "expectations");
  const names = captureNames();
  await writeExpectations(names, out);
  const header = readFileSync(join(CAPTURES, expectationPath(names[0])), "utf8").split("\n")[0];
  const made = / tshark (\S+) /.exec(header)[1];
  const installed = tsharkVersion();
  const release = (version) => version.split(".").slice(0, 2).join(".");
  const withoutVersion = (path) => readFileSync(path, "utf8").replace(/^.*\n/, "");
  if (release(made) === release(installed)) {
    for (const path of names.map(expectationPath)) {
      const [committed, fresh] = [withoutVersion(join(CAPTURES, path)), withoutVersion(join(out, path))];
      if (committed !== fresh)
        problems.push(`expectations are not what tshark ${installed} says: ${firstDifference(path, committed, fresh)}`);
    }
    return `${names.length} captures as tshark ${installed} reads them`;
  }
  const tests = [
    "run",
    "packages/codec/test/conformance/wireshark.test.ts",
    "packages/tracer/test/conformance/frames.test.ts",
  ];
  quietly(`tests against tshark ${installed}`, tool("vitest"), tests, {
    env: { ...process.env, HOPSCOPE_EXPECTATIONS: out },
  });
  return `${names.length} captures as tshark ${installed} reads them (the expectation files are of ${made})`;
}

/** What the files below are made of: a real capture, read with our own reader. */
async function packetsOf(name) {
  const { openCapture } = await import("@hopscope/tracer");
  const packets = [];
  for await (const packet of (await openCapture(join(CAPTURES, `${name}.gz`))).packets({ copy: true }))
    packets.push(packet);
  return packets;
}

const time = (packet, digits) =>
  `${packet.seconds}.${String(packet.nanoseconds).padStart(9, "0").slice(0, digits).padEnd(9, "0")}`;

function expectRows(what, actual, expected) {
  if (actual.length !== expected.length)
    problems.push(`${what}: ${actual.length} packets in tshark, ${expected.length} written`);
  const at = expected.findIndex((row, index) => row.join("\t") !== actual[index]?.join("\t"));
  if (at >= 0)
    problems.push(`${what}, packet ${at + 1}: written ${expected[at].join(" ")}, tshark ${actual[at]?.join(" ")}`);
}

/** capinfos' answer for one question: the last cell of its table. */
function capinfos(file, option, what) {
  return ask("capinfos", ["-T", "-M", "-r", option, file], what).trim().split("\t").at(-1);
}

async function comparePcap(packets, littleEndian, resolution) {
  const { PcapWriter } = await import("@hopscope/tracer");
  const what = `pcap-${littleEndian ? "little" : "big"}-${resolution}`;
  const file = join(scratch, `${what}.pcap`);
  const writer = new PcapWriter(file, { littleEndian, resolution });
  for (const packet of packets) writer.writePacket(packet);
  await writer.close();
  const digits = resolution === "microseconds" ? 6 : 9;
  const rows = packets.map((packet) => [time(packet, digits), `${packet.capturedLength}`, `${packet.wireLength}`]);
  expectRows(what, fieldsOf(file, ["frame.time_epoch", "frame.cap_len", "frame.len"]), rows);
  if (capinfos(file, "-c", what) !== `${packets.length}`) problems.push(`${what}: capinfos counts other packets`);
}

/** Every option that tshark shows, in both byte orders, in two sections. */
async function comparePcapng(packets, littleEndian) {
  const { PcapngWriter } = await import("@hopscope/tracer");
  const what = `pcapng-${littleEndian ? "little" : "big"}`;
  const file = join(scratch, `${what}.pcapng`);
  const writer = new PcapngWriter(file, { littleEndian, application: "hopscope", comments: ["first section"] });
  const rows = [];
  for (const half of [0, 1]) {
    if (half === 1) writer.beginSection({ littleEndian: !littleEndian, comments: ["second section"] });
    // The same in both sections: tshark 4.0 and capinfos look up all names in the first.
    const names = ["node/netns/eth0", "Grüße/br0"];
    const ids = names.map((name, index) =>
      writer.addInterface({
        name,
        description: `point ${index}`,
        snapLength: 262144,
        timestampResolution: index === 0 ? 9 : 6,
      }),
    );
    for (const packet of packets.filter((_, index) => index % 2 === half)) {
      const interfaceId = ids[packet.number % 3 === 0 ? 1 : 0];
      const comments = packet.number % 5 === 0 ? [`hop ${packet.number}`, "second comment, ünïcode"] : [];
      const options = {
        comments,
        flags: packet.number % 2 === 0 ? 1 : 2,
        packetId: packet.number,
        queue: 7,
        dropCount: 3,
      };
      writer.writePacket({ ...packet, interfaceId, options });
      const digits = interfaceId === 0 ? 9 : 6;
      const { capturedLength, wireLength, number } = packet;
      rows.push(
        [
          time(packet, digits),
          capturedLength,
          wireLength,
          names[interfaceId],
          `point ${interfaceId}`,
          options.flags,
          number,
          7,
          3,
          comments.join("|"),
        ].map(String),
      );
    }
    const end = packets.at(-1);
    const ticks = writer.ticks(0, end.seconds, end.nanoseconds);
    writer.writeBlock({
      kind: "statistics",
      interfaceId: 0,
      time: ticks,
      options: { received: packets.length, dropped: 0 },
    });
  }
  await writer.close();
  const fields =
    "time_epoch cap_len len interface_name interface_description packet_flags_direction packet_id interface_queue drop_count comment";
  const answers = fieldsOf(
    file,
    fields.split(" ").map((field) => `frame.${field}`),
  );
  const numeric = (row) => row.map((cell) => (/^0x[0-9a-f]+$/.test(cell) ? `${Number(cell)}` : cell));
  expectRows(what, answers.map(numeric), rows);
  if (capinfos(file, "-c", what) !== `${packets.length}`) problems.push(`${what}: capinfos counts other packets`);
  const comment = ask("capinfos", ["-k", file], what);
  if (!comment.includes("first section")) problems.push(`${what}: capinfos does not show the section's comment`);
  const found = fieldsOf(file, ["frame.number"], "frame.packet_id == 8").length;
  if (found !== 1) problems.push(`${what}: frame.packet_id == 8 finds ${found} packets, not 1`);
}

/** 2. */
async function compareWriters() {
  const packets = await packetsOf("s01-ping-overlay-cross.pcapng");
  for (const littleEndian of [true, false]) {
    await comparePcap(packets, littleEndian, "microseconds");
    await comparePcap(packets, littleEndian, "nanoseconds");
    await comparePcapng(packets, littleEndian);
  }
  return "pcap and pcapng in both byte orders open as they were written";
}

/** What no packet of a trace may be. A packet is seen at many interfaces: streams are not put together from that. */
const MALFORMED = ["_ws.malformed", "_ws.short", ...["ip", "icmp"].map((name) => `${name}.checksum.status == "Bad"`)];
const WRONG_SUM = ["udp", "tcp"].map((name) => `${name}.checksum.status == "Bad"`);
const READING = [
  ...["ip", "udp", "tcp"].flatMap((protocol) => ["-o", `${protocol}.check_checksum:TRUE`]),
  ...["tcp.desegment_tcp_streams:FALSE", "tcp.analyze_sequence_numbers:FALSE"].flatMap((option) => ["-o", option]),
];

/**
 * Inside a machine TCP and UDP travel with the sum of their pseudo-header only, for a network card to complete: wrong
 * for tshark, "partial" for us, and as real captures have it. Answers the frames of which we say that, or that they quote
 * a packet; of none may we say that a checksum is wrong.
 */
function unfinishedSums(file, what) {
  const { status, stdout } = spawnSync(process.execPath, ["packages/cli/dist/main.js", "decode", "--json", file], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 30,
  });
  if (status !== 0) problems.push(`${what}: hopscope decode ended with ${status}`);
  const unfinished = new Set();
  for (const line of stdout.split("\n").slice(0, -1)) {
    const { number, layers, error } = JSON.parse(line);
    const wrong = layers.find(({ checksum, quoted }) => checksum === "invalid" && quoted !== true);
    if (wrong !== undefined) problems.push(`${what}: frame ${number} has a wrong ${wrong.protocol} checksum`);
    if (error !== undefined && layers.every(({ quoted }) => quoted !== true))
      problems.push(`${what}: frame ${number}: ${error.message}`);
    if (layers.some(({ checksum, quoted }) => checksum === "partial" || quoted === true)) unfinished.add(number);
  }
  return unfinished;
}

/** Checks one trace: nothing wrong in it, and each packet's way is found by its id. Answers the number of frames. */
export async function compareTrace(file, what = basename(file)) {
  const { openCapture } = await import("@hopscope/tracer");
  const wrong = ask("tshark", ["-r", file, "-n", ...READING, "-Y", MALFORMED.join(" || ")], what).trim();
  if (wrong !== "") problems.push(`${what}: tshark finds fault with\n${wrong.split("\n").slice(0, 5).join("\n")}`);
  const unfinished = unfinishedSums(file, what);
  const sums = ["-r", file, "-n", ...READING, "-T", "fields", "-e", "frame.number", "-Y", WRONG_SUM.join(" || ")];
  const refused = ask("tshark", sums, what).split("\n").slice(0, -1).map(Number);
  const bad = refused.filter((number) => !unfinished.has(number));
  if (bad.length > 0) problems.push(`${what}: tshark finds wrong checksums in frames ${bad.slice(0, 10).join(", ")}`);
  compareEsp(file, what);
  const hops = new Map();
  let frames = 0;
  for await (const packet of (await openCapture(file)).packets()) {
    frames++;
    const id = Number(packet.packetId);
    hops.set(id, [...(hops.get(id) ?? []), packet.number]);
  }
  const seen = new Map();
  for (const [number, id] of fieldsOf(file, ["frame.number", "frame.packet_id"])) {
    seen.set(Number(id), [...(seen.get(Number(id)) ?? []), Number(number)]);
  }
  for (const [id, numbers] of hops) {
    if (numbers.join() !== seen.get(id)?.join())
      problems.push(`${what}: packet ${id} is frames ${numbers.join()}, in tshark ${seen.get(id)?.join()}`);
  }
  const [id, numbers] = [...hops].reduce((most, entry) => (entry[1].length > most[1].length ? entry : most), [0, []]);
  const filtered = fieldsOf(file, ["frame.number"], `frame.packet_id == ${id}`).flat().map(Number);
  if (filtered.join() !== numbers.join())
    problems.push(`${what}: frame.packet_id == ${id} finds ${filtered.join()}, written were ${numbers.join()}`);
  if (frames === 0) problems.push(`${what}: no frames`);
  return frames;
}

/** Every ESP packet is opened with the keys that were written, and its check value is right. Answers how many there are. */
function compareEsp(file, what) {
  const sealed = fieldsOf(file, ["frame.number"], "esp && !(esp.icv_good == 1 && udp)").flat();
  if (sealed.length > 0) problems.push(`${what}: tshark cannot decrypt frames ${sealed.slice(0, 10).join(", ")}`);
  return fieldsOf(file, ["frame.number"], "esp").length;
}

/** Runs a scenario and answers its trace. */
function traceOf(scenario) {
  const out = mkdtempSync(join(scratch, "run-"));
  quietly(`hopscope run ${scenario}`, process.execPath, [
    "packages/cli/dist/main.js",
    "run",
    scenario,
    "-q",
    "-o",
    out,
  ]);
  return join(out, "trace.pcapng");
}

/** 3. Every conformance scenario. */
async function compareTraces() {
  const scenarios = ["", "docker-28/"].flatMap((folder) =>
    readdirSync(join(root, "fixtures/conformance", folder))
      .filter((name) => name.endsWith(".yml"))
      .map((name) => `fixtures/conformance/${folder}${name}`),
  );
  let frames = 0;
  for (const scenario of scenarios) frames += await compareTrace(traceOf(scenario), scenario);
  return `${frames} frames of ${scenarios.length} simulated runs without fault`;
}

/** Pings of many lengths through an encrypted overlay of each release: every padding that there is. */
function compareEncryption() {
  const sizes = Array.from({ length: 9 }, (_, index) => 56 + index);
  let count = 0;
  for (const docker of ["20.10", "23.0", "24.0", "28", "29"]) {
    const what = `an encrypted overlay of Docker ${docker}`;
    const scenario = join(scratch, `encrypted-${docker}.yml`);
    const steps = [...sizes, 1396, 2000].map((size) => `    - exec web.1 ping -c 1 -W 1 -s ${size} 10.0.9.4\n`);
    writeFileSync(
      scenario,
      `cluster: { nodes: 2, docker: "${docker}", key_rotation: 2s }
compose:
  services: { web: { image: busybox, deploy: { replicas: 2 }, networks: [sec] } }
  networks: { sec: { driver_opts: { encrypted: "" }, ipam: { config: [{ subnet: 10.0.9.0/24 }] } } }
placement: { web.1: node-1, web.2: node-2 }
addresses: { web.1: 10.0.9.3, web.2: 10.0.9.4 }
run:
  steps:
${steps.join("    - sleep 500ms\n")}`,
    );
    const trace = traceOf(scenario);
    count += compareEsp(trace, what);
    const paddings = new Set(fieldsOf(trace, ["esp.pad_len"], "esp").flat());
    if ([...paddings].toSorted().join() !== "0,1,2,3") problems.push(`${what}: paddings are ${[...paddings].join()}`);
    const replies = fieldsOf(trace, ["frame.number"], 'icmp.type == 0 && frame.interface_name == "node-1/web.1/eth0"');
    if (replies.length < steps.length) problems.push(`${what}: ${replies.length} replies to ${steps.length} pings`);
    const plain = fieldsOf(trace, ["frame.number"], 'vxlan && !esp && frame.interface_name contains "host"');
    if (plain.length > 0) problems.push(`${what}: frames ${plain.slice(0, 10).join(", ")} are in the clear`);
  }
  return `${count} ESP packets opened with the keys beside the traces`;
}

/** The lines of a page's "```wireshark" blocks; `# none` behind a filter says that no frame may fit. */
function filtersOf(page) {
  const lines = [...page.matchAll(/^```wireshark\n([\s\S]*?)^```$/gm)].flatMap(([, block]) => block.trim().split("\n"));
  return lines.map((line) => {
    const [filter, note] = line.split(/\s+# /);
    return { filter, isNone: note === "none" };
  });
}

/** 4. Wrong checksums are some examples' subject: their traces are not judged, but their filters are. */
function compareExamples() {
  const scenarios = readdirSync(join(root, "examples"), { recursive: true, encoding: "utf8" })
    .filter((name) => basename(name) === "scenario.yml")
    .toSorted();
  let count = 0;
  for (const name of scenarios) {
    const page = join(root, "examples", dirname(name), "README.md");
    const filters = existsSync(page) ? filtersOf(readFileSync(page, "utf8")) : [];
    if (filters.length === 0) continue;
    const trace = traceOf(`examples/${name}`);
    for (const { filter, isNone } of filters) {
      count++;
      const found = fieldsOf(trace, ["frame.number"], filter).length;
      if (found === 0 ? !isNone : isNone)
        problems.push(`examples/${dirname(name)}/README.md: ${filter} finds ${found} frames`);
    }
  }
  return `${count} display filters of ${scenarios.length} examples find what their pages say`;
}

try {
  tsharkVersion();
  quietly("build", tool("tsc"), ["-b"]);
  for (const part of [compareFixtures, compareWriters, compareTraces, compareEncryption, compareExamples])
    console.log(await part());
} catch (error) {
  problems.push(error instanceof Error ? error.message : String(error));
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
