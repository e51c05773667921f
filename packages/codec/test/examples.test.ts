/** What the README shows and links to runs. */
import { readFileSync } from "node:fs";
import { parseIpv4, parseMac } from "@hopscope/codec/address";
import { decapsulate, decapsulatedEnd, encapsulate, VxlanTunnel } from "@hopscope/codec/encapsulation";
import { VxlanPacket } from "@hopscope/codec/vxlan-packet";
import { expect, it, vi } from "vitest";

/** What `run` prints, line by line. */
async function printed(run: () => unknown): Promise<unknown[][]> {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  await run();
  const { calls } = log.mock;
  log.mockRestore();
  return calls;
}

it("examples/encapsulate.mjs runs and shows what its comments say", async () => {
  const example = new URL("../examples/encapsulate.mjs", import.meta.url).href;
  const lines = (await printed(() => import(example))).map(([line]) => String(line));
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

it("the README's tunnel takes a frame there and back", async () => {
  const at = 50;
  const end = at + 62;
  const identification = 1;
  const view = new DataView(new ArrayBuffer(end));
  // Ethernet, IPv4 and UDP, from 10.0.9.3.
  view.setUint16(at + 12, 0x0800);
  view.setUint8(at + 14, 0x45);
  view.setUint16(at + 16, end - at - 14);
  view.setUint8(at + 23, 17);
  view.setInt32(at + 26, parseIpv4("10.0.9.3")!);
  view.setUint16(at + 38, end - at - 34);
  const lines = await printed(() => {
    // Once: one direction of a tunnel, and an object for packet after packet.
    const [srcMac, dstMac] = [parseMac("52:54:00:77:00:0b")!, parseMac("52:54:00:77:00:0c")!];
    const [srcIp, dstIp] = [parseIpv4("192.168.77.11")!, parseIpv4("192.168.77.12")!];
    const tunnel = new VxlanTunnel({ srcMac, dstMac, srcIp, dstIp, vni: 4097 });
    const packet = new VxlanPacket(view);

    // A frame is at [at, end) of the view, behind fifty free bytes. A negative answer is a status: -1 is "truncated".
    const start = encapsulate(tunnel, view, at, end, identification);
    if (packet.wrap(start, end) === 0) console.log(packet.vni, packet.innerSrcIp);
    const innerStart = decapsulate(view, start, end);
    if (innerStart > 0) console.log(decapsulatedEnd(view, innerStart) - innerStart);
  });
  expect(lines).toEqual([[4097, parseIpv4("10.0.9.3")!], [62]]);
});

it("the README's tunnel is the one above, line by line", () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
  const blocks = [...read("../README.md").matchAll(/^```ts\n([\s\S]+?)^```/gm)].map((match) => match[1]!);
  const snippet = blocks.find((block) => block.includes("new VxlanTunnel("))!.trim();
  const own = read("examples.test.ts").replaceAll(/^ +/gm, "");
  const [imports, ...rest] = snippet.split("\n\n");
  expect(own).toContain(imports);
  expect(own).toContain(rest.join("\n\n"));
});
