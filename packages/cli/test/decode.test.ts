import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { PacketOptions } from "@hopscope/tracer/pcapng-options";
import { PcapngWriter } from "@hopscope/tracer/pcapng-writer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ARP, ARP_WORDS, outcomeOf, pcapOf, VXLAN_ON_8472 } from "./fake.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hopscope-decode-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function fileOf(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const THREE = pcapOf([ARP, ARP, ARP]);
const LINES = [`#1    0.000000  ${ARP_WORDS}`, `#2    1.000000  ${ARP_WORDS}`, `#3    2.000000  ${ARP_WORDS}`, ""];

describe("a good capture", () => {
  it("from a file, a compressed file, standard input", async () => {
    const expected = { code: 0, out: LINES.join("\n"), err: "" };
    expect(await outcomeOf(["decode", fileOf("three.pcap", THREE)])).toEqual(expected);
    expect(await outcomeOf(["decode", fileOf("three.gz", gzipSync(THREE))])).toEqual(expected);
    expect(await outcomeOf(["decode", "-"], { stdin: THREE })).toEqual(expected);
  });

  it("without a packet is no error", async () => {
    expect(await outcomeOf(["decode", "-"], { stdin: pcapOf([]) })).toEqual({ code: 0, out: "", err: "" });
  });

  it("as JSON Lines: each line an object", async () => {
    const { code, out } = await outcomeOf(["decode", "--json", "-"], { stdin: THREE });
    const packets = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { number: number; time: string });
    expect(code).toBe(0);
    expect(packets.map(({ number, time }) => [number, time])).toEqual([
      [1, "1000.000000000"],
      [2, "1001.000000000"],
      [3, "1002.000000000"],
    ]);
  });

  it("as trees, as bytes, as both", async () => {
    const [tree, hex, both] = await Promise.all(
      [["--tree"], ["--hex"], ["-t", "-x"]].map((flags) =>
        outcomeOf(["decode", ...flags, "-c", "1", "-"], { stdin: THREE }),
      ),
    );
    expect(tree!.out).toContain(`${LINES[0]}\n  Ethernet [0, 14) 02:42:0a:00:09:03 > ff:ff:ff:ff:ff:ff\n      dstMac `);
    expect(hex!.out).toContain(`${LINES[0]}\n  Ethernet\n    0000  ff ff ff ff ff ff         ethernet.dstMac = `);
    expect(both!.out.split("\n").length).toBe(tree!.out.split("\n").length + hex!.out.split("\n").length - 3);
  });

  it("only as many packets as asked for: what is behind them is not even read", async () => {
    const damaged = THREE.subarray(0, THREE.length - 5);
    expect(await outcomeOf(["decode", "--count", "2", "-"], { stdin: damaged })).toEqual({
      code: 0,
      out: LINES.slice(0, 2).join("\n") + "\n",
      err: "",
    });
  });

  it("with VXLAN on another port", async () => {
    const stdin = pcapOf([VXLAN_ON_8472]);
    expect((await outcomeOf(["decode", "-"], { stdin })).out).toMatch(/UDP data 50/);
    expect((await outcomeOf(["decode", "--vxlan-port", "8472", "-"], { stdin })).out).toContain(
      `10.0.0.1 > 10.0.0.2 VXLAN 7 | ${ARP_WORDS}`,
    );
  });

  it("with other forms of time, with MAC addresses", async () => {
    const of = async (...flags: readonly string[]): Promise<string> =>
      (await outcomeOf(["decode", ...flags, "-"], { stdin: THREE })).out.split("\n")[2]!;
    expect(await of("--time", "delta")).toBe(`#3    1.000000  ${ARP_WORDS}`);
    expect(await of("--time", "utc")).toBe(`#3    1970-01-01T00:16:42.000000Z  ${ARP_WORDS}`);
    expect(await of("--time", "epoch")).toBe(`#3    1002.000000  ${ARP_WORDS}`);
    expect(await of("-e")).toBe(`#3    2.000000  02:42:0a:00:09:03 > broadcast ${ARP_WORDS}`);
  });

  it("of many packets, in large pieces and in order", async () => {
    const { code, out } = await outcomeOf(["decode", "-"], { stdin: pcapOf(Array.from({ length: 5000 }, () => ARP)) });
    expect(code).toBe(0);
    expect(
      out
        .trimEnd()
        .split("\n")
        .map((line) => Number(line.slice(1, 6))),
    ).toEqual(Array.from({ length: 5000 }, (_, index) => index + 1));
  });
});

describe("what pcapng says of a packet", () => {
  /** `malformed` stands behind the options: of an option of 255 bytes there is only the head. */
  function pcapngWith(options: PacketOptions): Uint8Array {
    const chunks: Uint8Array[] = [];
    const writer = new PcapngWriter({
      file: "memory",
      writeSync: (bytes) => void chunks.push(bytes.slice()),
      closeSync: () => {},
    });
    writer.addInterface({});
    writer.writePacket({ data: ARP, seconds: 1, nanoseconds: 0, options });
    writer.writePacket({ data: ARP, seconds: 1, nanoseconds: 0 });
    writer.closeSync();
    return Buffer.concat(chunks);
  }
  const idsOf = async (stdin: Uint8Array): Promise<unknown> => {
    const { out } = await outcomeOf(["decode", "--json", "-"], { stdin });
    const packets = out.trimEnd().split("\n");
    return packets.map((line) => (JSON.parse(line) as { packetId?: unknown }).packetId);
  };

  it("is in trees and JSON", async () => {
    expect(await idsOf(pcapngWith({ packetId: 15 }))).toEqual([15, undefined]);
    expect(await idsOf(pcapngWith({ packetId: 2n ** 63n }))).toEqual(["9223372036854775808", undefined]);
    const { out } = await outcomeOf(["decode", "--tree", "-"], { stdin: pcapngWith({ packetId: 15, queue: 3 }) });
    expect(out).toContain(
      "\n  Frame [0, 42) 42 bytes\n      Packet id        15\n      Interface queue  3\n  Ethernet ",
    );
    expect(out.match(/Frame/g)).toHaveLength(1);
  });

  it("gets a note if an option runs past its block, and the packets are all there", async () => {
    const stdin = pcapngWith({ comments: ["kept"], malformed: Uint8Array.of(1, 0, 255, 0) });
    const { code, out } = await outcomeOf(["decode", "-"], { stdin });
    expect([code, out.split("\n")]).toEqual([
      0,
      [
        `#1    0.000000000  ${ARP_WORDS}; malformed packet options: the one in the last 4 bytes runs past the block`,
        "        kept",
        `#2    0.000000000  ${ARP_WORDS}`,
        "",
      ],
    ]);
  });
});

it("leaves a frame check sequence that the file declares out of the layers", async () => {
  // Four bytes of it, by the link type word; the EtherType is one that nothing reads.
  const frame = Uint8Array.from([...ARP.subarray(0, 12), 0x88, 0xb5, 7, 7, 7, 7, 1, 2, 3, 4]);
  const { out } = await outcomeOf(["decode", "--json", "-"], { stdin: pcapOf([frame], 0x24000001) });
  expect(JSON.parse(out)).toMatchObject({
    capturedLength: 22,
    layers: [{ protocol: "ethernet", start: 0, end: 18 }],
    payload: { start: 14, end: 18 },
    fcs: { start: 18, end: 22, checksum: "invalid" },
  });
});

describe("a damaged capture", () => {
  it("prints what is good, then says where the damage is, and answers 1", async () => {
    const stdin = THREE.subarray(0, THREE.length - 5);
    expect(await outcomeOf(["decode", "-"], { stdin })).toEqual({
      code: 1,
      out: LINES.slice(0, 2).join("\n") + "\n",
      err:
        "hopscope: stdin: byte 140: record 3 is cut: its record needs 58 bytes, there are 53\n" +
        "hopscope: 2 good packets before that were printed\n",
    });
  });

  it("counts one packet, and none, in words", async () => {
    const at = (length: number): Promise<{ readonly code: number; readonly err: string }> =>
      outcomeOf(["decode", "-"], { stdin: THREE.subarray(0, length) });
    expect(await at(90)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/\nhopscope: 1 good packet before that was printed\n$/) as string,
    });
    expect(await at(30)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/\nhopscope: there is no packet before that\n$/) as string,
    });
  });

  it("at every length ends with 0, 1 or 2, and with the packets that are whole", async () => {
    for (let length = 0; length <= THREE.length; length += 3) {
      const { code, out, err } = await outcomeOf(["decode", "-"], { stdin: THREE.subarray(0, length) });
      const whole = Math.max(0, Math.floor((length - 24) / 58));
      expect(out.split("\n").length - 1, `${length}`).toBe(whole);
      expect(code, `${length}`).toBe(length < 4 ? 2 : length >= 24 && (length - 24) % 58 === 0 ? 0 : 1);
      expect(err === "", `${length}`).toBe(code === 0);
      if (code !== 0) expect(err).toMatch(/^hopscope: stdin: byte \d+: /);
    }
  });
});

describe("what is no capture", () => {
  it.each([
    ["an empty file", () => fileOf("empty", ""), "byte 0: there is nothing in it"],
    [
      "text",
      () => fileOf("text", "root:x:0:0"),
      "byte 0: it begins with 0x726f6f74, which neither pcap nor pcapng does",
    ],
    ["a folder", () => folder, "it is a directory"],
    ["nothing", () => join(folder, "missing"), "there is no such file"],
  ])("%s: says so and answers 2", async (_name, path, problem) => {
    const file = path();
    expect(await outcomeOf(["decode", file])).toEqual({ code: 2, out: "", err: `hopscope: ${file}: ${problem}\n` });
  });
});

describe("colors", () => {
  const colored = async (
    flags: readonly string[],
    env: Readonly<Record<string, string>>,
    tty: boolean,
  ): Promise<boolean> =>
    (await outcomeOf(["decode", ...flags, "-"], { stdin: THREE, env, tty })).out.includes("\u001b[");

  it("are for terminals, unless someone said no", async () => {
    expect(await colored([], {}, true)).toBe(true);
    expect(await colored([], {}, false)).toBe(false);
    expect(await colored(["--no-color"], {}, true)).toBe(false);
    expect(await colored([], { NO_COLOR: "1" }, true)).toBe(false);
    expect(await colored([], { NO_COLOR: "" }, true)).toBe(true);
    expect(await colored([], { TERM: "dumb" }, true)).toBe(false);
  });

  it("are never in JSON", async () => {
    expect(await colored(["--json"], {}, true)).toBe(false);
  });
});
