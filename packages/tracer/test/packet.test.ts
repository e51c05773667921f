import { describe, expect, it } from "vitest";
import { directionOf, flagsOf, packetFlag, PacketFlags } from "../src/packet.ts";

describe("packet flags", () => {
  it("tell the direction, if they tell one", () => {
    expect([0, 1, 2, 3, 4 + 1].map(directionOf)).toEqual([undefined, "in", "out", undefined, "in"]);
    for (const direction of ["in", "out", undefined] as const) expect(directionOf(flagsOf(direction))).toBe(direction);
  });

  it("lie where the draft's table has them", () => {
    const word = 0b1000_0001_0000_0000_0000_1010_1000_1110;
    const fields = Object.keys(PacketFlags) as (keyof typeof PacketFlags)[];
    expect(Object.fromEntries(fields.map((field) => [field, packetFlag(word, field)]))).toEqual({
      direction: 2,
      reception: 3,
      fcsLength: 4,
      checksumNotReady: 1,
      checksumValid: 0,
      segmentationOffloaded: 1,
      linkErrors: 0x8100,
    });
  });
});
