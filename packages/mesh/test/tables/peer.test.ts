/** One table for all nodes answers as the copies would that each node keeps in reality. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { PeerTable } from "../../src/tables/peer.ts";

test("a node sees the others' endpoints and not its own: the same as a list of its own that is searched", () => {
  const nodes = [11, 12, -13];
  const peer = fc.record({ ip: fc.integer(), mac: fc.nat({ max: 0xffffffffffff }), vtep: fc.constantFrom(...nodes) });
  const peers = fc
    .uniqueArray(peer, { selector: (each) => each.ip, maxLength: 12 })
    .map((list) => list.filter((each, at) => list.findIndex((other) => other.mac === each.mac) === at));
  fc.assert(
    fc.property(peers, fc.integer(), fc.nat({ max: 0xffffffffffff }), (list, strangerIp, strangerMac) => {
      const table = new PeerTable();
      for (const { ip, mac, vtep } of list) table.add(ip, mac, vtep);
      for (const own of nodes) {
        const remote = list.filter((each) => each.vtep !== own);
        for (const ip of [strangerIp, ...list.map((each) => each.ip)]) {
          expect(table.macOf(ip, own)).toBe(remote.find((each) => each.ip === ip)?.mac);
        }
        for (const mac of [strangerMac, ...list.map((each) => each.mac)]) {
          expect(table.vtepOf(mac, own)).toBe(remote.find((each) => each.mac === mac)?.vtep);
        }
      }
    }),
  );
});
