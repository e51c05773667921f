/**
 * How often rules matched and what IPVS counted during recordings r1 to r3, against the same during their scenarios: the
 * differences of what `iptables-save -c` and `ipvsadm -Ln --stats` printed before and after.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { aesGcm } from "../../../cli/src/aes-gcm.ts";
import type { Mesh } from "../../src/build.ts";
import { lookAt } from "../../src/inspect/look-at.ts";
import { run } from "../../src/run.ts";
import { load } from "../conformance/conformance.ts";

type Printed = Readonly<Record<string, readonly string[]>>;
type Places = Readonly<Record<string, { readonly before: Printed; readonly after: Printed }>>;
type Counts = ReadonlyMap<string, readonly number[]>;

const FILE = new URL("../../../../fixtures/inspect/counters-ipvs.json.gz", import.meta.url);
const RECORDED = JSON.parse(gunzipSync(readFileSync(FILE)).toString()) as Readonly<Record<string, Places>>;

/** Packets and bytes of each rule, but for what chance chose in it. */
function rulesOf(lines: readonly string[]): Counts {
  const counts = new Map<string, readonly number[]>();
  let table = "";
  for (const line of lines) {
    if (line.startsWith("*")) table = line;
    const [, packets, bytes, rule = ""] = /^\[(\d+):(\d+)\] (.+)/.exec(line) ?? [];
    const plain = rule
      .replace(/0x1[0-9a-f]{2}\//, "MARK/")
      .replace(/127\.0\.0\.11:\d+/, "127.0.0.11:PORT")
      .replace(/--sport \d{5}/, "--sport PORT");
    if (rule !== "") add(counts, `${table} ${plain}`, [Number(packets), Number(bytes)]);
  }
  return counts;
}

/** Connections, packets and bytes of each service, named by its servers as its mark is not the same, and of each server. */
function serversOf(lines: readonly string[]): Counts {
  const counts = new Map<string, readonly number[]>();
  const services = lines
    .join("\n")
    .split(/^(?=FWM)/m)
    .slice(1);
  for (const service of services) {
    const [first = [], ...servers] = service
      .trim()
      .split("\n")
      .map((line) => line.trim().split(/\s+/));
    const ips = servers.map(([, server = ""]) => server.replace(/:0$/, ""));
    add(counts, ips.toSorted().join(" "), first.slice(2).map(Number));
    for (const [index, server] of servers.entries()) add(counts, `-> ${ips[index]}`, server.slice(2).map(Number));
  }
  return counts;
}

function add(counts: Map<string, readonly number[]>, name: string, more: readonly number[]): void {
  const before = counts.get(name);
  counts.set(name, before === undefined ? more : more.map((count, index) => count + before[index]!));
}

const COUNTS: Readonly<Record<string, (lines: readonly string[]) => Counts>> = {
  "iptables-save -c": rulesOf,
  "ipvsadm -Ln --stats": serversOf,
};

/** What has become more. */
function grown(
  command: string,
  before: readonly string[],
  after: readonly string[],
): Record<string, readonly number[]> {
  const old = COUNTS[command]!(before);
  const more: Record<string, readonly number[]> = {};
  for (const [name, counts] of COUNTS[command]!(after)) {
    const difference = counts.map((count, index) => count - (old.get(name)?.[index] ?? 0));
    if (difference.some((count) => count !== 0)) more[name] = difference;
  }
  return more;
}

/** Rules that the swarm's own connections match, which have no packets here: SYNs of 60 bytes. */
const OF_THE_SWARM = /^\*nat -A (PREROUTING -m addrtype --dst-type LOCAL -j DOCKER|DOCKER-INGRESS -j RETURN)/;

function withoutSwarm(
  recorded: Record<string, readonly number[]>,
  made: Record<string, readonly number[]>,
): typeof recorded {
  return Object.fromEntries(
    Object.entries(recorded).flatMap(([name, counts]) => {
      if (!OF_THE_SWARM.test(name)) return [[name, counts]];
      const [packets = 0, bytes = 0] = made[name] ?? [];
      const more = counts[0]! - packets;
      const isSwarm = more >= 0 && counts[1]! - bytes === more * 60;
      if (!isSwarm) return [[name, counts]];
      return packets === 0 ? [] : [[name, [packets, bytes]]];
    }),
  );
}

function printed(mesh: Mesh, place: string, command: string): readonly string[] {
  const [node = "", namespace = ""] = place.split("/");
  return lookAt(mesh, { node, namespace }, command.split(" ")).output;
}

describe("what was counted", () => {
  test.each(Object.entries(RECORDED))("%s", (name, places) => {
    const scenario = load(name);
    const { mesh: at } = run(scenario, { aead: aesGcm, until: 0, record: false });
    const { mesh } = run(scenario, { aead: aesGcm, record: false });
    let compared = 0;
    for (const [place, { before, after }] of Object.entries(places)) {
      for (const [command, lines] of Object.entries(before)) {
        const made = grown(command, printed(at, place, command), printed(mesh, place, command));
        const real = withoutSwarm(grown(command, lines, after[command]!), made);
        expect([place, command, made]).toEqual([place, command, real]);
        compared += Object.keys(real).length;
      }
    }
    expect(compared).toBeGreaterThan(80);
  });
});
