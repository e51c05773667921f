// Writes which container interface each node-side veth of a recording is connected to, which its capture cannot say:
//
//   node scripts/veth-peers.mjs RECORDINGS > fixtures/conformance/veth-peers.json
//
// RECORDINGS is a folder with a folder for each recording, in which state/NODE.NAMESPACE.json is what `ip -d -j link`
// printed there (and more) after the recording.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node scripts/veth-peers.mjs RECORDINGS");
  process.exit(2);
}

const recordings = {};
for (const name of readdirSync(folder).sort()) {
  const state = join(folder, name, "state");
  if (existsSync(state)) recordings[name] = peersOf(state);
}
console.log(JSON.stringify(recordings, null, 2));

/** `NODE/host/vethXXXXXXX` to `NAMESPACE/DEVICE`. */
function peersOf(state) {
  const links = readdirSync(state).flatMap((file) => {
    const [, node, namespace] = /^([^.]+)\.(.+)\.json$/.exec(file) ?? [];
    if (node === undefined) return [];
    const document = JSON.parse(readFileSync(join(state, file), "utf8"));
    return document["ip -d -j link"].map((link) => ({ ...link, node, namespace: namespace.replace(/^ctr-/, "") }));
  });
  const ends = links.filter((link) => link.namespace === "host" && /^veth[0-9a-f]{7}$/.test(link.ifname));
  const pairs = ends.flatMap((end) => {
    const peer = links.find(
      (link) =>
        link.node === end.node &&
        link.namespace !== "host" &&
        link.ifindex === end.link_index &&
        link.link_index === end.ifindex,
    );
    return peer === undefined ? [] : [[`${end.node}/host/${end.ifname}`, `${peer.namespace}/${peer.ifname}`]];
  });
  return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
}
