/** `hopscope decode`: what is in this capture? */
import { open } from "node:fs/promises";
import { type DissectOptions, DEFAULT_OPTIONS, dissect, Layers } from "@hopscope/codec";
import { CaptureError, type CaptureErrorCode } from "@hopscope/tracer/error";
import type { PacketOptions } from "@hopscope/tracer/pcapng-options";
import { fcsLength } from "@hopscope/tracer/print/fcs";
import { hexLines, hexRows } from "@hopscope/tracer/print/hex";
import { jsonLine } from "@hopscope/tracer/print/json";
import { LinePrinter, type PrintedPacket, type Style, type TimeForm } from "@hopscope/tracer/print/line";
import { frameTree, treeLines } from "@hopscope/tracer/print/tree";
import { type CaptureReader, openCapture } from "@hopscope/tracer/reader";
import { Command, InvalidArgumentError, Option } from "commander";
import { styleFor } from "./colors.ts";
import { consumed } from "./consumed.ts";
import { ExitCode } from "./exit-code.ts";
import type { Io } from "./io.ts";
import { Output } from "./output.ts";
import { Progress } from "./progress.ts";
import { captureProblem } from "./system-problem.ts";

interface DecodeFlags {
  readonly tree?: true;
  readonly hex?: true;
  readonly json?: true;
  readonly count?: number;
  readonly mac?: true;
  readonly time: TimeForm;
  readonly vxlanPort: number;
  /** False after `--no-color`. */
  readonly color: boolean;
}

const DETAILS = `
What a line says:
  #15  0.000062091  h1.eth0 >  192.168.77.11 > 192.168.77.12 VXLAN 4097 | 10.0.9.3 > 10.0.9.5 ICMP echo request …
  number, time, interface and direction if the file has them (> leaves it, < arrives), then the packet: tunnels
  first, the innermost packet last, and after a semicolon whatever is unusual (bad checksum or frame check
  sequence, fragment, cut capture, malformed options of the packet in the file).
  The packet inside an ICMP error follows after "about". Comments stand below their packet, indented; lines that
  start with # are one a packet. --tree and --json also have the packet id, drop count, queue and verdicts that a
  pcapng file gives a packet: a packet of a trace has the same id wherever it was seen.

What is read:
  pcap and pcapng in both byte orders, microseconds and nanoseconds, plain or gzipped (zstd where Node has it).
  Ethernet, Linux cooked v1 and v2, raw IP, BSD loopback. VLAN tags, LLC, ARP, IPv4, IPv6 and its extension headers,
  ICMP, ICMPv6, IGMP, UDP, TCP, SCTP, VXLAN, DNS, ESP's header.

Checksums:
  "offloaded" is ordinary where the sender's own machine captured: the network card fills them in later.

Examples:
  hopscope decode trace.pcapng                        every packet, a line each
  hopscope decode --tree --count 1 trace.pcapng       the first one, field by field
  hopscope decode --hex --count 1 trace.pcapng        the same with its bytes
  hopscope decode --json trace.pcapng | jq -c 'select(.packetId == 15) | [.time, .interface, .direction]'
                                                      the way of one packet through a trace
  hopscope decode --json trace.pcapng | jq -r '.layers[] | select(.protocol == "vxlan").fields.vni' | sort | uniq -c
  tcpdump -i eth0 -U -w - udp port 4789 | hopscope decode -

Exit status:
  0  all of it was read (also if the reader of the output stopped early)
  1  the file is damaged; the packets before the damage were printed (also if the output cannot be written)
  2  the command line makes no sense, or the file is no capture
`;

/** The command, to be added to the program; `done` takes its exit code. */
export function decodeCommand(io: Io, done: (code: ExitCode) => void): Command {
  return new Command("decode")
    .summary("what is in this capture? One line a packet, layers through VXLAN")
    .description(
      "Prints the packets of a capture file as a person would say them: one line each, layers through VXLAN.",
    )
    .argument("<file>", "pcap or pcapng, may be gzipped; - reads from standard input")
    .option("-t, --tree", "every field of every layer")
    .option("-x, --hex", "bytes, with the names of the fields they are")
    .addOption(
      new Option("-j, --json", "JSON Lines: one object a packet (docs/decode-json.md)").conflicts(["tree", "hex"]),
    )
    .option("-c, --count <n>", "stop after n packets", wholeNumber(Number.MAX_SAFE_INTEGER))
    .option("-e, --mac", "also the MAC addresses of frames that carry IP")
    .addOption(
      new Option("--time <form>", "relative to the first packet, delta to the one before, utc, epoch seconds")
        .choices(["relative", "delta", "utc", "epoch"])
        .default("relative"),
    )
    .option("--vxlan-port <n>", "UDP port of VXLAN", wholeNumber(0xffff), DEFAULT_OPTIONS.vxlanPort)
    .option("--no-color", "no colors, also on a terminal (as if NO_COLOR were set)")
    .addHelpText("after", DETAILS)
    .action(async (file: string, flags: DecodeFlags) => {
      done(await decode(file, flags, io));
    });
}

function wholeNumber(most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : 0;
    if (value < 1 || value > most) throw new InvalidArgumentError(`Expected a whole number from 1 to ${most}.`);
    return value;
  };
}

/** Reads the file and prints it. Throws for no mistake in a file; an `OutputError` if nothing can be written. */
export async function decode(file: string, flags: DecodeFlags, io: Io): Promise<ExitCode> {
  const isStdin = file === "-";
  const output = new Output(io.stdout, () => {
    if (isStdin) io.stdin.destroy();
  });
  let reader: CaptureReader | undefined;
  let problem: CaptureError | undefined;
  try {
    reader = isStdin ? await openCapture(consumed(io.stdin), { name: "stdin" }) : await openCapture(file);
    await print(reader, flags, io, output, isStdin ? undefined : await plainSizeOf(file));
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    problem = error;
  }
  await output.flush();
  // Whoever stopped reading the output does not care how the file goes on.
  return problem === undefined || output.isClosed ? ExitCode.ok : report(problem, reader?.number ?? 0, io);
}

/** Says what is wrong with the file, behind `printed` good packets. */
function report(error: CaptureError, printed: number, io: Io): ExitCode {
  const system = captureProblem(error);
  if (system !== undefined && printed === 0) {
    io.stderr.write(`hopscope: ${error.file}: ${system}\n`);
    return ExitCode.usage;
  }
  io.stderr.write(`hopscope: ${error.message}\n`);
  if (NO_CAPTURE.has(error.code)) return ExitCode.usage;
  const good =
    printed === 1 ? "1 good packet before that was printed" : `${printed} good packets before that were printed`;
  io.stderr.write(`hopscope: ${printed === 0 ? "there is no packet before that" : good}\n`);
  return ExitCode.damaged;
}

/** What says that the file is none of ours, rather than one of ours with damage. */
const NO_CAPTURE: ReadonlySet<CaptureErrorCode> = new Set([
  "ERR_CAPTURE_OPEN",
  "ERR_NOT_A_CAPTURE",
  "ERR_COMPRESSION_UNSUPPORTED",
  "ERR_PCAP_VERSION",
  "ERR_PCAPNG_VERSION",
]);

/** Bytes of a regular file that is not compressed, so that offsets in it say how far one is; undefined otherwise. */
async function plainSizeOf(file: string): Promise<number | undefined> {
  const handle = await open(file).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const found = await handle.stat();
    if (!found.isFile()) return undefined;
    const { buffer } = await handle.read(new Uint8Array(2), 0, 2, 0);
    const magic = (buffer[0]! << 8) | buffer[1]!;
    return magic === GZIP_MAGIC || magic === ZSTD_MAGIC ? undefined : found.size;
  } finally {
    await handle.close();
  }
}

const GZIP_MAGIC = 0x1f8b;
const ZSTD_MAGIC = 0x28b5;

async function print(
  reader: CaptureReader,
  flags: DecodeFlags,
  io: Io,
  output: Output,
  total: number | undefined,
): Promise<void> {
  const style = styleFor(io, flags.color);
  const printer = printerOf(flags, style, reader);
  const options: DissectOptions = { ...DEFAULT_OPTIONS, vxlanPort: flags.vxlanPort };
  const last = flags.count ?? Number.POSITIVE_INFINITY;
  const packet = new Current(reader);
  const layers = new Layers();
  const progress = new Progress(io, total);
  try {
    for await (const batch of reader.batches()) {
      while (batch.next()) {
        dissect(batch.view, batch.start, batch.end - fcsLength(packet), batch.interface.linkType, layers, options);
        if (output.line(printer(packet, layers))) {
          await output.flush();
          if (output.isClosed) return;
        }
        progress.step(batch.number, batch.offset);
        if (batch.number >= last) return;
      }
    }
  } finally {
    progress.end();
  }
}

function printerOf(
  flags: DecodeFlags,
  style: Style,
  reader: CaptureReader,
): (packet: PrintedPacket, layers: Layers) => string {
  if (flags.json === true) return jsonLine;
  const lines = new LinePrinter({ time: flags.time, macs: flags.mac === true, style });
  lines.expectInterfaces(reader.interfaces);
  if (flags.tree !== true && flags.hex !== true) return (packet, layers) => lines.line(packet, layers);
  return (packet, layers) => {
    const parts = [lines.line(packet, layers)];
    if (flags.tree === true) parts.push(...treeLines(frameTree(packet, layers), style));
    if (flags.hex === true) parts.push(...hexLines(packet, hexRows(packet, layers), style));
    return `${parts.join("\n")}\n`;
  };
}

/** The packet on which a reader stands. */
class Current implements PrintedPacket {
  readonly #reader: CaptureReader;
  /** Decoded once a packet: those of packet number … */
  #optionsOf = 0;
  #options: PacketOptions | undefined = undefined;

  constructor(reader: CaptureReader) {
    this.#reader = reader;
  }

  get view(): DataView {
    return this.#reader.view;
  }
  get start(): number {
    return this.#reader.start;
  }
  get end(): number {
    return this.#reader.end;
  }
  get wireLength(): number {
    return this.#reader.wireLength;
  }
  get interface(): PrintedPacket["interface"] {
    return this.#reader.interface;
  }
  get number(): number {
    return this.#reader.number;
  }
  get hasTime(): boolean {
    return this.#reader.hasTime;
  }
  get seconds(): number {
    return this.#reader.seconds;
  }
  get nanoseconds(): number {
    return this.#reader.nanoseconds;
  }
  get direction(): PrintedPacket["direction"] {
    return this.#reader.direction;
  }
  get options(): PacketOptions | undefined {
    const { number } = this.#reader;
    if (this.#optionsOf !== number) {
      this.#optionsOf = number;
      this.#options = this.#reader.options();
    }
    return this.#options;
  }
  get comments(): readonly string[] {
    return this.options?.comments ?? NO_COMMENTS;
  }
}

const NO_COMMENTS: readonly string[] = [];
