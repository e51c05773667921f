/** How long IPVS remembers a connection, and what happens to who comes back later. */
import { describe, expect, test } from "vitest";
import { Errno } from "../../src/errno.ts";
import { TcpState } from "../../src/host/socket.ts";
import { Balanced, lineOf, SECOND } from "./balanced.ts";

describe("a TCP connection that says nothing", () => {
  test("for 899 seconds goes on", () => {
    const lab = new Balanced();
    lab.listen();
    const socket = lab.connect();
    lab.run(899 * SECOND);
    socket.write(new Uint8Array(3));
    lab.run();
    expect(lab.accepted.read()).toHaveLength(3);
    // And for as long again, counted from there.
    lab.run(899 * SECOND);
    socket.write(new Uint8Array(4));
    lab.run();
    expect(lab.accepted.read()).toHaveLength(4);
  });

  test("for 901 seconds is forgotten: the balancer's own stack resets it, and the server is never told", () => {
    const lab = new Balanced();
    lab.listen();
    const socket = lab.connect();
    lab.run(901 * SECOND);
    expect(lab.connections()).toEqual([]);
    const before = lab.receivers().length;
    socket.write(new Uint8Array(3));
    lab.run();
    expect(socket.takeError()).toBe(Errno.ECONNRESET);
    expect(lineOf(lab.seen("c/lb", "in").at(-1)!)).toMatch(/^192\.168\.77\.2:8001 > 192\.168\.77\.20:\d+ R ttl 64$/);
    expect(lab.receivers()).toHaveLength(before);
    expect(lab.accepted.state).toBe(TcpState.established);
    expect(lab.seen("lb/c", "in").at(-1)!.steps[0]).toBe(
      "IPVS fwmark 258 rr: no connection, and no SYN; left to this host",
    );
  });

  test("with it its entry in the connection tracking table goes: what the server then says ends at the balancer", () => {
    const lab = new Balanced();
    lab.listen();
    lab.connect();
    const tracked = (): number => lab.lb.netfilter!.conntrack.list(lab.node.softnet.now).length;
    expect(tracked()).toBe(1);
    lab.run(901 * SECOND);
    expect(tracked()).toBe(0);
    const before = lab.seen("c/lb", "in").length;
    lab.accepted.write(new Uint8Array(3));
    lab.run();
    expect(lab.seen("c/lb", "in")).toHaveLength(before);
    expect(lineOf(lab.seen("lb/eth0", "out").at(-1)!)).toMatch(/^10\.0\.0\.2:\d+ > 10\.0\.0\.8:8001 R ttl 64$/);
    expect(lab.accepted.takeError()).toBe(Errno.ECONNRESET);
  });
});

describe("a client of UDP", () => {
  test("that is silent for 299 seconds keeps its server, for 301 gets the next", () => {
    const lab = new Balanced();
    const socket = lab.udp(40_001);
    lab.sendUdp(socket);
    lab.run(299 * SECOND);
    lab.sendUdp(socket);
    expect(lab.receivers()).toEqual(["s3", "s3"]);
    lab.run(301 * SECOND);
    lab.sendUdp(socket);
    expect(lab.receivers()).toEqual(["s3", "s3", "s2"]);
  });

  test("that never stops never gets another", () => {
    const lab = new Balanced();
    const socket = lab.udp(40_001);
    for (let minute = 0; minute < 30; minute++) {
      lab.sendUdp(socket);
      lab.run(60 * SECOND);
    }
    expect(new Set(lab.receivers())).toEqual(new Set(["s3"]));
  });
});

test("a connection that both have closed is there for two minutes more", () => {
  const lab = new Balanced();
  lab.listen();
  const socket = lab.connect();
  socket.close();
  lab.run(0.3 * SECOND);
  lab.accepted.close();
  lab.run();
  expect(lab.connections()).toEqual(["TIME_WAIT 192.168.77.20 -> 10.0.0.8:8001"]);
  expect(lab.counters()).toEqual(["0/1", "0/0", "0/0"]);
  lab.run(119 * SECOND);
  expect(lab.connections()).toHaveLength(1);
  lab.run(SECOND);
  expect(lab.connections()).toEqual([]);
  expect(lab.counters()).toEqual(["0/0", "0/0", "0/0"]);
});

test("a SYN that nobody answers is remembered for a minute, each time it is sent again", () => {
  const lab = new Balanced();
  // A server that is there and says nothing.
  lab.servers[2]!.deviceNamed("eth0")!.down();
  lab.sendSyn(40_001);
  expect(lab.connections()).toEqual(["SYN_RECV 192.168.77.20 -> 10.0.0.8:8001"]);
  lab.run(50 * SECOND);
  lab.sendSyn(40_001);
  lab.run(50 * SECOND);
  expect(lab.connections()).toHaveLength(1);
  lab.run(10 * SECOND);
  expect(lab.connections()).toEqual([]);
});

test("other times can be set", () => {
  const lab = new Balanced();
  lab.listen();
  lab.ipvs.setTimeouts(60, 5, 20);
  const socket = lab.udp(40_001);
  lab.sendUdp(socket);
  const open = lab.connect();
  lab.run(19 * SECOND);
  expect(lab.connections()).toHaveLength(2);
  lab.run(2 * SECOND);
  expect(lab.connections()).toHaveLength(1);
  lab.run(40 * SECOND);
  expect(lab.connections()).toEqual([]);
  expect(open.state).toBe(TcpState.established);
});
