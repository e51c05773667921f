/** DNS messages with every record type that the codec reads, and with the ways to write a name. */
import { bytesOf, ethernet, hex, ip4, name, udp } from "./odd-bytes.ts";
import type { OddPacket } from "./odd-packet.ts";

/** A pointer to a name at `offset` of the message (RFC 1035 §4.1.4). */
const pointer = (offset: number): Uint8Array => bytesOf([0xc000 | offset, 2]);

function record(
  owner: Uint8Array,
  type: number,
  data: Uint8Array,
  ttl: number = 600,
  recordClass: number = 1,
): Uint8Array {
  return bytesOf(owner, [type, 2], [recordClass, 2], [ttl, 4], [data.length, 2], data);
}

function header(
  flags: number,
  questions: number,
  answers: number,
  authorities: number,
  additionals: number,
): Uint8Array {
  return bytesOf([0x041e, 2], [flags, 2], [questions, 2], [answers, 2], [authorities, 2], [additionals, 2]);
}

const QUESTION = bytesOf(name("web.lab"), [255, 2], [1, 2]);
/** Offsets of the names in every message below: `web.lab` and, in it, `lab`. */
const WEB = pointer(12);
const LAB = pointer(16);

const answers = [
  record(WEB, 1, hex("0a000905")),
  record(WEB, 28, hex("fd09 0002 0000 0000 0000 0000 0000 0002")),
  record(WEB, 5, bytesOf([3, 1], "www", WEB)),
  record(WEB, 12, name("other.lab")),
  record(LAB, 15, bytesOf([10, 2], [4, 1], "mail", LAB)),
  record(LAB, 16, bytesOf([5, 1], "hello", [0, 1], [3, 1], "a=b")),
  record(bytesOf([5, 1], "_http", [4, 1], "_tcp", LAB), 33, bytesOf([0, 2], [100, 2], [8080, 2], name("web.lab"))),
  record(LAB, 65280, hex("c0ffee")),
];
const authorities = [
  record(LAB, 2, bytesOf([2, 1], "ns", LAB), 86400),
  record(
    LAB,
    6,
    bytesOf([2, 1], "ns", LAB, [4, 1], "root", LAB, [2026112101, 4], [7200, 4], [900, 4], [1209600, 4], [300, 4]),
    0x7fffffff,
  ),
];
const additionals = [
  bytesOf([0, 1], [41, 2], [1232, 2], hex("01 00 8000"), [12, 2], hex("000a 0008 0102030405060708")),
];

function over(message: Uint8Array): Uint8Array {
  return ethernet(0x0800, ip4(17, udp(53, 40000, message)));
}

const FULL = bytesOf(
  header(0x8d83, 1, answers.length, authorities.length, 1),
  QUESTION,
  ...answers,
  ...authorities,
  ...additionals,
);
const LOOP = bytesOf(header(0x0100, 1, 0, 0, 0), pointer(12), [1, 2], [1, 2]);
const BINARY = bytesOf(header(0x0100, 1, 0, 0, 0), [3, 1], hex("002e5c"), [1, 1], hex("ff"), [0, 1], [1, 2], [1, 2]);

export const ODD_DNS: readonly OddPacket[] = [
  {
    name: "DNS: every type of record, names compressed",
    linkType: 1,
    bytes: over(FULL),
    layers: "ethernet ipv4 udp dns",
    values: {
      "dns.rcode": [3],
      "dns.authoritative": [true],
      "dns.recursionDesired": [true],
      "dns.questions": [[{ name: "web.lab", type: 255, class: 1 }]],
      "dns.answers": [
        [
          { record: "a", name: "web.lab", class: 1, ttl: 600, address: 0x0a000905 },
          {
            record: "aaaa",
            name: "web.lab",
            class: 1,
            ttl: 600,
            address: hex("fd09 0002 0000 0000 0000 0000 0000 0002"),
          },
          { record: "cname", name: "web.lab", class: 1, ttl: 600, target: "www.web.lab" },
          { record: "ptr", name: "web.lab", class: 1, ttl: 600, target: "other.lab" },
          { record: "mx", name: "lab", class: 1, ttl: 600, preference: 10, exchange: "mail.lab" },
          { record: "txt", name: "lab", class: 1, ttl: 600, strings: [hex("68656c6c6f"), hex(""), hex("613d62")] },
          {
            record: "srv",
            name: "_http._tcp.lab",
            class: 1,
            ttl: 600,
            priority: 0,
            weight: 100,
            port: 8080,
            target: "web.lab",
          },
          { record: "raw", name: "lab", class: 1, ttl: 600, type: 65280, data: hex("c0ffee") },
        ],
      ],
      "dns.authorities": [
        [
          { record: "ns", name: "lab", class: 1, ttl: 86400, target: "ns.lab" },
          {
            record: "soa",
            name: "lab",
            class: 1,
            ttl: 0x7fffffff,
            primary: "ns.lab",
            mailbox: "root.lab",
            serial: 2026112101,
            refresh: 7200,
            retry: 900,
            expire: 1209600,
            minimum: 300,
          },
        ],
      ],
      "dns.additionals": [
        [
          {
            record: "opt",
            name: ".",
            udpSize: 1232,
            extendedRcode: 1,
            version: 0,
            dnssecOk: true,
            reserved: 0,
            options: [{ code: 10, data: hex("0102030405060708") }],
          },
        ],
      ],
    },
    payload: "",
  },
  {
    name: "DNS: a name that points at itself",
    linkType: 1,
    bytes: over(LOOP),
    layers: "ethernet ipv4 udp",
    values: {},
    payload: Buffer.from(LOOP).toString("hex"),
    status: "badPointer",
  },
  {
    name: "DNS: a name with a zero byte, a dot, a backslash and a byte above ASCII",
    linkType: 1,
    bytes: over(BINARY),
    layers: "ethernet ipv4 udp dns",
    values: { "dns.questions": [[{ name: "\\000\\.\\\\.\\255", type: 1, class: 1 }]] },
    payload: "",
  },
];
