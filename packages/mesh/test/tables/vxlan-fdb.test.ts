import { describe, expect, test } from "vitest";
import { AGEING_TIME } from "../../src/tables/fdb.ts";
import { PeerTable } from "../../src/tables/peer.ts";
import { VxlanFdb } from "../../src/tables/vxlan-fdb.ts";

const OWN = 11;
const REMOTE = 12;
const THIRD = 13;

const peers = new PeerTable();
peers.add(3, 0x03, OWN);
peers.add(5, 0x05, REMOTE);

describe("vxlan FDB, Linux vxlan_find_mac and vxlan_snoop", () => {
  test("a permanent entry leads to its endpoint and never ages", () => {
    expect(new VxlanFdb(peers, OWN).find(0x05, 1e18)).toBe(REMOTE);
  });

  test("a packet from elsewhere than the permanent entry says is refused", () => {
    const fdb = new VxlanFdb(peers, OWN);
    expect(fdb.snoop(0x05, REMOTE, 0)).toBe(true);
    expect(fdb.snoop(0x05, THIRD, 0)).toBe(false);
    expect(fdb.find(0x05, 0)).toBe(REMOTE);
  });

  test("an unknown address is learned, and moves", () => {
    const fdb = new VxlanFdb(peers, OWN);
    expect(fdb.find(0x77, 0)).toBeUndefined();
    expect(fdb.snoop(0x77, REMOTE, 0)).toBe(true);
    expect(fdb.find(0x77, 1)).toBe(REMOTE);
    expect(fdb.snoop(0x77, THIRD, 2)).toBe(true);
    expect(fdb.find(0x77, 2)).toBe(THIRD);
  });

  test("what was learned is forgotten 300 s after something last came from there, whatever is sent there", () => {
    const fdb = new VxlanFdb(peers, OWN);
    fdb.snoop(0x77, REMOTE, 0);
    expect(fdb.find(0x77, AGEING_TIME - 1)).toBe(REMOTE);
    expect(fdb.find(0x77, AGEING_TIME)).toBeUndefined();
    fdb.snoop(0x77, REMOTE, AGEING_TIME);
    expect(fdb.find(0x77, 2 * AGEING_TIME - 1)).toBe(REMOTE);
  });

  test("a node's own endpoint is no remote one: what claims to be it is learned like a stranger", () => {
    const fdb = new VxlanFdb(peers, OWN);
    expect(fdb.snoop(0x03, REMOTE, 0)).toBe(true);
    expect(fdb.find(0x03, 0)).toBe(REMOTE);
  });
});
