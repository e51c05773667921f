/** Names that Docker draws at random. Each comes from the seed and from what it is for, so that one more changes no other. */
import type { Random } from "../sim/random.ts";

const HEX = "0123456789abcdef";
const BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz";

/** Of containers, networks of one engine, endpoints, sandboxes: 32 random bytes (pkg/stringid GenerateRandomID). */
export function hexId(random: Random, length: number = 64): string {
  return digits(random, HEX, length);
}

/** Of nodes, services, tasks, networks of the swarm: 25 digits of base 36 (swarmkit identity, NewID). */
export function swarmId(random: Random): string {
  // The first digit of a 128-bit number that is made to have 25 digits.
  return BASE36[random.below(9) + 1]! + digits(random, BASE36, 24);
}

/** Node-side ends of veth pairs: `veth` and seven hexadecimal digits (netutils GenerateIfaceName). */
export function vethName(random: Random): string {
  return `veth${digits(random, HEX, 7)}`;
}

/** `given`, filled up to its length with random digits. */
export function complete(given: string | undefined, id: string): string {
  return given === undefined ? id : given + id.slice(given.length);
}

function digits(random: Random, alphabet: string, length: number): string {
  let text = "";
  for (let count = 0; count < length; count++) text += alphabet[random.below(alphabet.length)]!;
  return text;
}
