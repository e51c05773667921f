/** `dig`: what it asks and prints, as the real one did with the same name server (fixtures/inspect/record-dig.py). */
import { readFileSync } from "node:fs";
import { parseIpv4 } from "@hopscope/codec/address";
import * as dns from "@hopscope/codec/dns";
import { type DnsRecord, DnsType } from "@hopscope/codec/dns-record";
import { expect, test } from "vitest";
import type { Netns } from "../../src/netns.ts";
import { machine } from "../engine/machine.ts";
import { environmentOf, runCommand } from "./run-command.ts";

interface Recorded {
  readonly command: string;
  readonly status: number;
  readonly output: readonly string[];
  /** Hexadecimal. */
  readonly questions: readonly string[];
}

const FILE = new URL("../../../../fixtures/inspect/dig.json", import.meta.url);
const RECORDED = JSON.parse(readFileSync(FILE, "utf8")) as readonly Recorded[];
const SERVER = parseIpv4("192.168.77.100")!;

const ADDRESSES: Readonly<Record<string, readonly [ttl: number, addresses: readonly string[]]>> = {
  rr: [600, ["10.0.9.13", "10.0.9.12", "10.0.9.14"]],
  "ext.lab": [60, ["192.168.77.100"]],
  "a-very-long-name.of-another.network": [600, ["10.0.9.5"]],
};

/** The name server of the recording; answers what it was asked. */
function serve(netns: Netns): string[] {
  const asked: string[] = [];
  const socket = netns.udp.socket();
  socket.bind(SERVER, 53);
  socket.waiter = {
    wakeUp() {
      for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive()) {
        asked.push(Buffer.from(datagram.bytes).toString("hex"));
        const decoded = dns.decode(datagram.bytes);
        if (!decoded.ok) throw new Error(decoded.error.message);
        const reply = replyTo(decoded.value);
        if (reply !== undefined) socket.sendTo(dns.encode(reply), datagram.ip, datagram.port);
      }
    },
  };
  return asked;
}

function replyTo({ id, questions }: dns.Dns): dns.DnsInit | undefined {
  const { name, type } = questions[0]!;
  if (name === "slow") return undefined;
  const [ttl, addresses] = ADDRESSES[name] ?? [600, []];
  let answers: DnsRecord[] = [];
  if (name === "3.9.0.10.in-addr.arpa") {
    answers = [{ record: "ptr", name, class: 1, ttl, target: "overlay_service-1.myoverlay" }];
  } else if (type === DnsType.a) {
    answers = addresses.map((each) => ({ record: "a", name, class: 1, ttl, address: parseIpv4(each)! }));
  }
  const rcode = name === "fail" ? 2 : answers.length > 0 || name in ADDRESSES ? 0 : 3;
  const flags = { response: true, recursionDesired: true, recursionAvailable: true, authoritative: name === "ext.lab" };
  return { id, rcode, ...flags, questions, answers };
}

/** Without what differs from one run to the next. */
function plain(lines: readonly string[]): string[] {
  return lines.map((line) =>
    line
      .replace(/, id: \d+$/, ", id: #")
      .replace(/(;; Query time:) \d+/, "$1 #")
      .replace(/(;; WHEN: )\w{3} \w{3} \d\d [\d:]{8} UTC \d{4}$/, "$1#"),
  );
}

/** Without the id and the cookie. */
function unsigned(question: string): string {
  return question.slice(4).replace(/(000a0008).{16}$/, "$1");
}

test.each(RECORDED.map((each) => [each.command, each] as const))("%s", (command, { status, output, questions }) => {
  const netns = machine();
  netns.addAddress(netns.loopback!, SERVER, 24);
  const asked = serve(netns);
  const files = { "/etc/resolv.conf": "nameserver 192.168.77.100\noptions ndots:0\n" };
  const done = runCommand(environmentOf(netns, "debian", files), command);
  expect({ status: done.status, output: plain(done.output) }).toEqual({ status, output: plain(output) });
  expect(asked.map(unsigned)).toEqual(questions.map(unsigned));
});

test.each([
  ["dig", "a name is expected"],
  ["dig a.b c.d", "one name is expected, not a.b and c.d"],
  ["dig -6 a.b", "-6 is not modelled"],
  ["dig +trace a.b", "+trace is not modelled"],
  ["dig +constructor a.b", "+constructor is not modelled"],
  ["nslookup -type=constructor a.b", 'invalid query type "constructor"'],
  ["dig +bufsize=512 a.b", "+bufsize=512 is not modelled"],
  ["dig +tries=0 a.b", "not a number from 1 to 100"],
  ["dig -x a.b", "expected an IPv4 address"],
  ["dig -t any a.b", "-t is none of A AAAA"],
  ["dig a.b -p", "-p needs a value"],
])("%s is refused", (command, message) => {
  expect(() => runCommand(environmentOf(machine(), "debian"), command)).toThrow(message);
});

// As bind9 9.18.49, busybox 1.35 and iputils 20221126 on glibc 2.36 said it, without asking anybody.
const LONG = "a".repeat(64);
const HUGE = Array.from({ length: 5 }, () => "a".repeat(60)).join(".");
test.each([
  ["dig a..b", 10, ["dig: 'a..b' is not a legal name (empty label)"]],
  [`dig ${LONG}`, 10, [`dig: '${LONG}' is not a legal name (label too long)`]],
  [`dig ${HUGE}`, 10, [`dig: '${HUGE}' is not a legal name (ran out of space)`]],
  ["dig \\999", 10, ["dig: '\\999' is not a legal name (bad escape)"]],
  [
    "nslookup a..b",
    1,
    [
      "nslookup: write to '192.168.77.100': Message too long",
      ";; connection timed out; no servers could be reached",
      "",
    ],
  ],
  [`ping -c 1 ${LONG}`, 2, [`ping: ${LONG}: Name or service not known`]],
  ["ping -c 1 .", 2, ["ping: .: Name or service not known"]],
])("%s: no server is asked for what is no name", (command, status, output) => {
  const netns = machine();
  netns.addAddress(netns.loopback!, SERVER, 24);
  const asked = serve(netns);
  const files = { "/etc/resolv.conf": "nameserver 192.168.77.100\n" };
  expect(runCommand(environmentOf(netns, "debian", files), command)).toEqual({ status, output });
  expect(asked).toEqual([]);
});
