// Writes what the tools printed on the nodes after a recording, for the commands that the engine answers, too:
//
//   node scripts/states.mjs RECORDING | gzip -9n > fixtures/inspect/states/NAME.json.gz
//
// RECORDING/state/NODE.NAMESPACE.json is what they printed in one namespace, as an object by command.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const COMMANDS = ["ip -d -j link", "ip -j addr", "ip -j route show table all", "ip -j neigh", "bridge -j fdb"];

const [recording] = process.argv.slice(2);
if (recording === undefined) {
  console.error("usage: node scripts/states.mjs RECORDING");
  process.exit(2);
}

const states = {};
for (const file of readdirSync(join(recording, "state")).sort()) {
  const [, node, namespace] = /^([^.]+)\.(.+)\.json$/.exec(file) ?? [];
  if (node === undefined) continue;
  const document = JSON.parse(readFileSync(join(recording, "state", file), "utf8"));
  const place = `${node}/${namespace.replace(/^ctr-/, "")}`;
  states[place] = Object.fromEntries(COMMANDS.map((command) => [command, document[command]]));
}
console.log(JSON.stringify(states));
