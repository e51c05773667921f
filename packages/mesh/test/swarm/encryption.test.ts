/** What engines ask of their kernels for encrypted overlays. */
import { describe, expect, test } from "vitest";
import { formatRequest } from "../../src/swarm/format-request.ts";
import { spiOf } from "../../src/swarm/encryption.ts";
import { removeContainer } from "../../src/swarm/container.ts";
import { KeyManager } from "../../src/swarm/key-manager.ts";
import type { Choices } from "../../src/swarm/choices.ts";
import { ip, World } from "./world.ts";

/** Keys and first tag of the recording q5. */
const RECORDED: Partial<Choices> = {
  keys: {
    values: [
      "43cf68ccb22eef555199596b3daa83ad",
      "17f25ce36db530e31649141c4ea2d4b6",
      "32cddb8f11340b20ebab6fd6148c45d8",
    ].map((text) => Uint8Array.from(Buffer.from(text, "hex"))),
    firstTag: 0x64e8,
  },
};
const NODES = ["h1", "h2", "h3"];

/** Commands about IPsec and its rules on a node, without what they all have. */
function commands(world: World, node: string, from = 0): string[] {
  return world.requests
    .slice(from)
    .filter(({ request }) => request.node === node)
    .filter(
      ({ request }) =>
        request.kind.startsWith("xfrm") || (request.kind === "iptables" && /u32|bpf/.test(JSON.stringify(request))),
    )
    .flatMap(({ request }) => formatRequest(request))
    .map((line) =>
      line
        .replace(/^h\d# /, "")
        .replaceAll("192.168.77.", ".")
        .replace(" proto esp", "")
        .replace(" reqid 13681891 mode transport", "")
        .replace(" aead 'rfc4106(gcm(aes))'", ""),
    );
}

/** `docker rm -f` */
function remove(world: World, node: string, name: string): void {
  const engine = world.swarm.engine(node);
  world.do(removeContainer(engine, engine.container(name)!, true), node);
}

function encrypted(version = "20.10"): World {
  const world = new World(version, RECORDED, NODES);
  world.overlay("plain");
  world.overlay("sec", undefined, { encrypted: true });
  return world;
}

describe("SPIs", () => {
  test.each([
    ["192.168.1.10", "192.168.1.11", 1, 0xce838555, 0x10ac6f45],
    ["192.168.1.11", "192.168.1.10", 1, 0x1472f751, 0xd72ff211],
    ["10.1.0.1", "10.1.0.2", 0x1a4, 0x2a93d139, 0x1c7ee3e1],
  ])("from %s to %s with tag %i", (source, destination, tag, spi, wrong) => {
    expect(spiOf(ip(source), ip(destination), tag)).toBe(spi);
    expect(spiOf(ip(source), ip(destination), tag, "4-byte")).toBe(wrong);
  });

  test.each([
    [0x64e8, 0xc8929f54, 0xc7a0f8a0],
    [0x64e9, 0x453f6df3, 0xaddb45b7],
    [0x64ea, 0x61516a32, 0xd2b296b6],
  ])("are those of the recorded associations for tag %i", (tag, there, back) => {
    expect(spiOf(ip("192.168.77.11"), ip("192.168.77.12"), tag)).toBe(there);
    expect(spiOf(ip("192.168.77.12"), ip("192.168.77.11"), tag)).toBe(back);
  });

  test("of 16 bits of tags only one fits both directions of a recorded pair", () => {
    const fitting = Array.from({ length: 0x10000 }, (_, tag) => tag).filter(
      (tag) =>
        spiOf(ip("192.168.77.11"), ip("192.168.77.12"), tag) === 0x453f6df3 &&
        spiOf(ip("192.168.77.12"), ip("192.168.77.11"), tag) === 0xaddb45b7,
    );
    expect(fitting).toEqual([0x64e9]);
  });
});

describe("an encrypted overlay", () => {
  test("is a matter of the nodes that have something in it", () => {
    const world = encrypted();
    world.run("h1", "x", "plain");
    world.run("h2", "y", "plain");
    expect(NODES.flatMap((node) => commands(world, node))).toEqual([]);
    world.run("h1", "a", "sec");
    // Alone there is nobody to encrypt for, but nothing comes in the clear any more.
    expect(commands(world, "h1")).toEqual([
      'iptables -t mangle -A OUTPUT -p udp -m udp --dport 4789 -m u32 --u32 "0x0>>0x16&0x3c@0xc&0xffffff00=0x100200" -j MARK --set-xmark 0xd0c4e3/0xffffffff',
      'iptables -t filter -A INPUT -p udp -m policy --dir in --pol ipsec -m udp --dport 4789 -m u32 --u32 "0x0>>0x16&0x3c@0xc&0xffffff00=0x100200" -j ACCEPT',
      'iptables -t filter -I INPUT -p udp -m policy --dir in --pol none -m udp --dport 4789 -m u32 --u32 "0x0>>0x16&0x3c@0xc&0xffffff00=0x100200" -j DROP',
    ]);
    const before = world.requests.length;
    world.run("h2", "b", "sec");
    // In this order the kernel lists them as it did in the recording.
    expect(commands(world, "h1", before)).toEqual([
      "ip xfrm state add src .12 dst .11 spi 0xaddb45b7 0x17f25ce36db530e31649141c4ea2d4b6addb45b7 64",
      "ip xfrm state add src .11 dst .12 spi 0x453f6df3 0x17f25ce36db530e31649141c4ea2d4b6453f6df3 64",
      "ip xfrm policy add src .11/32 dst .12/32 proto udp dport 4789 dir out mark 0xd0c4e3 mask 0xffffffff tmpl src .11 dst .12 spi 0x453f6df3",
      "ip xfrm state add src .12 dst .11 spi 0xc7a0f8a0 0x43cf68ccb22eef555199596b3daa83adc7a0f8a0 64",
      "ip xfrm state add src .12 dst .11 spi 0xd2b296b6 0x32cddb8f11340b20ebab6fd6148c45d8d2b296b6 64",
    ]);
    expect(commands(world, "h2", before).slice(3)).toEqual([
      "ip xfrm state add src .11 dst .12 spi 0x453f6df3 0x17f25ce36db530e31649141c4ea2d4b6453f6df3 64",
      "ip xfrm state add src .12 dst .11 spi 0xaddb45b7 0x17f25ce36db530e31649141c4ea2d4b6addb45b7 64",
      "ip xfrm policy add src .12/32 dst .11/32 proto udp dport 4789 dir out mark 0xd0c4e3 mask 0xffffffff tmpl src .12 dst .11 spi 0xaddb45b7",
      "ip xfrm state add src .11 dst .12 spi 0xc8929f54 0x43cf68ccb22eef555199596b3daa83adc8929f54 64",
      "ip xfrm state add src .11 dst .12 spi 0x61516a32 0x32cddb8f11340b20ebab6fd6148c45d861516a32 64",
    ]);
    expect(commands(world, "h3")).toEqual([]);
  });

  test("has a second one's rules for itself, and associations in common", () => {
    const world = encrypted();
    world.overlay("sec2", undefined, { encrypted: true });
    for (const [node, name] of [
      ["h1", "a"],
      ["h2", "b"],
    ] as const)
      world.run(node, name, "sec");
    const before = world.requests.length;
    world.run("h1", "c", "sec2");
    world.run("h2", "d", "sec2");
    expect(commands(world, "h1", before).map((line) => line.split(" ").slice(0, 5).join(" "))).toEqual([
      "iptables -t mangle -A OUTPUT",
      "iptables -t filter -A INPUT",
      "iptables -t filter -I INPUT",
    ]);
    const middle = world.requests.length;
    remove(world, "h2", "b");
    expect(commands(world, "h1", middle)).toEqual([]);
    remove(world, "h2", "d");
    expect(commands(world, "h1", middle).map((line) => line.split(" ").slice(0, 4).join(" "))).toEqual([
      "ip xfrm state delete",
      "ip xfrm state delete",
      "ip xfrm policy delete",
      "ip xfrm state delete",
      "ip xfrm state delete",
    ]);
  });

  test("leaves nothing behind", () => {
    const world = encrypted();
    const empty = NODES.map((node) => world.tables(node, "host").save().join("\n"));
    for (const round of [1, 2]) {
      world.run("h1", `a${round}`, "sec");
      world.run("h2", `b${round}`, "sec");
      remove(world, "h1", `a${round}`);
      remove(world, "h2", `b${round}`);
      const left = new Set<string>();
      for (const { request } of world.requests) {
        if (!request.kind.startsWith("xfrm")) continue;
        const [line = ""] = formatRequest(request);
        const id = /(state|policy) \w+ (src \S+ dst \S+ proto \w+ (?:spi|dport) \S+)/.exec(line)!;
        if (request.kind.endsWith("add")) left.add(`${request.node} ${id[1]} ${id[2]}`);
        else left.delete(`${request.node} ${id[1]} ${id[2]}`);
      }
      expect([...left]).toEqual([]);
      expect(commands(world, "h1").length).toBeGreaterThan(5 * round);
      const tables = NODES.map((node) => world.tables(node, "host").save());
      expect(tables.map((lines) => lines.filter((line) => /u32/.test(line)))).toEqual([[], [], []]);
    }
    expect(empty.join("")).not.toContain("u32");
  });

  test("finds its VNI with BPF from 24.0 on", () => {
    const world = encrypted("24.0");
    world.run("h1", "a", "sec");
    expect(commands(world, "h1")[0]).toBe(
      'iptables -t mangle -A OUTPUT -p udp -m udp --dport 4789 -m bpf --bytecode "6,177 0 0 0,64 0 0 12,84 0 0 4294967040,21 1 0 1049088,6 0 0 0,6 0 0 4294967295" -j MARK --set-xmark 0xd0c4e3/0xffffffff',
    );
  });
});

describe("keys", () => {
  test("are three, with tags one after the other; every twelve hours the oldest goes", () => {
    const keys = new KeyManager(1, { values: [], firstTag: undefined });
    const [oldest, primary, newest] = keys.keys;
    expect(keys.primary).toBe(primary);
    expect([primary!.tag - oldest!.tag, newest!.tag - primary!.tag]).toEqual([1, 1]);
    expect(new Set(keys.keys.map(({ value }) => Buffer.from(value).toString("hex"))).size).toBe(3);
    keys.rotate();
    expect(keys.keys.slice(0, 2)).toEqual([primary, newest]);
    expect(keys.primary).toBe(newest);
    expect(keys.keys[2]!.tag).toBe(newest!.tag + 2);
  });

  test("are renewed so that each side can always read what the other sends", () => {
    const world = encrypted();
    world.run("h1", "a", "sec");
    world.run("h2", "b", "sec");
    const before = world.requests.length;
    world.swarm.renewKeys();
    world.timeline.run(world.timeline.now + world.swarm.keyRotation + 1e9);
    const newTag = 0x64ec;
    const own = spiOf(ip("192.168.77.11"), ip("192.168.77.12"), newTag).toString(16).padStart(8, "0");
    const other = spiOf(ip("192.168.77.12"), ip("192.168.77.11"), newTag).toString(16).padStart(8, "0");
    expect(commands(world, "h1", before).map((line) => line.replace(/0x[0-9a-f]{40} 64/, "KEY"))).toEqual([
      "ip xfrm state delete src .12 dst .11 spi 0xc7a0f8a0",
      `ip xfrm state add src .12 dst .11 spi 0x${other} KEY`,
      "ip xfrm state add src .11 dst .12 spi 0x61516a32 KEY",
      "ip xfrm policy update src .11/32 dst .12/32 proto udp dport 4789 dir out mark 0xd0c4e3 mask 0xffffffff tmpl src .11 dst .12 spi 0x61516a32",
      "ip xfrm state delete src .11 dst .12 spi 0x453f6df3",
    ]);
    world.timeline.run(world.timeline.now + world.swarm.keyRotation);
    // What came with the first renewal is sent with after the second.
    expect(
      commands(world, "h1", before)
        .filter((line) => line.includes("policy"))
        .at(-1),
    ).toContain(`spi 0x${own}`);
  });
});

test("records that everybody has forgotten are no longer kept", () => {
  const world = encrypted();
  const network = world.swarm.networks.get("sec")!;
  world.run("h1", "first", "sec");
  world.run("h2", "second", "sec");
  for (let turn = 0; turn < 200; turn++) {
    world.run("h3", `third${turn}`, "sec");
    remove(world, "h3", `third${turn}`);
  }
  expect(world.swarm.encryptedPeers.remembered(network)).toBeLessThan(70);
  const from = world.requests.length;
  world.run("h3", "last", "sec");
  expect(commands(world, "h1", from).join("\n")).toContain(".13");
});
