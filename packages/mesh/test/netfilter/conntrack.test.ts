import { TcpFlag } from "@hopscope/codec/tcp";
import { describe, expect, test } from "vitest";
import { echo, Firewall, otherPacket, tcpPacket, udpPacket } from "./firewall.ts";

const { syn, ack, fin, rst, psh } = TcpFlag;

/** A machine that only tracks, and counts what belongs to which state. */
function tracking(): Firewall {
  const firewall = new Firewall();
  for (const state of ["NEW", "ESTABLISHED", "RELATED", "INVALID"]) {
    firewall.add("filter", `FORWARD -m conntrack --ctstate ${state} -j ACCEPT`);
  }
  return firewall;
}

const CLIENT = "172.17.0.2:40000";
const SERVER = "192.168.77.100:80";

/** One TCP connection through the machine; each segment answers its state. */
class Talk {
  readonly firewall: Firewall;
  #counted = "";

  constructor(firewall: Firewall = tracking()) {
    this.firewall = firewall;
  }

  /** Sends a segment of the client's or the server's; answers the state that a rule saw. */
  send(who: "client" | "server", flags: number, sequence: number, acknowledgment: number, data = 0): string {
    const { docker0, eth0 } = this.firewall;
    const isClient = who === "client";
    const bytes = tcpPacket({
      from: isClient ? CLIENT : SERVER,
      to: isClient ? SERVER : CLIENT,
      flags,
      sequence,
      acknowledgment,
      payload: new Uint8Array(data),
    });
    const before = this.firewall.counters;
    const [from, to] = isClient ? [docker0, eth0] : [eth0, docker0];
    expect(this.firewall.forward(bytes, from, to)).toBeDefined();
    this.#counted = this.firewall.counters.find((line) => !before.includes(line)) ?? "";
    return /--ctstate (\w+)/.exec(this.#counted)?.[1] ?? "none";
  }

  /** `ESTABLISHED 432000 [ASSURED]` */
  get state(): string {
    const [line = ""] = this.firewall.connections;
    const [, , seconds, state] = line.split(/ +/);
    const mark = line.includes("[UNREPLIED]") ? " [UNREPLIED]" : line.includes("[ASSURED]") ? " [ASSURED]" : "";
    return line === "" ? "none" : `${state} ${seconds}${mark}`;
  }

  open(): void {
    this.send("client", syn, 1000, 0);
    this.send("server", syn | ack, 5000, 1001);
    this.send("client", ack, 1001, 5001);
  }
}

describe("TCP", () => {
  test("a connection's life, with the kernel's times", () => {
    const talk = new Talk();
    expect(talk.send("client", syn, 1000, 0)).toBe("NEW");
    expect(talk.state).toBe("SYN_SENT 120 [UNREPLIED]");
    expect(talk.send("server", syn | ack, 5000, 1001)).toBe("ESTABLISHED");
    expect(talk.state).toBe("SYN_RECV 60");
    expect(talk.send("client", ack, 1001, 5001)).toBe("ESTABLISHED");
    expect(talk.state).toBe("ESTABLISHED 432000 [ASSURED]");
    // Data that nobody has acknowledged is not kept for days.
    expect(talk.send("client", psh | ack, 1001, 5001, 100)).toBe("ESTABLISHED");
    expect(talk.state).toBe("ESTABLISHED 300 [ASSURED]");
    talk.send("server", ack, 5001, 1101);
    expect(talk.state).toBe("ESTABLISHED 432000 [ASSURED]");
    talk.send("client", fin | ack, 1101, 5001);
    expect(talk.state).toBe("FIN_WAIT 120 [ASSURED]");
    talk.send("server", ack, 5001, 1102);
    expect(talk.state).toBe("CLOSE_WAIT 60 [ASSURED]");
    talk.send("server", fin | ack, 5001, 1102);
    expect(talk.state).toBe("LAST_ACK 30 [ASSURED]");
    talk.send("client", ack, 1102, 5002);
    expect(talk.state).toBe("TIME_WAIT 120 [ASSURED]");
    talk.firewall.wait(120);
    expect(talk.state).toBe("none");
  });

  test("refused: the reset removes it at once", () => {
    const talk = new Talk();
    talk.send("client", syn, 1000, 0);
    expect(talk.send("server", rst | ack, 0, 1001)).toBe("ESTABLISHED");
    expect(talk.state).toBe("none");
  });

  test("reset in its middle: closed, ten seconds", () => {
    const talk = new Talk();
    talk.open();
    talk.send("client", rst | ack, 1001, 5001);
    expect(talk.state).toBe("CLOSE 10 [ASSURED]");
  });

  test("a SYN that is sent again gains no time", () => {
    const talk = new Talk();
    talk.send("client", syn, 1000, 0);
    talk.firewall.wait(3);
    expect(talk.send("client", syn, 1000, 0)).toBe("NEW");
    expect(talk.state).toBe("SYN_SENT 117 [UNREPLIED]");
  });

  test("what is outside of the window is INVALID", () => {
    const talk = new Talk();
    talk.open();
    expect(talk.send("client", ack, 1001 + 100_000, 5001, 10)).toBe("INVALID");
    // An acknowledgment of what was never sent.
    expect(talk.send("client", ack, 1001, 5001 + 100, 0)).toBe("INVALID");
    expect(talk.send("client", ack, 1001, 5001, 0)).toBe("ESTABLISHED");
    // A reset that is not where it should be.
    expect(talk.send("client", rst, 900, 0)).toBe("INVALID");
    expect(talk.state).toBe("ESTABLISHED 432000 [ASSURED]");
  });

  test("combinations of flags that make no sense, and beginnings that are none", () => {
    const talk = new Talk();
    expect(talk.send("client", syn | fin, 1, 0)).toBe("INVALID");
    expect(talk.send("client", 0, 1, 0)).toBe("INVALID");
    expect(talk.send("client", syn | ack, 1, 1)).toBe("INVALID");
    expect(talk.send("client", fin | ack, 1, 1)).toBe("INVALID");
    expect(talk.send("client", rst, 1, 0)).toBe("INVALID");
    expect(talk.state).toBe("none");
  });

  test("picked up in its middle: for five minutes until the other side answers (nf_conntrack_tcp_loose)", () => {
    const talk = new Talk();
    expect(talk.send("client", ack, 1001, 5001, 10)).toBe("NEW");
    expect(talk.state).toBe("ESTABLISHED 300 [UNREPLIED]");
    expect(talk.send("server", ack, 5001, 1011, 10)).toBe("ESTABLISHED");
    expect(talk.send("client", ack, 1011, 5011)).toBe("ESTABLISHED");
    expect(talk.state).toBe("ESTABLISHED 432000 [ASSURED]");
  });

  test("the same ports again after TIME_WAIT: a new connection", () => {
    const talk = new Talk();
    talk.open();
    talk.send("client", fin | ack, 1001, 5001);
    talk.send("server", fin | ack, 5001, 1002);
    talk.send("client", ack, 1002, 5002);
    expect(talk.state).toBe("TIME_WAIT 120 [ASSURED]");
    expect(talk.send("client", syn, 9000, 0)).toBe("NEW");
    expect(talk.state).toBe("SYN_SENT 120 [UNREPLIED]");
    expect(talk.firewall.connections).toHaveLength(1);
  });

  test("both sides begin at once", () => {
    const talk = new Talk();
    talk.send("client", syn, 1000, 0);
    expect(talk.send("server", syn, 5000, 0)).toBe("ESTABLISHED");
    expect(talk.state).toBe("SYN_SENT2 120");
    talk.send("client", syn | ack, 1000, 5001);
    expect(talk.state).toBe("SYN_RECV 60");
    talk.send("server", ack, 5001, 1001);
    expect(talk.state).toMatch(/^ESTABLISHED/);
  });

  test("three retransmissions without an answer shorten its time", () => {
    const talk = new Talk();
    talk.open();
    for (let times = 0; times < 5; times++) talk.send("server", ack, 5001, 1001, 0);
    expect(talk.state).toBe("ESTABLISHED 300 [ASSURED]");
  });

  test("a SYN into a live connection passes, and its answer's acknowledgment is no answer to a FIN", () => {
    const talk = new Talk();
    talk.open();
    expect(talk.send("client", syn, 7000, 0)).toBe("ESTABLISHED");
    expect(talk.state).toBe("ESTABLISHED 432000 [ASSURED]");
    // The server knows of no such connection: what it resets is gone (tcp_conntracks, sIG).
    talk.send("server", rst | ack, 0, 7001);
    expect(talk.state).toBe("CLOSE 10 [ASSURED]");
  });
});

describe("UDP, ICMP and others", () => {
  test("UDP: thirty seconds, and two minutes once it is a stream", () => {
    const firewall = tracking();
    const { docker0, eth0 } = firewall;
    const there = (): unknown => firewall.forward(udpPacket({ from: CLIENT, to: SERVER }), docker0, eth0);
    const back = (): unknown => firewall.forward(udpPacket({ from: SERVER, to: CLIENT }), eth0, docker0);
    there();
    const tuples = "src=172.17.0.2 dst=192.168.77.100 sport=40000 dport=80 ";
    const reply = "src=192.168.77.100 dst=172.17.0.2 sport=80 dport=40000";
    expect(firewall.connections).toEqual([`udp      17 30 ${tuples}[UNREPLIED] ${reply}`]);
    back();
    expect(firewall.connections).toEqual([`udp      17 30 ${tuples}${reply}`]);
    firewall.wait(3);
    there();
    expect(firewall.connections).toEqual([`udp      17 120 ${tuples}${reply} [ASSURED]`]);
    firewall.wait(119);
    expect(firewall.connections).toHaveLength(1);
    firewall.wait(1);
    expect(firewall.connections).toHaveLength(0);
  });

  test("ping: an answer to nothing is INVALID", () => {
    const firewall = tracking();
    const { docker0, eth0 } = firewall;
    firewall.forward(echo({ from: "192.168.77.100", to: "172.17.0.2", id: 9, type: 0 }), eth0, docker0);
    expect(firewall.counters).toEqual(["[1:28] -A FORWARD -m conntrack --ctstate INVALID -j ACCEPT"]);
    firewall.forward(echo({ from: "172.17.0.2", to: "192.168.77.100", id: 9 }), docker0, eth0);
    expect(firewall.connections).toEqual([
      "icmp     1 30 src=172.17.0.2 dst=192.168.77.100 type=8 code=0 id=9 [UNREPLIED] src=192.168.77.100 dst=172.17.0.2 type=0 code=0 id=9",
    ]);
  });

  test("GRE and the rest: by their addresses alone", () => {
    const firewall = tracking();
    const { docker0, eth0 } = firewall;
    const send = (protocol: number, isReply: boolean): void => {
      const [from, to] = isReply ? ["192.168.77.100", "172.17.0.2"] : ["172.17.0.2", "192.168.77.100"];
      const bytes = otherPacket(protocol, { from, to });
      firewall.forward(bytes, isReply ? eth0 : docker0, isReply ? docker0 : eth0);
    };
    send(47, false);
    send(50, false);
    const gre = "timeout=30, stream_timeout=180 src=172.17.0.2 dst=192.168.77.100 srckey=0x0 dstkey=0x0";
    const greReply = "src=192.168.77.100 dst=172.17.0.2 srckey=0x0 dstkey=0x0";
    const other = "src=172.17.0.2 dst=192.168.77.100 [UNREPLIED] src=192.168.77.100 dst=172.17.0.2";
    expect(firewall.connections).toEqual([`gre      47 30 ${gre} [UNREPLIED] ${greReply}`, `unknown  50 600 ${other}`]);
    send(47, true);
    send(47, false);
    expect(firewall.connections[0]).toBe(`gre      47 180 ${gre} ${greReply} [ASSURED]`);
  });

  test("what was dropped on its way is not remembered", () => {
    const firewall = new Firewall();
    firewall.add("filter", "FORWARD -m conntrack --ctstate NEW -j DROP");
    firewall.forward(udpPacket({ from: CLIENT, to: SERVER }), firewall.docker0, firewall.eth0);
    expect(firewall.connections).toEqual([]);
  });

  test("not tracked at all: --notrack, and a namespace where no rule asks", () => {
    const firewall = tracking();
    firewall.add("raw", "PREROUTING -p udp -j CT --notrack");
    firewall.add("filter", "FORWARD -m conntrack --ctstate UNTRACKED -j ACCEPT");
    firewall.forward(udpPacket({ from: CLIENT, to: SERVER }), firewall.docker0, firewall.eth0);
    expect(firewall.connections).toEqual([]);
    expect(firewall.counters).toContain("[1:28] -A FORWARD -m conntrack --ctstate UNTRACKED -j ACCEPT");
    const plain = new Firewall();
    plain.add("filter", "FORWARD -p udp -j ACCEPT");
    plain.forward(udpPacket({ from: CLIENT, to: SERVER }), plain.docker0, plain.eth0);
    expect(plain.netfilter.tracksConnections).toBe(false);
    expect(plain.connections).toEqual([]);
  });

  test("a full table drops what is new", () => {
    const firewall = tracking();
    const { docker0, eth0 } = firewall;
    firewall.netfilter.conntrack.max = 1;
    const talk = new Talk(firewall);
    talk.open();
    expect(firewall.forward(udpPacket({ from: CLIENT, to: SERVER }), docker0, eth0)).toBeUndefined();
    expect(talk.send("client", ack, 1001, 5001)).toBe("ESTABLISHED");
  });
});
