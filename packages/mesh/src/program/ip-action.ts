/** What the objects of `ip` share: how output is styled, and what the kernel answers. */
import type { NetDevice } from "../device.ts";
import type { ProgramContext } from "./program.ts";

/** Options in front of the object. */
export interface IpStyle {
  readonly json: boolean;
  readonly details: boolean;
  readonly statistics: boolean;
  readonly brief: boolean;
  readonly oneLine: boolean;
  readonly family: "inet" | "inet6" | undefined;
}

/** Does it, and answers the exit status. */
export type IpAction = (context: ProgramContext) => number;

/** Status of what the kernel refuses, and of what iproute2 itself does. */
export const REFUSED_STATUS = 2;
const MISTAKEN_STATUS = 1;

export function isBusybox({ environment }: ProgramContext): boolean {
  return (environment.userland ?? "busybox") === "busybox";
}

/** The kernel says no. `extended` is what its extended acknowledgment says in words, which busybox does not read. */
export function refused(context: ProgramContext, error: string, extended?: string): number {
  if (isBusybox(context)) context.print(`ip: RTNETLINK answers: ${error}`);
  else context.print(extended === undefined ? `RTNETLINK answers: ${error}` : `Error: ${extended}`);
  return REFUSED_STATUS;
}

/** The device with that name; undefined, and said so, if there is none. */
export function deviceNamed(context: ProgramContext, name: string): NetDevice | undefined {
  const device = context.environment.netns.deviceNamed(name);
  if (device === undefined) {
    context.print(isBusybox(context) ? `ip: can't find device '${name}'` : `Cannot find device "${name}"`);
  }
  return device;
}

export const NO_DEVICE_STATUS: number = MISTAKEN_STATUS;

/** For `show dev NAME`: the names of the devices to show, undefined if there is none of that name. */
export function shownDevice(context: ProgramContext, name: string | undefined): boolean {
  if (name === undefined || context.environment.netns.deviceNamed(name) !== undefined) return true;
  context.print(isBusybox(context) ? `ip: can't find device '${name}'` : `Device "${name}" does not exist.`);
  return false;
}

/** One line, as iproute2 prints JSON. */
export function printJson(context: ProgramContext, value: readonly unknown[]): void {
  context.print(JSON.stringify(value));
}
