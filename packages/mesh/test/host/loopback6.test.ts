/**
 * What happens at ::1: a machine says to itself what Linux 6.18 said, frame by frame, and programs print what they printed
 * there (fixtures/sockets, "loopback6"). All of it one after the other, as it was recorded.
 */
import { readFileSync } from "node:fs";
import { formatIpv4, formatIpv6 } from "@hopscope/codec/address";
import { EtherType, IpProtocol } from "@hopscope/codec/code-points";
import * as ethernet from "@hopscope/codec/ethernet";
import * as icmpv6 from "@hopscope/codec/icmpv6";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as ipv6 from "@hopscope/codec/ipv6";
import * as tcp from "@hopscope/codec/tcp";
import * as tcpOptions from "@hopscope/codec/tcp-options";
import * as udp from "@hopscope/codec/udp";
import { describe, expect, test } from "vitest";
import { type Errno, Errno as E, strerror } from "../../src/errno.ts";
import { IPV6_ANY, parseIp } from "../../src/host/ipv6-address.ts";
import { Process } from "../../src/program/process.ts";
import type { Environment, Userland } from "../../src/program/program.ts";
import { spawn } from "../../src/program/shell.ts";
import { Direction } from "../../src/trace/recorder.ts";
import { machine, passOn } from "../engine/machine.ts";
import { environmentOf, runCommand } from "../program/run-command.ts";

interface Recorded {
  readonly steps: readonly { readonly command: string; readonly status: number; readonly output: string }[];
  readonly frames: readonly { readonly at: number; readonly hex: string }[];
}

const FILE = new URL("../../../../fixtures/sockets/loopback6.json", import.meta.url);
const RECORDED = JSON.parse(readFileSync(FILE, "utf8")) as Readonly<Record<string, Recorded>>;
const HOSTS = "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n";

/** The machine as it was recorded. */
const netns = machine();
const { recorder, simulator } = netns.node;
recorder.start();
const machines = { debian: at("debian"), busybox: at("busybox") };
netns.tcp.listen(IPV6_ANY, 8080, 4096);
netns.tcp.listen(IPV6_ANY, 8081, 0);
netns.tcp.listen(IPV6_ANY, 8083, 4096, undefined, true);
netns.tcp.listen(0, 8084, 4096);
netns.udp.socket().bind(IPV6_ANY, 9000);
spawn(["httpd", "-f", "-p", "8082", "-h", "/www"], machines.busybox);

function at(userland: Userland): Environment {
  return environmentOf(netns, userland, { "/etc/hosts": HOSTS, "/www/index.html": "hello\n" });
}

function run(command: string): { readonly status: number; readonly output: readonly string[] } {
  if (command.startsWith("udp ")) return { status: 0, output: [sendUdp(command)] };
  const isBusybox = command.startsWith("busybox ");
  return runCommand(machines[isBusybox ? "busybox" : "debian"], command.replace("busybox ", ""));
}

/** As the recorder's `udp`: hello, and what comes of it within 0.3 s. */
function sendUdp(command: string): string {
  const [, address = "", port = ""] = command.split(" ");
  let error: Errno = E.none;
  const process = new Process(machines.debian);
  function* main(): Generator<void, number, boolean> {
    const socket = process.own(netns.udp.socket());
    error = socket.connect(parseIp(address)!, Number(port));
    if (error === E.none) socket.send(new TextEncoder().encode("hello"));
    yield* process.poll(process.softnet.now + 300_000_000);
    error = socket.takeError();
    return 0;
  }
  process.start(main());
  simulator.run();
  return error === E.none ? "nothing" : strerror(error);
}

/** What left by lo since hop `from`. */
function framesSince(from: number): readonly string[] {
  const found: string[] = [];
  for (let hop = from; hop < recorder.hopCount; hop++) {
    if (recorder.direction(hop) === Direction.out) found.push(describeFrame(recorder.bytes(hop)));
  }
  return found;
}

/** All but what is by chance: ports of clients, sequence numbers, identifications, flow labels, times. */
function describeFrame(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isIpv6 = ethernet.etherType(view, 0) === EtherType.ipv6;
  const ip = isIpv6
    ? [
        formatIpv6(ipv6.srcIp(view, 14)),
        formatIpv6(ipv6.dstIp(view, 14)),
        ipv6.hopLimit(view, 14),
        ipv6.trafficClass(view, 14),
      ]
    : [formatIpv4(ipv4.srcIp(view, 14)), formatIpv4(ipv4.dstIp(view, 14)), ipv4.ttl(view, 14), ipv4.tos(view, 14)];
  const head = `${bytes.length} bytes ${ethernet.dstMac(view, 0)} ${ip.join(" ")}`;
  const start = isIpv6 ? 14 + ipv6.HEADER_LENGTH : ipv4.payloadStart(view, 14);
  switch (isIpv6 ? ipv6.nextHeader(view, 14) : ipv4.protocol(view, 14)) {
    case IpProtocol.tcp:
      return `${head} ${describeTcp(view, start, bytes.length)}`;
    case IpProtocol.udp:
      return `${head} udp to ${udp.dstPort(view, start)} sum ${udp.checksum(view, start)}`;
    default: {
      const [type, code] = [icmpv6.type(view, start), icmpv6.code(view, start)];
      return `${head} icmpv6 ${type} ${code} ${icmpv6.isError(view, start) ? "" : icmpv6.sequence(view, start)}`;
    }
  }
}

function describeTcp(view: DataView, start: number, end: number): string {
  const ports = [tcp.srcPort(view, start), tcp.dstPort(view, start)].map((port) => (port < 32_768 ? port : "client"));
  const options: string[] = [];
  const dataAt = tcp.payloadStart(view, start);
  for (let from = start + tcp.HEADER_LENGTH; from < dataAt; ) {
    const kind = view.getUint8(from);
    const length = tcpOptions.optionLength(view, from, dataAt);
    if (kind === tcpOptions.TcpOptionKind.mss) options.push(`mss ${tcpOptions.mss(view, from)}`);
    else if (kind === tcpOptions.TcpOptionKind.windowScale) options.push(`scale ${tcpOptions.windowScale(view, from)}`);
    else options.push(String(kind));
    from += length;
  }
  const flags = tcp.formatFlags(tcp.flags(view, start));
  // What is in an answer may be of another length, such as its date; the window behind it likewise.
  const isSyn = (tcp.flags(view, start) & tcp.TcpFlag.syn) !== 0;
  const window = isSyn ? ` win ${tcp.window(view, start)}` : "";
  // Of what has no socket IPv4 computes the checksum, over what is by chance.
  const isWhole = (tcp.flags(view, start) & tcp.TcpFlag.rst) !== 0 && ethernet.etherType(view, 0) === EtherType.ipv4;
  const sum = isWhole ? "" : ` sum ${tcp.checksum(view, start)}`;
  return `tcp ${ports.join(" > ")} ${flags}${window} [${options.join(" ")}] ${end - dataAt}${sum}`;
}

/** Which of two processes on one CPU closes a connection first, behind the last byte of an answer, is the scheduler's. */
function withoutWhoEnds(frames: readonly string[]): readonly string[] {
  let isEnding = false;
  return frames.map((frame) => {
    if (!frame.includes(" 8082 ")) return frame;
    isEnding = (isEnding && !frame.includes("SYN")) || frame.includes("FIN");
    return isEnding ? frame.replace(/client > 8082|8082 > client/, "8082") : frame;
  });
}

/** Without times, which are a machine's own. */
function plain(output: readonly string[]): readonly string[] {
  return output.map((line) =>
    line
      .replaceAll(/time[= ]\d+(?:\.\d+)? ?ms/g, "time")
      .replace(/= [\d./]+ ms$/, "= times")
      .replaceAll(/after \d+ m/g, "after m")
      .replace(/^(< (?:Date|Last-Modified|ETag):).*/, "$1")
      .replace(/^( +[RT]X (?:packets|bytes)).*/, "$1")
      // What a datagram takes of a socket's memory is a rule of thumb.
      .replace(/^(udp6? +(?:UNCONN )?)[1-9]\d{2}|(UNCONN )[1-9]\d{2}/, "$1$2some")
      .replace(/ (?:-|\d+\/\w+) +$/, " program"),
  );
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** Sockets are listed by port here, by a hash there; who is connected by which port is by chance. */
const UNORDERED = /^(?:ss|netstat|busybox netstat) /;
/** What TIME-WAIT is left, and how ports and widths turn out. */
const BY_CHANCE = new Set(["ss -Htan", "netstat -tan"]);

describe("as Linux", () => {
  test.each(Object.keys(RECORDED))("%s", (name) => {
    const { steps, frames } = RECORDED[name]!;
    const from = recorder.hopCount;
    for (const { command, status, output } of steps) {
      if (BY_CHANCE.has(command)) continue;
      const done = run(command);
      const [found, expected] = [plain(done.output), plain(linesOf(output))];
      const order = (lines: readonly string[]): readonly string[] =>
        UNORDERED.test(command) ? lines.toSorted() : lines;
      expect({ command, status: done.status, output: order(found) }).toEqual({
        command,
        status,
        output: order(expected),
      });
      passOn(netns, 60_000_000);
    }
    passOn(netns, 200_000_000);
    const expected = frames.map(({ hex }) => describeFrame(Uint8Array.from(Buffer.from(hex, "hex"))));
    expect(withoutWhoEnds(framesSince(from))).toEqual(withoutWhoEnds(expected));
  });
});
