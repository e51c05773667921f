/** Services and their destinations: what may be changed, and what becomes of connections meanwhile. */
import { describe, expect, test } from "vitest";
import { IpVsConn } from "../../src/ipvs/conn.ts";
import { type IpVs, ipvsOf } from "../../src/ipvs/ip-vs.ts";
import type { Netns } from "../../src/netns.ts";
import { machine, passOn } from "../engine/machine.ts";

const SECOND = 1e9;
const MARK = { fwmark: 256 } as const;
const WEB = { protocol: "tcp", ip: 10, port: 80 } as const;
const server = (ip: number, weight: number = 1) => ({ ip, port: 0, weight, forwarding: "masq" }) as const;

function connect(ipvs: IpVs, ip: number, seconds: number, port: number = 40_000): IpVsConn {
  const dest = ipvs.serviceAt(MARK)!.find(ip, 0)!;
  const conn = new IpVsConn(6, 1, port, 2, 80, dest, false);
  conn.timeout = seconds * SECOND;
  ipvs.connectionTable.insert(conn);
  ipvs.refresh(conn);
  return conn;
}

function balancer(): { netns: Netns; ipvs: IpVs } {
  const netns = machine();
  const ipvs = ipvsOf(netns);
  ipvs.addService(MARK, "rr");
  return { netns, ipvs };
}

describe("services", () => {
  test("are found by mark, then by address", () => {
    const { ipvs } = balancer();
    expect(ipvs.addService(WEB, "rr")).toBeUndefined();
    expect(ipvs.addService({ ...WEB, protocol: "udp" }, "rr")).toBeUndefined();
    expect(ipvs.serviceOf(256, 6, 10, 80)?.at).toEqual(MARK);
    expect(ipvs.serviceOf(0, 6, 10, 80)?.at).toEqual(WEB);
    expect(ipvs.serviceOf(7, 17, 10, 80)?.at).toEqual({ ...WEB, protocol: "udp" });
    expect(ipvs.serviceOf(0, 6, 10, 81)).toBeUndefined();
    expect(ipvs.serviceOf(0, 6, 11, 80)).toBeUndefined();
    expect(ipvs.deleteService(WEB)).toBeUndefined();
    expect(ipvs.serviceOf(0, 6, 10, 80)).toBeUndefined();
    expect([...ipvs.services()]).toHaveLength(2);
  });

  test("refuse what is there already, and what is not", () => {
    const { ipvs } = balancer();
    expect(ipvs.addService(MARK, "rr")).toBe("EEXIST");
    expect(ipvs.deleteService(WEB)).toBe("ESRCH");
    expect(ipvs.addDestination(WEB, server(1))).toBe("ESRCH");
    expect(ipvs.addDestination(MARK, server(1))).toBeUndefined();
    expect(ipvs.addDestination(MARK, server(1))).toBe("EEXIST");
    expect(ipvs.updateDestination(MARK, server(2))).toBe("ENOENT");
    expect(ipvs.deleteDestination(MARK, 2, 0)).toBe("ENOENT");
    expect(ipvs.deleteDestination(WEB, 1, 0)).toBe("ESRCH");
  });
});

describe("a destination that is deleted", () => {
  test("keeps its connections, and is the same again when it is added again", () => {
    const { ipvs } = balancer();
    ipvs.addDestination(MARK, server(1));
    const conn = connect(ipvs, 1, 60);
    ipvs.deleteDestination(MARK, 1, 0);
    expect(conn.dest.isAvailable).toBe(false);
    ipvs.addDestination(MARK, server(1, 5));
    expect(ipvs.serviceAt(MARK)!.find(1, 0)).toBe(conn.dest);
    expect(conn.dest).toMatchObject({ isAvailable: true, weight: 5, inactiveConnections: 1 });
  });

  test("also with a service that was deleted and made again", () => {
    const { ipvs } = balancer();
    ipvs.addDestination(MARK, server(1));
    const { dest } = connect(ipvs, 1, 60);
    dest.stats.connections = 7;
    ipvs.deleteService(MARK);
    ipvs.addService(MARK, "rr");
    ipvs.addDestination(MARK, server(1));
    expect(ipvs.serviceAt(MARK)!.find(1, 0)).toBe(dest);
    expect(dest.service).toBe(ipvs.serviceAt(MARK));
    expect(dest.stats.connections).toBe(0);
  });

  test("is another one once its last connection has ended", () => {
    const { netns, ipvs } = balancer();
    ipvs.addDestination(MARK, server(1));
    const { dest } = connect(ipvs, 1, 60);
    ipvs.deleteDestination(MARK, 1, 0);
    passOn(netns, 61 * SECOND);
    expect(dest.inactiveConnections).toBe(0);
    ipvs.addDestination(MARK, server(1));
    expect(ipvs.serviceAt(MARK)!.find(1, 0)).not.toBe(dest);
  });

  test("takes its connections with it if expire_nodest_conn says so, and no others", () => {
    const { netns, ipvs } = balancer();
    ipvs.sysctls.set("expire_nodest_conn", 1);
    ipvs.addDestination(MARK, server(1));
    ipvs.addDestination(MARK, server(2));
    connect(ipvs, 1, 60, 40_001);
    connect(ipvs, 2, 60, 40_002);
    ipvs.deleteDestination(MARK, 1, 0);
    expect(ipvs.connections(netns.node.softnet.now)).toHaveLength(2);
    passOn(netns, 0.01 * SECOND);
    expect(ipvs.connections(netns.node.softnet.now).map(({ destIp }) => destIp)).toEqual([2]);
  });
});

describe("connections end when their time is up", () => {
  test("those with a short one before those that came first", () => {
    const { netns, ipvs } = balancer();
    ipvs.addDestination(MARK, server(1));
    connect(ipvs, 1, 900, 1);
    connect(ipvs, 1, 60, 2);
    connect(ipvs, 1, 10, 3);
    const left = (): number[] => ipvs.connectionTable.list().map(({ clientPort }) => clientPort);
    passOn(netns, 9.9 * SECOND);
    expect(left()).toEqual([1, 2, 3]);
    passOn(netns, 0.2 * SECOND);
    expect(left()).toEqual([1, 2]);
    passOn(netns, 50 * SECOND);
    expect(left()).toEqual([1]);
    expect(ipvs.serviceAt(MARK)!.find(1, 0)!.inactiveConnections).toBe(1);
    passOn(netns, 839 * SECOND);
    expect(left()).toEqual([1]);
    passOn(netns, SECOND);
    expect(left()).toEqual([]);
    // Nothing is left that would keep the clock going.
    expect(netns.node.simulator.nextTime).toBe(Number.POSITIVE_INFINITY);
  });

  test("counted from the last packet, by the times that are set then", () => {
    const { netns, ipvs } = balancer();
    ipvs.addDestination(MARK, server(1));
    const conn = connect(ipvs, 1, 100);
    for (let round = 0; round < 10; round++) {
      passOn(netns, 90 * SECOND);
      ipvs.refresh(conn);
    }
    conn.timeout = 10 * SECOND;
    ipvs.refresh(conn);
    passOn(netns, 9.9 * SECOND);
    expect(ipvs.connectionTable.size).toBe(1);
    passOn(netns, 0.2 * SECOND);
    expect(ipvs.connectionTable.size).toBe(0);
    expect(ipvs.timeouts).toEqual([900, 120, 300]);
    ipvs.setTimeouts(0, 15, 0);
    expect(ipvs.timeouts).toEqual([900, 15, 300]);
  });
});
