import { expect, it, vi } from "vitest";

it("examples/encapsulate.ts runs and shows what its comments say", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  await import("../examples/encapsulate.ts");
  const lines = log.mock.calls.map(([line]) => String(line));
  log.mockRestore();
  expect(lines).toHaveLength(6);
  for (const sequence of [0, 1, 2]) {
    expect(lines[sequence * 2]).toMatch(
      new RegExp(
        `^192\\.168\\.77\\.11:\\d{5} > 192\\.168\\.77\\.12 vni 4097: 10\\.0\\.9\\.3 > 10\\.0\\.9\\.5 echo seq ${sequence}, checksum faults 0$`,
      ),
    );
    expect(lines[sequence * 2 + 1]).toBe("  inner frame of 52 bytes, slot 0");
  }
  // All pings between two containers leave by one port.
  expect(new Set(lines.filter((_, index) => index % 2 === 0).map((line) => line.split(" ")[0]))).toHaveProperty(
    "size",
    1,
  );
});
