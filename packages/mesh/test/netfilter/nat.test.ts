import * as icmp from "@hopscope/codec/icmp";
import * as ipv4 from "@hopscope/codec/ipv4";
import { ChecksumStatus, pseudoHeader4 } from "@hopscope/codec/checksum";
import * as sctp from "@hopscope/codec/sctp";
import * as tcp from "@hopscope/codec/tcp";
import * as udp from "@hopscope/codec/udp";
import { formatIpv4 } from "@hopscope/codec/address";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { echo, Firewall, sctpPacket, tcpPacket, udpPacket, unreachable } from "./firewall.ts";

const OUTSIDE = "192.168.77.100";

function masquerading(): Firewall {
  const firewall = new Firewall();
  firewall.add("nat", "POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE");
  return firewall;
}

/** `172.17.0.2:40000 > 192.168.77.100:53`, checksums looked at. */
function summary(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return "dropped";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = ipv4.payloadStart(view, 0);
  const [src, dst] = [ipv4.srcIp(view, 0), ipv4.dstIp(view, 0)];
  const pseudo = pseudoHeader4(src, dst, ipv4.protocol(view, 0), bytes.length - at);
  expect(ipv4.isChecksumValid(view, 0)).toBe(true);
  const between = (a: string, b: string): string => `${formatIpv4(src)}${a} > ${formatIpv4(dst)}${b}`;
  switch (ipv4.protocol(view, 0)) {
    case 6:
      expect(tcp.verifyChecksum(view, at, bytes.length, pseudo)).toBe(ChecksumStatus.valid);
      return between(`:${tcp.srcPort(view, at)}`, `:${tcp.dstPort(view, at)}`);
    case 17:
      expect(udp.verifyChecksum(view, at, bytes.length, pseudo)).not.toBe(ChecksumStatus.invalid);
      return between(`:${udp.srcPort(view, at)}`, `:${udp.dstPort(view, at)}`);
    case 132:
      expect(sctp.verifyChecksum(view, at, bytes.length)).toBe(ChecksumStatus.valid);
      return between(`:${sctp.srcPort(view, at)}`, `:${sctp.dstPort(view, at)}`);
    default:
      expect(icmp.verifyChecksum(view, at, bytes.length)).toBe(ChecksumStatus.valid);
      return between("", ` ${icmp.isError(view, at) ? "error" : icmp.identifier(view, at)}`);
  }
}

describe("masquerade", () => {
  test("the source becomes the way out's address, the port stays, the answer comes back", () => {
    const firewall = masquerading();
    const { docker0, eth0 } = firewall;
    const question = udpPacket({ from: "172.17.0.2:40000", to: `${OUTSIDE}:53` });
    const answer = udpPacket({ from: `${OUTSIDE}:53`, to: "192.168.77.12:40000" });
    expect(summary(firewall.forward(question, docker0, eth0))).toBe(`192.168.77.12:40000 > ${OUTSIDE}:53`);
    expect(summary(firewall.forward(answer, eth0, docker0))).toBe(`${OUTSIDE}:53 > 172.17.0.2:40000`);
    expect(firewall.connections).toEqual([
      `udp      17 30 src=172.17.0.2 dst=${OUTSIDE} sport=40000 dport=53 src=${OUTSIDE} dst=192.168.77.12 sport=53 dport=40000`,
    ]);
  });

  test("rules are asked once a connection", () => {
    const firewall = masquerading();
    const question = udpPacket({ from: "172.17.0.2:40000", to: `${OUTSIDE}:53`, payload: new Uint8Array(10) });
    for (let sent = 0; sent < 3; sent++) firewall.forward(question, firewall.docker0, firewall.eth0);
    expect(firewall.counters).toEqual(["[1:38] -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"]);
  });

  test("a port that somebody else has gives another one of its class", () => {
    const firewall = masquerading();
    const { docker0, eth0 } = firewall;
    const send = (from: string): string =>
      summary(firewall.forward(udpPacket({ from, to: `${OUTSIDE}:53` }), docker0, eth0));
    expect(send("172.17.0.2:40000")).toBe(`192.168.77.12:40000 > ${OUTSIDE}:53`);
    const second = Number(/:(\d+) >/.exec(send("172.17.0.3:40000"))![1]);
    expect(second).not.toBe(40000);
    expect(second).toBeGreaterThanOrEqual(1024);
    // The answer to each finds its own.
    const answerTo = (port: number): string =>
      summary(firewall.forward(udpPacket({ from: `${OUTSIDE}:53`, to: `192.168.77.12:${port}` }), eth0, docker0));
    expect(answerTo(40000)).toBe(`${OUTSIDE}:53 > 172.17.0.2:40000`);
    expect(answerTo(second)).toBe(`${OUTSIDE}:53 > 172.17.0.3:40000`);
    // Below 512 it stays below 512, below 1024 above 600.
    send("172.17.0.2:300");
    expect(Number(/:(\d+) >/.exec(send("172.17.0.3:300"))![1])).toBeLessThan(512);
    send("172.17.0.2:700");
    const privileged = Number(/:(\d+) >/.exec(send("172.17.0.3:700"))![1]);
    expect(privileged).toBeGreaterThanOrEqual(600);
    expect(privileged).toBeLessThan(1024);
  });

  test("the host's own connection gives way to one that was masqueraded first (null binding)", () => {
    const firewall = masquerading();
    const { docker0, eth0 } = firewall;
    firewall.forward(udpPacket({ from: "172.17.0.2:40000", to: `${OUTSIDE}:53` }), docker0, eth0);
    const own = summary(firewall.output(udpPacket({ from: "192.168.77.12:40000", to: `${OUTSIDE}:53` }), eth0));
    expect(own).toMatch(/^192\.168\.77\.12:\d+ > 192\.168\.77\.100:53$/);
    expect(own).not.toContain(":40000 ");
  });

  test("ping keeps its identifier unless it is taken", () => {
    const firewall = masquerading();
    const { docker0, eth0 } = firewall;
    const ping = (from: string): string =>
      summary(firewall.forward(echo({ from, to: OUTSIDE, id: 171 }), docker0, eth0));
    expect(ping("172.17.0.2")).toBe(`192.168.77.12 > ${OUTSIDE} 171`);
    const other = ping("172.17.0.3");
    expect(other).not.toBe(`192.168.77.12 > ${OUTSIDE} 171`);
    const id = Number(other.split(" ").at(-1));
    const reply = echo({ from: OUTSIDE, to: "192.168.77.12", id, type: 0 });
    expect(summary(firewall.forward(reply, eth0, docker0))).toBe(`${OUTSIDE} > 172.17.0.3 171`);
  });

  test("one source keeps its translated port towards all", () => {
    const firewall = masquerading();
    const { docker0, eth0 } = firewall;
    const send = (from: string, to: string): string =>
      summary(firewall.forward(udpPacket({ from, to }), docker0, eth0)).split(" ")[0]!;
    send("172.17.0.2:40000", `${OUTSIDE}:53`);
    const mapped = send("172.17.0.3:40000", `${OUTSIDE}:53`);
    expect(send("172.17.0.3:40000", "192.168.77.101:53")).toBe(mapped);
  });

  test("connections end with the device or the address that they are masqueraded as", () => {
    const firewall = masquerading();
    const { docker0, eth0, netns } = firewall;
    const connect = (): Uint8Array | undefined =>
      firewall.forward(udpPacket({ from: "172.17.0.2:40000", to: `${OUTSIDE}:53` }), docker0, eth0);
    connect();
    docker0.down();
    expect(firewall.connections).toHaveLength(1);
    eth0.down();
    expect(firewall.connections).toHaveLength(0);
    eth0.up();
    connect();
    netns.removeAddress(eth0, ipOf("192.168.77.12"), 24);
    expect(firewall.connections).toHaveLength(0);
    // Without an address there is nothing to masquerade as.
    for (const address of netns.addresses.slice())
      netns.removeAddress(address.device, address.ip, address.prefixLength);
    expect(connect()).toBeUndefined();
  });

  test("a masqueraded connection whose route changes to another device is dropped and forgotten", () => {
    const firewall = masquerading();
    const { docker0, eth0, user } = firewall;
    const question = udpPacket({ from: "172.17.0.2:40000", to: `${OUTSIDE}:53` });
    firewall.forward(question, docker0, eth0);
    expect(firewall.forward(question, docker0, user)).toBeUndefined();
    expect(firewall.connections).toHaveLength(0);
  });
});

const ipOf = (text: string): number => text.split(".").reduce((value, part) => (value << 8) | Number(part), 0);

describe("published ports", () => {
  function publishing(): Firewall {
    const firewall = masquerading();
    firewall.netfilter.iptables.newChain("nat", "DOCKER");
    firewall.add("nat", "PREROUTING -m addrtype --dst-type LOCAL -j DOCKER");
    firewall.add("nat", "OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER");
    firewall.add("nat", "DOCKER -i docker0 -j RETURN");
    firewall.add("nat", "DOCKER ! -i docker0 -p tcp -m tcp --dport 8081 -j DNAT --to-destination 172.17.0.4:80");
    return firewall;
  }
  const syn = (from: string, to: string): Uint8Array => tcpPacket({ from, to, flags: 0x02, sequence: 1000 });
  const synAck = (from: string, to: string): Uint8Array =>
    tcpPacket({ from, to, flags: 0x12, sequence: 5000, acknowledgment: 1001 });

  test("SCTP from outside: the port is translated, the answer's, too", () => {
    const firewall = publishing();
    firewall.add("nat", "DOCKER ! -i docker0 -p sctp -m sctp --dport 8082 -j DNAT --to-destination 172.17.0.4:80");
    const { docker0, eth0 } = firewall;
    const question = sctpPacket({ from: `${OUTSIDE}:40001`, to: "192.168.77.12:8082" });
    const answer = sctpPacket({ from: "172.17.0.4:80", to: `${OUTSIDE}:40001` });
    expect(summary(firewall.forward(question, eth0, docker0))).toBe(`${OUTSIDE}:40001 > 172.17.0.4:80`);
    expect(summary(firewall.forward(answer, docker0, eth0))).toBe(`192.168.77.12:8082 > ${OUTSIDE}:40001`);
  });

  test("from outside: to the container, its answer from the node", () => {
    const firewall = publishing();
    const { docker0, eth0 } = firewall;
    expect(summary(firewall.forward(syn(`${OUTSIDE}:45138`, "192.168.77.12:8081"), eth0, docker0))).toBe(
      `${OUTSIDE}:45138 > 172.17.0.4:80`,
    );
    expect(summary(firewall.forward(synAck("172.17.0.4:80", `${OUTSIDE}:45138`), docker0, eth0))).toBe(
      `192.168.77.12:8081 > ${OUTSIDE}:45138`,
    );
    expect(firewall.connections).toEqual([
      `tcp      6 60 SYN_RECV src=${OUTSIDE} dst=192.168.77.12 sport=45138 dport=8081 src=172.17.0.4 dst=${OUTSIDE} sport=80 dport=45138`,
    ]);
  });

  test("from the node to its own address: translated on the way out", () => {
    const firewall = publishing();
    expect(summary(firewall.output(syn("192.168.77.12:58082", "192.168.77.12:8081"), firewall.docker0))).toBe(
      "192.168.77.12:58082 > 172.17.0.4:80",
    );
    // But not to 127.0.0.1, nor from the bridge itself.
    expect(summary(firewall.output(syn("127.0.0.1:1", "127.0.0.1:8081"), firewall.netns.loopback))).toBe(
      "127.0.0.1:1 > 127.0.0.1:8081",
    );
    expect(summary(firewall.input(syn("172.17.0.2:2", "192.168.77.12:8081"), firewall.docker0))).toBe(
      "172.17.0.2:2 > 192.168.77.12:8081",
    );
  });

  test("REDIRECT: to the address of the device that it came by", () => {
    const firewall = new Firewall();
    firewall.add("nat", "PREROUTING -d 172.17.0.9/32 -p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 80");
    firewall.add("nat", "OUTPUT -d 172.17.0.9/32 -p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 80");
    const { docker0 } = firewall;
    expect(summary(firewall.input(syn("172.17.0.2:1000", "172.17.0.9:8080"), docker0))).toBe(
      "172.17.0.2:1000 > 172.17.0.1:80",
    );
    expect(summary(firewall.output(synAck("172.17.0.1:80", "172.17.0.2:1000"), docker0))).toBe(
      "172.17.0.9:8080 > 172.17.0.2:1000",
    );
    expect(summary(firewall.output(syn("172.17.0.1:1001", "172.17.0.9:8080"), docker0))).toBe(
      "172.17.0.1:1001 > 127.0.0.1:80",
    );
  });

  test("the embedded DNS of Docker: 127.0.0.11:53 is another port, and answers as port 53", () => {
    const firewall = new Firewall();
    firewall.add("nat", "OUTPUT -d 127.0.0.11/32 -p udp -m udp --dport 53 -j DNAT --to-destination 127.0.0.11:47112");
    firewall.add("nat", "POSTROUTING -s 127.0.0.11/32 -p udp -m udp --sport 47112 -j SNAT --to-source :53");
    const { loopback } = firewall.netns;
    const question = udpPacket({ from: "127.0.0.1:40337", to: "127.0.0.11:53" });
    expect(summary(firewall.output(question, loopback))).toBe("127.0.0.1:40337 > 127.0.0.11:47112");
    const answer = udpPacket({ from: "127.0.0.11:47112", to: "127.0.0.1:40337" });
    expect(summary(firewall.output(answer, loopback))).toBe("127.0.0.11:53 > 127.0.0.1:40337");
    // What the server says first is translated by the rule of its own.
    const unasked = udpPacket({ from: "127.0.0.11:47112", to: "127.0.0.1:9" });
    expect(summary(firewall.output(unasked, loopback))).toBe("127.0.0.11:53 > 127.0.0.1:9");
  });
});

describe("ICMP errors about translated packets", () => {
  test("recording s06: the quoted packet is translated back too, its time to live left", () => {
    const firewall = masquerading();
    const { docker0, eth0 } = firewall;
    const sent = firewall.forward(udpPacket({ from: "172.17.0.2:54494", to: `${OUTSIDE}:5999` }), docker0, eth0)!;
    const error = unreachable({ from: OUTSIDE, to: "192.168.77.12", code: 3 }, sent);
    const passed = firewall.forward(error, eth0, docker0)!;
    expect(summary(passed)).toBe(`${OUTSIDE} > 172.17.0.2 error`);
    const quoted = passed.subarray(28);
    expect(summary(quoted)).toBe(`172.17.0.2:54494 > ${OUTSIDE}:5999`);
  });

  test("about an answer that was translated on its way in", () => {
    const firewall = masquerading();
    firewall.add(
      "nat",
      "PREROUTING -d 192.168.77.12/32 -p udp -m udp --dport 53 -j DNAT --to-destination 172.17.0.2:5353",
    );
    const { docker0, eth0 } = firewall;
    const inside = firewall.forward(udpPacket({ from: `${OUTSIDE}:9`, to: "192.168.77.12:53" }), eth0, docker0)!;
    expect(summary(inside)).toBe(`${OUTSIDE}:9 > 172.17.0.2:5353`);
    // The container has no such port; the error looks as if the node had said it.
    const error = unreachable({ from: "172.17.0.2", to: OUTSIDE, code: 3 }, inside);
    const passed = firewall.forward(error, docker0, eth0)!;
    expect(summary(passed)).toBe(`192.168.77.12 > ${OUTSIDE} error`);
    expect(summary(passed.subarray(28))).toBe(`${OUTSIDE}:9 > 192.168.77.12:53`);
  });

  test("about a ping: its identifier inside the quote", () => {
    const firewall = masquerading();
    const { docker0, eth0 } = firewall;
    firewall.forward(echo({ from: "172.17.0.3", to: OUTSIDE, id: 7 }), docker0, eth0);
    const sent = firewall.forward(echo({ from: "172.17.0.2", to: OUTSIDE, id: 7 }), docker0, eth0)!;
    const passed = firewall.forward(
      unreachable({ from: "192.168.77.1", to: "192.168.77.12", code: 1 }, sent),
      eth0,
      docker0,
    )!;
    expect(summary(passed)).toBe("192.168.77.1 > 172.17.0.2 error");
    expect(summary(passed.subarray(28))).toBe(`172.17.0.2 > ${OUTSIDE} 7`);
  });

  test("about nothing known: INVALID, and as it was", () => {
    const firewall = masquerading();
    firewall.add("filter", "FORWARD -m conntrack --ctstate INVALID -j DROP");
    const stray = udpPacket({ from: "192.168.77.12:1", to: `${OUTSIDE}:2` });
    const error = unreachable({ from: OUTSIDE, to: "192.168.77.12", code: 3 }, stray);
    expect(firewall.forward(error, firewall.eth0, firewall.docker0)).toBeUndefined();
  });
});

describe("properties", () => {
  const byte = fc.integer({ min: 0, max: 255 });
  const port = fc.integer({ min: 1, max: 65535 });
  const payload = fc.uint8Array({ maxLength: 64 });
  const kind = fc.constantFrom("udp", "tcp", "icmp");
  /** Checksums whose corners are 0x0000 and 0xffff come up by chance too seldom: this word makes them. */
  const corner = fc.constantFrom("any", "zero", "ones");

  test("translated there, answered, translated back: identity, with every checksum right", () => {
    const firewall = masquerading();
    const { docker0, eth0 } = firewall;
    fc.assert(
      fc.property(kind, byte, port, port, payload, corner, (protocol, last, srcPort, dstPort, data, edge) => {
        const from = `172.17.1.${last}:${srcPort}`;
        const to = `${OUTSIDE}:${dstPort}`;
        const make = (source: string, target: string, isAnswer: boolean): Uint8Array => {
          const bytes = edged(edge, data);
          if (protocol === "udp") return udpPacket({ from: source, to: target, payload: bytes });
          if (protocol === "tcp") return tcpPacket({ from: source, to: target, flags: 0x02, payload: bytes });
          return echo({ from: source, to: target, id: srcPort, type: isAnswer ? 0 : 8, payload: bytes });
        };
        const question = make(from, to, false);
        const out = firewall.forward(question, docker0, eth0);
        const seen = summary(out);
        const mapped = /^(192\.168\.77\.12)(?::(\d+))? > \S+?(?: (\d+))?$/.exec(seen)!;
        expect(mapped).not.toBeNull();
        const back =
          protocol === "icmp"
            ? echo({ from: OUTSIDE, to: "192.168.77.12", id: Number(mapped[3]), type: 0, payload: data })
            : protocol === "udp"
              ? udpPacket({ from: to, to: `192.168.77.12:${mapped[2]}`, payload: data })
              : tcpPacket({ from: to, to: `192.168.77.12:${mapped[2]}`, flags: 0x12, payload: data });
        const inside = summary(firewall.forward(back, eth0, docker0));
        expect(inside).toBe(protocol === "icmp" ? `${OUTSIDE} > 172.17.1.${last} ${srcPort}` : `${to} > ${from}`);
      }),
      { numRuns: 500 },
    );
  });

  /** A word in front of the payload that brings the UDP or TCP sum to a corner, whatever the rest is. */
  function edged(edge: "any" | "zero" | "ones", data: Uint8Array): Uint8Array {
    if (edge === "any") return data;
    const fill = edge === "zero" ? 0x00 : 0xff;
    return Uint8Array.from([fill, fill, ...data]);
  }

  test("every UDP checksum stays right, its two zeros too", () => {
    const firewall = masquerading();
    const { docker0, eth0 } = firewall;
    // All values of one word of the payload pass through both corners of the sum.
    for (let word = 0; word < 0x10000; word += 1) {
      const data = Uint8Array.of(word >> 8, word & 0xff);
      const passed = firewall.forward(
        udpPacket({ from: "172.17.0.2:1", to: `${OUTSIDE}:2`, payload: data }),
        docker0,
        eth0,
      )!;
      const view = new DataView(passed.buffer);
      if (udp.checksum(view, 20) === 0) expect.fail(`word ${word} says that there is no checksum`);
      const pseudo = pseudoHeader4(ipv4.srcIp(view, 0), ipv4.dstIp(view, 0), 17, passed.length - 20);
      if (udp.verifyChecksum(view, 20, passed.length, pseudo) !== ChecksumStatus.valid) expect.fail(`word ${word}`);
    }
  });

  test("a partial checksum stays the pseudo-header's sum", () => {
    const firewall = masquerading();
    fc.assert(
      fc.property(byte, port, payload, (last, srcPort, data) => {
        const question = udpPacket({ from: `172.17.2.${last}:${srcPort}`, to: `${OUTSIDE}:53`, payload: data });
        const view = new DataView(question.buffer);
        const pseudoOf = (of: DataView): number =>
          pseudoHeader4(ipv4.srcIp(of, 0), ipv4.dstIp(of, 0), 17, question.length - 20);
        udp.setChecksum(view, 20, pseudoOf(view));
        const passed = firewall.forward(question, firewall.docker0, firewall.eth0, true)!;
        const translated = new DataView(passed.buffer);
        expect(udp.checksum(translated, 20)).toBe(pseudoOf(translated));
      }),
    );
  });

  test("no checksum in UDP stays none", () => {
    const firewall = masquerading();
    const question = udpPacket({ from: "172.17.0.2:1", to: `${OUTSIDE}:2` });
    udp.setChecksum(new DataView(question.buffer), 20, 0);
    const passed = firewall.forward(question, firewall.docker0, firewall.eth0)!;
    expect(udp.checksum(new DataView(passed.buffer), 20)).toBe(0);
  });

  test("a packet whose checksum is wrong is INVALID, and leaves untranslated", () => {
    const firewall = masquerading();
    const question = udpPacket({ from: "172.17.0.2:1", to: `${OUTSIDE}:2`, payload: Uint8Array.of(1) });
    question[28] = 2;
    const passed = firewall.forward(question, firewall.docker0, firewall.eth0)!;
    expect(passed).toEqual(question);
    expect(firewall.connections).toEqual([]);
  });
});
