import { describe, expect, test } from "vitest";
import { ETHTOOL } from "../../src/program/ethtool.ts";
import { run } from "../../src/run.ts";
import { loadGood, SMALL } from "../scenario/loading.ts";

const outputs = (...commands: readonly string[]): readonly (readonly [number | undefined, readonly string[]])[] =>
  run(
    loadGood(`${SMALL}run:\n  steps:\n${commands.map((command) => `    - exec web.1 ${command}\n`).join("")}`),
  ).steps.map(({ status, output }) => [status, output]);

test("offloads are shown and set; without checksums there is no segmentation", () => {
  const lines = (tx: string, tso: string, gso: string, gro: string): readonly string[] => [
    "Features for eth0:",
    `tx-checksumming: ${tx}`,
    `tcp-segmentation-offload: ${tso}`,
    `generic-segmentation-offload: ${gso}`,
    `generic-receive-offload: ${gro}`,
  ];
  expect(
    outputs(
      "ethtool -k eth0",
      "ethtool -K eth0 tso off gro off",
      "ethtool -k eth0",
      "ethtool -K eth0 tso on tx off",
      "ethtool -k eth0",
    ),
  ).toEqual([
    [0, lines("on", "on", "on", "on")],
    [0, []],
    [0, lines("on", "off", "on", "off")],
    [0, []],
    [0, lines("off", "off", "on", "off")],
  ]);
});

test("a device that is not there", () => {
  expect(outputs("ethtool -K eth9 tx off")[0]?.[0]).toBe(70);
});

describe("what it does not understand", () => {
  test.each([
    ["ethtool", "ethtool: nothing is not modelled; there are -k DEVICE and -K DEVICE tso off"],
    ["ethtool -S eth0", "ethtool: -S is not modelled; there are -k DEVICE and -K DEVICE tso off"],
    ["ethtool -K", "ethtool -K: say which device"],
    ["ethtool -K eth0", "ethtool -K: say what: tso off"],
    ["ethtool -K eth0 tso", "ethtool -K: say on or off after tso"],
    [
      "ethtool -K eth0 lro off",
      "ethtool -K: lro is not modelled; there are tx, tx-checksumming, tso, tcp-segmentation-offload, gso, generic-segmentation-offload, gro, generic-receive-offload",
    ],
  ])("%s", (command, message) => expect(() => ETHTOOL.check(command.split(" "))).toThrow(message));
});
