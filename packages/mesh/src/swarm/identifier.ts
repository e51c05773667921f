/**
 * Names that Docker draws at random, each from the seed and from what it is for, so that one more changes no other; and those
 * that it takes.
 */
import type { Random } from "../sim/random.ts";

const SWARM_ID = 25;

/** Of containers, networks of one engine, endpoints, sandboxes: 32 random bytes (pkg/stringid GenerateRandomID). */
export function hexId(random: Random, length: number = 64): string {
  let text = "";
  while (text.length < length) text += (random.int32() >>> 0).toString(16).padStart(8, "0");
  return text.slice(0, length);
}

/** Of nodes, services, tasks, networks of the swarm: 25 digits of base 36 (swarmkit identity, NewID). */
export function swarmId(random: Random): string {
  let text = "";
  while (text.length < SWARM_ID)
    text += random
      .below(36 ** 6)
      .toString(36)
      .padStart(6, "0");
  return text.slice(0, SWARM_ID);
}

/** Node-side ends of veth pairs: `veth` and seven hexadecimal digits (netutils GenerateIfaceName). */
export function vethName(random: Random): string {
  return `veth${hexId(random, 7)}`;
}

/** `given`, filled up to its length with random digits. */
export function complete(given: string | undefined, id: string): string {
  return given === undefined ? id : given + id.slice(given.length);
}

/** swarmkit controlapi validateAnnotations. */
export function isServiceName(name: string): boolean {
  return name.length <= 63 && /^[a-zA-Z0-9](?:[-_]*[a-zA-Z0-9])*$/.test(name);
}
