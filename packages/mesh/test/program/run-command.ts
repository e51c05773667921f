/** Runs one command of a test in a namespace that belongs to no swarm, and answers what it printed and its status. */
import type { Mesh } from "../../src/build.ts";
import type { Netns } from "../../src/netns.ts";
import type { Environment, Userland } from "../../src/program/program.ts";
import { spawn } from "../../src/program/shell.ts";
import { Chance } from "../../src/sim/chance.ts";
import { Pace } from "../../src/sim/pace.ts";

export function environmentOf(netns: Netns, userland: Userland, files: Record<string, string> = {}): Environment {
  const mesh = { pace: new Pace(), chance: new Chance(1), nodes: new Map([[netns.node.name, netns.node]]) };
  return {
    netns,
    hostname: "alone",
    files: new Map(Object.entries(files)),
    mesh: mesh as unknown as Mesh,
    userland,
  };
}

/** The clock goes on until the command has ended. */
export function runCommand(environment: Environment, command: string): { status: number; output: string[] } {
  const output: string[] = [];
  const { simulator } = environment.netns.node;
  simulator.hold();
  const options = { print: (line: string) => void output.push(line), onExit: () => simulator.release() };
  const process = spawn(command.split(" "), environment, options);
  simulator.run();
  if (process.status === undefined) throw new Error(`${command}: has not ended`);
  return { status: process.status, output };
}
