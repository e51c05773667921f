/** Packets through a load balancer: who gets them, as what they arrive, and what comes back. */
import { describe, expect, test } from "vitest";
import { Errno } from "../../src/errno.ts";
import { TcpState } from "../../src/host/socket.ts";
import { IpVsTcpState } from "../../src/ipvs/proto-tcp.ts";
import { formatConntrack } from "../../src/netfilter/conntrack-format.ts";
import { ip } from "../engine/overlay-plan.ts";
import { Balanced, lineOf, MARK, PORT, SECOND, VIP } from "./balanced.ts";

const weigh = (lab: Balanced, address: string, weight: number): void => {
  lab.ipvs.updateDestination(MARK, { ip: ip(address), port: 0, weight, forwarding: "masq" });
};

/** Last numbers of the servers' addresses: who gets the next new connections. */
const ask = (lab: Balanced, count: number): string =>
  Array.from({ length: count }, () => {
    const before = lab.connections().length;
    lab.connect();
    return lab
      .connections()
      .slice(before)
      .join()
      .replace(/.*-> 10\.0\.0\.(\d):8001/, "$1");
  }).join();

describe("a published port", () => {
  test("a connection goes to a real server as the balancer's own, and comes back as the service's", () => {
    const lab = new Balanced();
    lab.listen();
    const socket = lab.connect();
    expect(socket.state).toBe(TcpState.established);
    const port = socket.localPort;
    const way = lab
      .seen()
      .filter(({ point }) => /^(?:c|lb|s\d)\//.test(point))
      .map((seen) => `${seen.point} ${seen.direction} ${lineOf(seen).replaceAll(`:${port}`, "")}`);
    expect(way).toEqual([
      "c/lb out 192.168.77.20 > 192.168.77.2:8001 S ttl 64",
      "lb/c in 192.168.77.20 > 192.168.77.2:8001 S ttl 64",
      "lb/eth0 out 10.0.0.2 > 10.0.0.8:8001 S ttl 63",
      "s3/eth0 in 10.0.0.2 > 10.0.0.8:8001 S ttl 63",
      "s3/eth0 out 10.0.0.8:8001 > 10.0.0.2 SA ttl 64",
      "lb/eth0 in 10.0.0.8:8001 > 10.0.0.2 SA ttl 64",
      "lb/c out 192.168.77.2:8001 > 192.168.77.20 SA ttl 63",
      "c/lb in 192.168.77.2:8001 > 192.168.77.20 SA ttl 63",
      "c/lb out 192.168.77.20 > 192.168.77.2:8001 A ttl 64",
      "lb/c in 192.168.77.20 > 192.168.77.2:8001 A ttl 64",
      "lb/eth0 out 10.0.0.2 > 10.0.0.8:8001 A ttl 63",
      "s3/eth0 in 10.0.0.2 > 10.0.0.8:8001 A ttl 63",
    ]);
    expect(lab.seen("lb/c", "in")[0]!.steps.slice(0, 2)).toEqual([
      "IPVS fwmark 258 rr -> 10.0.0.8",
      "destination translated to 10.0.0.8:8001",
    ]);
    expect(lab.seen("lb/c", "in")[1]!.steps[0]).toBe("IPVS connection to 10.0.0.8, SYN_RECV");
    expect(lab.seen("lb/eth0", "in")[0]!.steps).toContain("IPVS answers as 192.168.77.2:8001");
    expect(lab.connections()).toEqual(["ESTABLISHED 192.168.77.20 -> 10.0.0.8:8001"]);
    expect(lab.counters()).toEqual(["1/0", "0/0", "0/0"]);
    expect(lab.frames.live).toBe(0);
  });

  test("its entry in the connection tracking table is as recorded: asked for the virtual, answered by the real one", () => {
    const lab = new Balanced();
    lab.listen();
    const { localPort } = lab.connect();
    const [entry] = lab.lb.netfilter!.conntrack.list(lab.node.softnet.now);
    // As in recording q2, ingress_sbox: `src=192.168.77.13 dst=172.18.0.2 … src=10.0.0.7 dst=10.0.0.2 …`
    expect(formatConntrack(entry!, lab.node.softnet.now).replace(/^.*ESTABLISHED /, "")).toBe(
      `src=192.168.77.20 dst=192.168.77.2 sport=${localPort} dport=8001 ` +
        `src=10.0.0.8 dst=10.0.0.2 sport=8001 dport=${localPort} [ASSURED] mark=0 zone=0 use=2`,
    );
  });

  test("20 kB there and back, in super-frames that no link takes as they are", () => {
    const lab = new Balanced();
    lab.listen();
    const socket = lab.connect();
    socket.write(new Uint8Array(20_000).fill(1));
    lab.run(SECOND);
    const { accepted } = lab;
    expect(accepted.read()).toEqual(new Uint8Array(20_000).fill(1));
    accepted.write(new Uint8Array(20_000).fill(2));
    lab.run(SECOND);
    expect(socket.read()).toEqual(new Uint8Array(20_000).fill(2));
    expect(Math.max(...lab.seen("s3/eth0", "in").map(({ length }) => length))).toBeGreaterThan(1450);
    expect(lab.steps().filter((step) => step.startsWith("dropped"))).toEqual([]);
  });

  test("without net.ipv4.vs.conntrack the server sees the client, and nobody follows the connection", () => {
    const lab = new Balanced({ conntrack: false });
    lab.listen();
    expect(lab.connect().state).toBe(TcpState.established);
    expect(lineOf(lab.seen("s3/eth0", "in")[0]!)).toMatch(/^192\.168\.77\.20:\d+ > 10\.0\.0\.8:8001 S ttl 63$/);
    expect(lineOf(lab.seen("c/lb", "in")[0]!)).toMatch(/^192\.168\.77\.2:8001 > 192\.168\.77\.20:\d+ SA ttl 63$/);
    expect(lab.connections()).toEqual(["ESTABLISHED 192.168.77.20 -> 10.0.0.8:8001"]);
  });

  test("and with connections tracked, it takes its own out of that", () => {
    const lab = new Balanced({ conntrack: false });
    lab.rule("nat", "POSTROUTING -d 10.0.0.0/24 -m ipvs --ipvs -j SNAT --to-source 10.0.0.2");
    lab.listen();
    expect(lab.connect().state).toBe(TcpState.established);
    expect(lineOf(lab.seen("s3/eth0", "in")[0]!)).toMatch(/^192\.168\.77\.20:/);
    expect(lab.lb.netfilter!.conntrack.list(lab.node.softnet.now)).toEqual([]);
  });
});

describe("who gets a new connection", () => {
  test("one after the other, the destination that was added last first; weight 0 gets none", () => {
    const lab = new Balanced();
    lab.listen();
    expect(ask(lab, 4)).toBe("8,7,6,8");
    weigh(lab, "10.0.0.7", 0);
    expect(ask(lab, 3)).toBe("6,8,6");
    weigh(lab, "10.0.0.7", 1);
    expect(ask(lab, 2)).toBe("8,7");
  });

  test("a server that is gone, and nobody has said so: every third connection of three servers fails", () => {
    const lab = new Balanced();
    lab.listen();
    // Its process has ended: it refuses. Or all of it is gone: silence.
    lab.refuse(lab.servers[1]!);
    const states = Array.from({ length: 6 }, () => lab.connect().state === TcpState.established);
    expect(states).toEqual([true, false, true, true, false, true]);
    lab.servers[1]!.deviceNamed("eth0")!.down();
    expect(Array.from({ length: 3 }, () => lab.connect().state)).toEqual([
      TcpState.established,
      TcpState.synSent,
      TcpState.established,
    ]);
    lab.ipvs.deleteDestination(MARK, ip("10.0.0.7"), 0);
    expect(ask(lab, 4)).toBe("8,6,8,6");
  });

  test("a pin says where the round robin goes on", () => {
    const lab = new Balanced();
    lab.listen();
    lab.ipvs.startAt(MARK, ip("10.0.0.8"));
    expect(ask(lab, 3)).toBe("7,6,8");
  });

  test("a client port of UDP stays with its server, as recording q3 has it", () => {
    const lab = new Balanced();
    // .8 (4 times, and again 2 times later), .6, .7, .8, .6: there the round had begun elsewhere.
    lab.ipvs.startAt(MARK, ip("10.0.0.6"));
    const sockets = [40_001, 40_002, 40_003, 40_004, 40_005].map((port) => lab.udp(port));
    for (const socket of sockets) for (let count = 0; count < 2; count++) lab.sendUdp(socket);
    lab.sendUdp(sockets[0]!);
    expect(lab.receivers().join()).toBe("s3,s3,s2,s2,s1,s1,s3,s3,s2,s2,s3");
    expect(lab.connections()[0]).toBe("UDP 192.168.77.20 -> 10.0.0.8:8001");
    // UDP has no active connections.
    expect(lab.counters()).toEqual(["0/2", "0/2", "0/1"]);
  });

  test("with weight 0 an open connection goes on", () => {
    const lab = new Balanced();
    lab.listen();
    const socket = lab.connect();
    weigh(lab, "10.0.0.8", 0);
    socket.write(new Uint8Array(3));
    lab.run();
    expect(lab.accepted.read()).toHaveLength(3);
    expect(ask(lab, 2)).toBe("7,6");
  });

  test("a destination that gets another way of forwarding: only new connections take it", () => {
    const lab = new Balanced();
    lab.listen();
    const socket = lab.connect();
    lab.ipvs.updateDestination(MARK, { ip: ip("10.0.0.8"), port: 0, weight: 1, forwarding: "droute" });
    socket.write(new Uint8Array(3));
    lab.run();
    expect(lab.accepted.read()).toHaveLength(3);
  });

  test("nobody: the client hears of a port that cannot be reached", () => {
    const lab = new Balanced();
    for (const last of [6, 7, 8]) weigh(lab, `10.0.0.${last}`, 0);
    const socket = lab.connect();
    expect(socket.takeError()).toBe(Errno.ECONNREFUSED);
    const error = lab.seen("c/lb", "in")[0]!;
    expect(lineOf(error)).toBe("192.168.77.2 > 192.168.77.20 icmp 3/3 ttl 64");
    const { steps } = lab.seen("lb/c", "in")[0]!;
    expect(steps).toContain("IPVS fwmark 258 rr: no destination available");
    expect(steps).toContain("dropped: IPVS_NO_DESTINATION");
    expect(lab.connections()).toEqual([]);
    expect(lab.receivers()).toEqual([]);
    // Also before a first destination has come, and for UDP.
    const empty = new Balanced({ destinations: 0 });
    empty.sendUdp(empty.udp(40_001));
    expect(lineOf(empty.seen("c/lb", "in")[0]!)).toBe("192.168.77.2 > 192.168.77.20 icmp 3/3 ttl 64");
  });
});

describe("a destination that is deleted", () => {
  test("what its connections send is dropped without a word", () => {
    const lab = new Balanced();
    lab.listen();
    const socket = lab.connect();
    lab.ipvs.deleteDestination(MARK, ip("10.0.0.8"), 0);
    socket.write(new Uint8Array(3));
    lab.run(SECOND);
    expect(lab.accepted.read()).toHaveLength(0);
    expect(socket.state).toBe(TcpState.established);
    expect(lab.steps()).toContain("dropped: IPVS_DEST_UNAVAILABLE");
    expect(ask(lab, 2)).toBe("7,6");
  });

  test("with expire_nodest_conn they are forgotten, and a client that goes on is reset", () => {
    const lab = new Balanced();
    lab.ipvs.sysctls.set("expire_nodest_conn", 1);
    lab.listen();
    const socket = lab.connect();
    lab.ipvs.deleteDestination(MARK, ip("10.0.0.8"), 0);
    lab.run();
    expect(lab.connections()).toEqual([]);
    expect(lab.lb.netfilter!.conntrack.list(lab.node.softnet.now)).toEqual([]);
    socket.write(new Uint8Array(3));
    lab.run();
    expect(socket.takeError()).toBe(Errno.ECONNRESET);
    expect(lineOf(lab.seen("c/lb", "in").at(-1)!)).toMatch(/^192\.168\.77\.2:8001 > .* R ttl 64$/);
    expect(lab.steps()).toContain("IPVS fwmark 258 rr: no connection, and no SYN; left to this host");
  });

  test("and a client of UDP gets another server", () => {
    const lab = new Balanced();
    lab.ipvs.sysctls.set("expire_nodest_conn", 1);
    const socket = lab.udp(40_001);
    lab.sendUdp(socket);
    lab.ipvs.deleteDestination(MARK, ip("10.0.0.8"), 0);
    lab.sendUdp(socket);
    expect(lab.receivers()).toEqual(["s3", "s2"]);
  });

  test("the first datagram that comes before they are forgotten goes with the old entry of connection tracking", () => {
    const lab = new Balanced();
    lab.ipvs.sysctls.set("expire_nodest_conn", 1);
    const socket = lab.udp(40_001);
    lab.sendUdp(socket);
    lab.ipvs.deleteDestination(MARK, ip("10.0.0.8"), 0);
    for (let count = 0; count < 2; count++) {
      socket.sendTo(new Uint8Array(4), ip(VIP), PORT);
      lab.run(1e6);
    }
    expect(lab.steps()).toContain("dropped: IPVS_DEST_UNAVAILABLE");
    expect(lab.receivers()).toEqual(["s3", "s2"]);
  });
});

describe("a client port that is used again", () => {
  /** A connection that IPVS takes to be over, and another SYN from the same port; who has got a SYN. */
  const again = (reuseMode: number, isTracked: boolean): Balanced => {
    const lab = new Balanced();
    lab.ipvs.sysctls.set("conn_reuse_mode", reuseMode);
    lab.listen();
    const { localPort } = lab.connect();
    const conn = lab.ipvs.connectionTable.findIn(6, ip("192.168.77.20"), localPort, ip(VIP), PORT)!;
    conn.state = IpVsTcpState.timeWait;
    if (!isTracked) lab.lb.netfilter!.conntrack.deleteIf(lab.node.softnet.now, () => true);
    lab.sendSyn(localPort);
    return lab;
  };
  const syns = (lab: Balanced): string[] =>
    lab
      .seen()
      .filter((seen) => /^s\d\/eth0$/.test(seen.point) && seen.direction === "in" && / S ttl/.test(lineOf(seen)))
      .map(({ point }) => point.slice(0, 2));

  test("goes where it went: conn_reuse_mode 0", () => {
    expect(syns(again(0, true))).toEqual(["s3", "s3"]);
    expect(syns(again(0, false))).toEqual(["s3", "s3"]);
  });

  test("goes to the next: conn_reuse_mode 1, if connection tracking begins anew as well", () => {
    const lab = again(1, false);
    expect(syns(lab)).toEqual(["s3", "s2"]);
    expect(lab.connections()).toHaveLength(1);
  });

  test("loses its first SYN otherwise: that belongs to the old entry, which ends; the next goes on", () => {
    const lab = again(1, true);
    expect(lab.steps()).toContain("dropped: IPVS_OLD_CONNTRACK");
    expect(syns(lab)).toEqual(["s3"]);
    lab.sendSyn(lab.lastPort);
    expect(syns(lab)).toEqual(["s3", "s2"]);
  });

  test("a SYN that is sent again goes to another if its server has weight 0 by now and expire_nodest_conn is set", () => {
    const lab = new Balanced();
    lab.ipvs.sysctls.set("expire_nodest_conn", 1);
    lab.sendSyn(40_001);
    weigh(lab, "10.0.0.8", 0);
    lab.lb.netfilter!.conntrack.deleteIf(lab.node.softnet.now, () => true);
    lab.sendSyn(40_001);
    expect(syns(lab)).toEqual(["s3", "s2"]);
  });
});

describe("what is none of IPVS' business", () => {
  test("a ping of the virtual address is answered by the balancer itself", () => {
    const lab = new Balanced();
    lab.ping(lab.client, VIP);
    lab.run();
    expect(lab.seen("c/lb").map(lineOf)).toEqual([
      "192.168.77.20 > 192.168.77.2 icmp 8/0 ttl 64",
      "192.168.77.2 > 192.168.77.20 icmp 0/0 ttl 64",
    ]);
    expect(lab.receivers()).toEqual([]);
  });

  test("a port without a mark is the host's: refused", () => {
    const lab = new Balanced();
    const socket = lab.client.tcp.connect(ip(VIP), 81);
    lab.run();
    expect(socket.takeError()).toBe(Errno.ECONNREFUSED);
    expect(lineOf(lab.seen("c/lb", "in")[0]!)).toMatch(/^192\.168\.77\.2:81 > .* RA ttl 64$/);
  });

  test("a rule that asks for what is not IPVS'", () => {
    const lab = new Balanced();
    lab.rule("filter", "OUTPUT -m ipvs ! --ipvs -p udp -j DROP");
    lab.sendUdp(lab.udp(40_001));
    expect(lab.receivers()).toEqual(["s3"]);
    lab.lb.udp.socket().sendTo(new Uint8Array(1), ip("10.0.0.6"), 9);
    lab.run();
    expect(lab.receivers()).toEqual(["s3"]);
  });
});

test("what the balancer itself asks for goes to a real server, too, and is answered", () => {
  const lab = new Balanced();
  lab.rule("mangle", `OUTPUT -d ${VIP}/32 -p tcp -j MARK --set-xmark 0x102/0xffffffff`);
  lab.listen();
  const socket = lab.lb.tcp.connect(ip(VIP), PORT);
  lab.run();
  expect(socket.state).toBe(TcpState.established);
  expect(lab.connections()).toEqual(["ESTABLISHED 192.168.77.2 -> 10.0.0.8:8001"]);
  expect(lineOf(lab.seen("s3/eth0", "in")[0]!)).toMatch(/^10\.0\.0\.2:\d+ > 10\.0\.0\.8:8001 S ttl 63$/);
});

test("a service by address: another port of the real server", () => {
  const lab = new Balanced();
  const web = { protocol: "tcp", ip: ip(VIP), port: 80 } as const;
  lab.ipvs.addService(web, "rr");
  lab.ipvs.addDestination(web, { ip: ip("10.0.0.6"), port: PORT, weight: 1, forwarding: "masq" });
  lab.listen();
  const socket = lab.client.tcp.connect(ip(VIP), 80);
  lab.run();
  expect(socket.state).toBe(TcpState.established);
  expect(lab.seen("lb/c", "in")[0]!.steps[0]).toBe("IPVS tcp 192.168.77.2:80 rr -> 10.0.0.6");
  expect(lineOf(lab.seen("s1/eth0", "in")[0]!)).toMatch(/^10\.0\.0\.2:\d+ > 10\.0\.0\.6:8001 S ttl 63$/);
  expect(lineOf(lab.seen("c/lb", "in")[0]!)).toMatch(/^192\.168\.77\.2:80 > 192\.168\.77\.20:\d+ SA ttl 63$/);
});
