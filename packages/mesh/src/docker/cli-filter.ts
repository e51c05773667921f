/** `--filter KEY=VALUE` (moby api/types/filters): of several values of a key one must fit, of several keys each. */
import { UsageError } from "../program/program.ts";
import { DockerError } from "../swarm/docker-error.ts";
import type { Words } from "./cli-options.ts";

/** By key: whether something fits a value. */
export type FilterKeys<Item> = Readonly<Record<string, (item: Item, value: string) => boolean>>;

/** Those that pass; throws a {@link DockerError} for a key that the command does not know. */
export function filtered<Item>(words: Words, items: readonly Item[], keys: FilterKeys<Item>): readonly Item[] {
  const wanted = new Map<string, string[]>();
  for (const text of words.all("filter")) {
    const at = text.indexOf("=");
    if (at < 0)
      throw new UsageError(
        `invalid argument "${text}" for "-f, --filter" flag: invalid filter '${text}' (expected name=value)`,
      );
    const key = text.slice(0, at).trim().toLowerCase();
    if (!Object.hasOwn(keys, key)) throw new DockerError(`invalid filter '${key}'`);
    wanted.set(key, [...(wanted.get(key) ?? []), text.slice(at + 1).trim()]);
  }
  return items.filter((item) => [...wanted].every(([key, values]) => values.some((value) => keys[key]!(item, value))));
}
