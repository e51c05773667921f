/** `iperf3` against what a real one printed and sent (fixtures/inspect/record-iperf3.py), and on a bad cable. */
import { readFileSync } from "node:fs";
import { IpProtocol } from "@hopscope/codec/code-points";
import * as ipv4 from "@hopscope/codec/ipv4";
import * as tcp from "@hopscope/codec/tcp";
import * as udp from "@hopscope/codec/udp";
import { describe, expect, test } from "vitest";
import type { Frame } from "../../src/frame.ts";
import { Signal } from "../../src/program/process.ts";
import { spawn } from "../../src/program/shell.ts";
import { Direction } from "../../src/trace/recorder.ts";
import { environmentOf, type Faults, type Hosts, pass, SECOND, segmentsAt, twoHosts } from "../host/two-hosts.ts";

/** Direction, protocol, length; of one byte that byte, too. */
type Payload = readonly (string | number)[];

interface Recorded {
  readonly command: string;
  readonly status: number;
  readonly output: readonly string[];
  readonly server: readonly string[];
  readonly payloads: readonly Payload[];
}

const FILE = new URL("../../../../fixtures/inspect/iperf3.json", import.meta.url);
const RECORDED = JSON.parse(readFileSync(FILE, "utf8")) as readonly Recorded[];

interface Ran {
  readonly hosts: Hosts;
  readonly status: number | undefined;
  readonly output: readonly string[];
  readonly server: readonly string[];
}

/** The command on a while `server` runs on b. */
function iperf3(command: string, server = "-s -1", faults?: Faults): Ran {
  const hosts = twoHosts(1500, faults);
  for (const link of hosts.links) link.setOffloads({ tso: false, gso: false, gro: false });
  hosts.recorder.start();
  const [output, printed]: [string[], string[]] = [[], []];
  const start = (words: string, on: "a" | "b", lines: string[]): ReturnType<typeof spawn> =>
    spawn(words.split(" "), environmentOf(hosts[on]), { print: (line) => void lines.push(line) });
  if (server !== "") start(`iperf3 ${server}`, "b", printed);
  pass(hosts, 0.1 * SECOND);
  const client = start(command, "a", output);
  pass(hosts, 60 * SECOND);
  return { hosts, status: client.status, output, server: printed };
}

/** Lines without their numbers, and what stands between them: what is left is iperf3's. */
function shapeOf(lines: readonly string[]): readonly string[] {
  return lines.map((line) =>
    line
      .replaceAll(/ +[\d.]+ +[KMG]?(Bytes|bits|Bytes\/sec|bits\/sec)\b/g, " N $1")
      .replaceAll(/ *\d+(?:\.\d+)?/g, " N"),
  );
}

/** Payloads at a's device, as the recorder wrote them. */
function payloadsOf({ recorder, links }: Hosts): readonly Payload[] {
  const payloads: Payload[] = [];
  for (const hop of recorder.order()) {
    if (recorder.point(hop) !== links[0].point) continue;
    const bytes = recorder.bytes(hop);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (view.getUint16(12) !== 0x0800) continue;
    const at = ipv4.payloadStart(view, 14);
    const isTcp = ipv4.protocol(view, 14) === IpProtocol.tcp;
    const start = isTcp ? tcp.payloadStart(view, at) : at + udp.HEADER_LENGTH;
    const length = ipv4.payloadEnd(view, 14, bytes.length) - start;
    if (length === 0) continue;
    const direction = recorder.direction(hop) === Direction.out ? "out" : "in";
    payloads.push([direction, isTcp ? "tcp" : "udp", length, ...(length === 1 ? [view.getUint8(start)] : [])]);
  }
  return payloads;
}

/** Results are longer where a CPU's load is in them: their lengths are not compared. */
function comparable(payloads: readonly Payload[], direction: string): readonly Payload[] {
  return payloads
    .filter(([way]) => way === direction)
    .map(([way = "", protocol = "", length = 0, byte]) =>
      Number(length) > 200 && Number(length) < 400
        ? [way, protocol, 0]
        : byte === undefined
          ? [way, protocol, length]
          : [way, protocol, 1, byte],
    );
}

describe("as a real one", () => {
  test.each(RECORDED.map((each) => [each.command, each] as const))("%s", (command, recorded) => {
    const server = `-s -1${command.includes("-f K") ? " -f K" : ""}`;
    const { hosts, status, output, server: printed } = iperf3(command, server);
    expect(status).toBe(recorded.status);
    expect(shapeOf(output)).toEqual(shapeOf(recorded.output));
    if (recorded.server.length === 0) return;
    expect(shapeOf(printed)).toEqual(shapeOf(recorded.server));
    if (recorded.payloads.length === 0) return;
    const payloads = payloadsOf(hosts);
    for (const way of ["in", "out"]) expect(comparable(payloads, way)).toEqual(comparable(recorded.payloads, way));
  });

  test("there are recordings with payloads", () => {
    expect(RECORDED.filter(({ payloads }) => payloads.length > 20).length).toBeGreaterThanOrEqual(3);
  });

  test("sends datagrams at the rate that was asked for", () => {
    const { output } = iperf3("iperf3 -c 10.7.0.2 -u -t 2");
    expect(output[3]).toBe("[  5]   0.00-1.00   sec   129 KBytes  1.05 Mbits/sec  91  ");
    expect(output.at(-4)).toBe("[  5]   0.00-2.00   sec   256 KBytes  1.05 Mbits/sec  0.000 ms  0/181 (0%)  sender");
  });
});

/** Of what goes from a to b: each frame by its number among those that `is` true. */
function faultsOn(
  is: (frame: Frame, view: DataView) => boolean,
  copies: (number: number) => readonly number[],
): Faults {
  let count = 0;
  return {
    deliver: (frame, device) => {
      const { view } = device.netns.node.frames;
      return device.netns.name === "a" && is(frame, view) ? copies(++count) : [20_000];
    },
  };
}

const isData = ({ start, end }: Frame, view: DataView): boolean =>
  view.getUint16(start + 12) === 0x0800 && end - start > 1000;

describe("on a bad cable", () => {
  const UDP = "iperf3 -c 10.7.0.2 -u -k 20 -l 1000 -b 1M";

  test("datagrams that are lost are counted", () => {
    const { output, server } = iperf3(
      UDP,
      "-s -1",
      faultsOn(isData, (number) => (number % 10 === 3 ? [] : [20_000])),
    );
    const line = "[  5]   0.00-0.15   sec  17.6 KBytes   946 Kbits/sec  0.000 ms  2/20 (10%)  receiver";
    expect(output.at(-3)).toBe(line);
    expect(server.at(-1)).toBe(line);
  });

  test("so are those that come late, which are not lost", () => {
    const late = faultsOn(isData, (number) => [number === 5 ? 12_000_000 : 20_000]);
    const { output, server } = iperf3(UDP, "-s -1", late);
    expect(server.at(-1)).toBe("[  5]  0.0- 0.2 sec  1 datagrams received out-of-order");
    expect(output.at(-3)).toMatch(/ 0\/20 \(0%\) {2}receiver$/);
    expect(output.at(-3)).not.toMatch(/ 0\.000 ms/);
  });

  test("TCP says how often it sent again", () => {
    const lossy = faultsOn(isData, (number) => (number % 50 === 20 ? [] : [20_000]));
    const { hosts, output, status } = iperf3("iperf3 -c 10.7.0.2 -n 500K", "-s -1", lossy);
    expect(status).toBe(0);
    const seen = new Set<number>();
    let again = 0;
    const [first] = segmentsAt(hosts.recorder, hosts.links[0]).filter(({ data }) => data > 1000);
    for (const { from, direction, data, seq } of segmentsAt(hosts.recorder, hosts.links[0])) {
      if (direction !== "out" || from !== first!.from || data === 0) continue;
      if (seen.has(seq)) again++;
      seen.add(seq);
    }
    expect(again).toBeGreaterThan(3);
    expect(output.at(-4)).toMatch(new RegExp(` ${again} +sender$`));
  });

  test("a stream whose first datagram is lost is given up", () => {
    const isFirst = ({ start, end }: Frame, view: DataView): boolean =>
      view.getUint16(start + 12) === 0x0800 && ipv4.protocol(view, start + 14) === 17 && end - start < 60;
    const { output, status, server } = iperf3(
      UDP,
      "-s -1",
      faultsOn(isFirst, () => []),
    );
    expect(status).toBe(1);
    expect(output.at(-1)).toBe("iperf3: error - unable to read from stream socket: Resource temporarily unavailable");
    expect(server.at(-1)).toBe("iperf3: the client has unexpectedly closed the connection");
  });
});

describe("two clients, and signals", () => {
  test("the second is sent away", () => {
    const hosts = twoHosts();
    const output: string[] = [];
    const start = (words: string, on: "a" | "b", lines: string[] = []): ReturnType<typeof spawn> =>
      spawn(words.split(" "), environmentOf(hosts[on]), { print: (line) => void lines.push(line) });
    start("iperf3 -s", "b");
    const first = start("iperf3 -c 10.7.0.2 -t 3 -b 1M", "a");
    pass(hosts, SECOND);
    const second = start("iperf3 -c 10.7.0.2 -n 1", "a", output);
    pass(hosts, 10 * SECOND);
    expect([first.status, second.status]).toEqual([0, 1]);
    expect(output.at(-1)).toBe("iperf3: error - the server is busy running a test. try again later");
  });

  test("one after the other, until it is ended", () => {
    const hosts = twoHosts();
    const [one, two, lines]: [string[], string[], string[]] = [[], [], []];
    const start = (words: string, on: "a" | "b", to: string[]): ReturnType<typeof spawn> =>
      spawn(words.split(" "), environmentOf(hosts[on]), { print: (line) => void to.push(line) });
    const server = start("iperf3 -s", "b", lines);
    start("iperf3 -c 10.7.0.2 -k 5", "a", one);
    pass(hosts, SECOND);
    const interrupted = start("iperf3 -c 10.7.0.2 -t 9 -b 1M", "a", two);
    pass(hosts, 2.5 * SECOND);
    interrupted.kill(Signal.terminate);
    pass(hosts, SECOND);
    server.kill(Signal.terminate);
    expect(one.at(-1)).toBe("iperf Done.");
    expect(two.at(-1)).toBe("iperf3: interrupt - the client has terminated");
    expect(two.at(-2)).toMatch(/sender$/);
    expect(lines.filter((line) => line.startsWith("Server listening"))).toHaveLength(3);
    expect(lines).toContain("iperf3: the client has terminated");
    expect(lines.at(-1)).toBe("iperf3: interrupt - the server has terminated");
    pass(hosts, 300 * SECOND);
    expect([...hosts.a.tcp.entries, ...hosts.b.tcp.entries]).toEqual([]);
    expect(hosts.frames.live).toBe(0);
  });

  test("a port that is taken", () => {
    const { server } = iperf3("iperf3 -c 10.7.0.2 -n 1", "-s");
    expect(server[1]).toBe("Server listening on 5201 (test #1)");
    const hosts = twoHosts();
    hosts.b.tcp.listen(0, 5201);
    const lines: string[] = [];
    const taken = spawn(["iperf3", "-s"], environmentOf(hosts.b), { print: (line) => void lines.push(line) });
    pass(hosts, SECOND);
    expect([taken.status, lines[0]]).toEqual([
      1,
      "iperf3: error - unable to start listener for connections: Address already in use",
    ]);
  });
});

describe("a command line that makes no sense", () => {
  test.each([
    ["iperf3", "must either be a client (-c) or server (-s)"],
    ["iperf3 -s -c b", "cannot be both server and client"],
    ["iperf3 -s -u", "some option you are trying to set is client only"],
    ["iperf3 -c b -1", "some option you are trying to set is server only"],
    ["iperf3 -c b -t 3 -k 5", "only one test end condition (-t, -n, -k) may be specified"],
    ["iperf3 -c b -u -l 8", "block size invalid (minimum = 16 bytes, maximum = 65507 bytes)"],
    ["iperf3 -c b -l 2M", "block size too large (maximum = 1048576 bytes)"],
    ["iperf3 -c b -b fast", '-b is "fast", expected a number such as 100, 64K or 1M'],
    ["iperf3 -c b -i 61", '-i is "61", expected seconds from 0 to 60'],
    ["iperf3 -c b -f x", "bad format specifier"],
    ["iperf3 -c b -P 4", "option -P is not modelled"],
    ["iperf3 -c b c", '"c" is not understood'],
  ])("%s", (command, message) => {
    expect(() => spawn(command.split(" "), environmentOf(twoHosts().a))).toThrow(message);
  });
});
