/** What tools print of namespaces of a swarm with IPVS after a scenario, against what real ones printed after its recording. */
import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { aesGcm } from "../../../cli/src/aes-gcm.ts";
import { lookAt } from "../../src/inspect/look-at.ts";
import { run } from "../../src/run.ts";
import { load } from "../conformance/conformance.ts";

const FOLDER = new URL("../../../../fixtures/inspect/states-ipvs/", import.meta.url);
const NAMES = readdirSync(FOLDER).map((file) => file.replace(/\.json\.gz$/, ""));

type Printed = Readonly<Record<string, readonly string[]>>;

function recorded(name: string): Readonly<Record<string, Printed>> {
  return JSON.parse(gunzipSync(readFileSync(new URL(`${name}.json.gz`, FOLDER))).toString()) as Record<string, Printed>;
}

/**
 * Without what chance chose: numbers of devices, ports, random MAC addresses, names of veth devices, marks, who came first
 * on docker_gwbridge; and without the flag of a bridge that is promiscuous for the recorder, which `ip` does not show.
 */
function plain(command: string, lines: readonly string[]): readonly string[] {
  const marks = new Map<number, string>();
  const markOf = (mark: number): string => {
    if (!marks.has(mark)) marks.set(mark, `mark-${marks.size + 1}`);
    return marks.get(mark)!;
  };
  const known = lines
    .filter((line) => !/^#|^ +(inet6|valid_lft)/.test(line))
    .map((line) =>
      line
        .trimEnd()
        .replace(/^\d+: (\S+?)(@if\d+)?: /, "$1: ")
        .replace(/veth[0-9a-f]{7}/, "veth")
        .replace("PROMISC,", "")
        .replace(/^\[\d+:\d+\] /, "")
        .replace(/\b(?!02:42:0a|02:42:ac|00:00:00|ff:ff:ff)([0-9a-f]{2}:){5}[0-9a-f]{2}\b/, "random")
        .replace(/ link-netns(id)? \S+/, "")
        .replace(/\b[1-6]\d{4}\b/, "PORT")
        .replace(/0x(1[0-9a-f]{2})\b/, (_, mark: string) => markOf(Number.parseInt(mark, 16)))
        .replace(/-f (\d+)/, (_, mark: string) => `-f ${markOf(Number(mark))}`)
        .replaceAll(/172\.18\.0\.(?![12]\b)\d+/g, "172.18.0.other")
        .replace(/02:42:ac:12:00:(?!0[12]\b)../, "02:42:ac:12:00:other"),
    );
  if (command === "ip addr")
    return known
      .join("\n")
      .split(/\n(?=\S)/)
      .toSorted();
  if (command === "iptables-save -c") return rulesOf(known);
  return known;
}

/**
 * An empty table is as good as none, and the order of tables is iptables' own. Ports are in the order in which they were
 * published: of a stack sorted, of the recorded `docker service create` as they were typed.
 */
function rulesOf(lines: readonly string[]): readonly string[] {
  let table = "";
  const rules: { readonly table: string; readonly rule: string }[] = [];
  for (const line of lines) {
    if (line.startsWith("*")) table = line;
    else if (line.startsWith("-A ")) rules.push({ table, rule: line });
  }
  const printed = rules
    .toSorted((a, b) => (a.table < b.table ? -1 : Number(a.table > b.table)))
    .map((each) => `${each.table} ${each.rule}`);
  const ofPorts = printed.filter(isOfPort).toSorted();
  return printed.map((rule) => (isOfPort(rule) ? ofPorts.shift()! : rule));
}

function isOfPort(rule: string): boolean {
  return /--[ds]port (7000|8001|9000|80) /.test(rule);
}

/** What the real ones do not have: they have had connections before the recording, too. Those of `q2` had ended by then. */
function additional(made: readonly string[], real: readonly string[]): readonly string[] {
  const withoutTimes = (line: string): string =>
    line
      .replace(/\d\d:\d\d/, "EXPIRE")
      .replace(/:[1-6]\d{4}\b/, ":PORT")
      .replaceAll(/ +/g, " ")
      .trimEnd();
  const left = real.map(withoutTimes);
  return made.map(withoutTimes).filter((line) => {
    const index = left.indexOf(line);
    if (index >= 0) left.splice(index, 1);
    return line !== "" && index < 0;
  });
}

/** The machines themselves have IPv6 and a veth for their network card. */
const isCompared = (namespace: string, command: string): boolean => namespace !== "host" || !command.startsWith("ip ");

describe("what tools print after a scenario with IPVS", () => {
  test.each(NAMES)("%s", (name) => {
    const { mesh } = run(load(name), { aead: aesGcm });
    for (const [place, printed] of Object.entries(recorded(name))) {
      const [node = "", namespace = ""] = place.split("/");
      for (const [command, lines] of Object.entries(printed)) {
        if (!isCompared(namespace, command)) continue;
        const { output } = lookAt(mesh, { node, namespace }, command.split(" "));
        if (command === "ipvsadm -Lcn") {
          // The recorder asked only where there is a service.
          if (name === "q8-no-promisc" && lines.length > 0)
            expect([place, ...additional(output, lines)]).toEqual([place]);
          continue;
        }
        expect([place, command, ...plain(command, output)]).toEqual([place, command, ...plain(command, lines)]);
      }
    }
  });
});
