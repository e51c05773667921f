/** plan: the commands that make by hand what Docker made. */
import { describe, expect, it } from "vitest";
import { outcomeOf } from "./fake.ts";

const SCENARIO = "examples/first-light/scenario.yml";

describe("plan", () => {
  it("prints what a person would type, node by node and namespace by namespace", async () => {
    const { code, out, err } = await outcomeOf(["plan", SCENARIO]);
    expect([code, err]).toEqual([0, ""]);
    const lines = out.trimEnd().split("\n");
    for (const line of lines) expect(line).toMatch(/^swarm-(?:manager|worker[12])(?:\/[\w.-]+)?# \S/);
    expect(lines[0]).toBe("swarm-manager# sysctl -w net.ipv4.ip_forward=1");
    expect(lines).toContain("swarm-worker1/overlay-myoverlay# ip address add 10.0.9.1/24 dev br0");
    expect(lines).toContain("swarm-worker1/overlay_service.3# ip address add 10.0.9.5/24 dev eth0");
    expect(out).toMatch(/^swarm-worker1\/overlay-myoverlay# ip link add vxlan0 .* type vxlan id 4097 dstport 4789 /m);
  });

  it("of one node", async () => {
    const { out } = await outcomeOf(["plan", SCENARIO, "--node", "swarm-worker2"]);
    expect(
      new Set(
        out
          .trimEnd()
          .split("\n")
          .map((line) => line.split(/[/#]/)[0]),
      ),
    ).toEqual(new Set(["swarm-worker2"]));
  });

  it.each([
    [[SCENARIO, "--node", "swarm-worker"], "there is no node swarm-worker; there are swarm-manager, swarm-worker1"],
    [["no.yml"], "cannot read no.yml"],
    [[], "missing required argument 'scenario'"],
  ])("%j", async (args, message) => {
    const { code, out, err } = await outcomeOf(["plan", ...args]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(message);
  });
});
