// Writes what the tools printed on the nodes after one of the recordings q2 and q8, for the commands that tests compare:
//
//   node scripts/states-ipvs.mjs RECORDING | gzip -9n > fixtures/inspect/states-ipvs/NAME.json.gz
//
// RECORDING/state/after/NODE.NAMESPACE.txt is what they printed in one namespace, `== COMMAND` before each. Lines that
// nobody compares are left out: counters, IPv6, what sysctl and conntrack say.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const COMMANDS = ["ip addr", "ip route show table all", "iptables-save -c", "ipvsadm -Sn", "ipvsadm -Lcn"];
/** Networks of that swarm by the beginning of their ids. */
const NETWORKS = [
  ["xg5jtiq309", "ingress"],
  ["ybz97wkzty", "appnet"],
  ["q12f9ttgv1", "sec"],
];

const [recording] = process.argv.slice(2);
if (recording === undefined) {
  console.error("usage: node scripts/states-ipvs.mjs RECORDING");
  process.exit(2);
}

const states = {};
const folder = join(recording, "state", "after");
for (const file of readdirSync(folder).sort()) {
  const [, node, namespace] = /^(h\d)\.(.+)\.txt$/.exec(file) ?? [];
  if (node === undefined) continue;
  const parts = readFileSync(join(folder, file), "utf8").split(/^== /m);
  states[`${node}/${nameOf(node, namespace)}`] = Object.fromEntries(
    COMMANDS.map((command) => {
      const part = parts.find((text) => text.startsWith(`${command}\n`)) ?? "";
      return [command, linesOf(part)];
    }),
  );
}
console.log(JSON.stringify(states));

function nameOf(node, namespace) {
  for (const [id, name] of NETWORKS) {
    if (namespace === `1-${id}`) return `overlay-${name}`;
    if (namespace === `lb_${id.slice(0, 9)}`) return `lb-${name}`;
  }
  // A task of a global service is called by its node.
  return namespace.replace(/^c-/, "").replace(/\.[a-z0-9]{25}$/, `.${node}`);
}

function linesOf(part) {
  return part
    .trimEnd()
    .split("\n")
    .slice(1)
    .filter((line) => !/^#|^ +(inet6|valid_lft)/.test(line))
    .map((line) => line.trimEnd().replace(/\[\d+:\d+\]/, "[0:0]"));
}
