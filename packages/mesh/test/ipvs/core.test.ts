/** Packets through a load balancer: who gets them, as what they arrive, and what comes back. */
import { describe, expect, test } from "vitest";
import { TcpState } from "../../src/host/socket.ts";
import { ip } from "../engine/overlay-plan.ts";
import { Balanced, lineOf, MARK } from "./balanced.ts";

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

  test("connections go round, the destination that was added last first; weight 0 gets none", () => {
    const lab = new Balanced();
    lab.listen();
    const ask = (): string => {
      const before = lab.connections().length;
      lab.connect();
      return lab
        .connections()
        .slice(before)
        .join()
        .replace(/.*-> 10\.0\.0\.(\d):8001/, "$1");
    };
    expect([ask(), ask(), ask(), ask()]).toEqual(["8", "7", "6", "8"]);
    lab.ipvs.updateDestination(MARK, { ip: ip("10.0.0.7"), port: 0, weight: 0, forwarding: "masq" });
    expect([ask(), ask(), ask()]).toEqual(["6", "8", "6"]);
  });
});
