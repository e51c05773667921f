/** `--filter KEY=VALUE` (moby api/types/filters): of several values of a key one must fit, of several keys each. */
import { UsageError } from "../program/program.ts";
import { DockerError } from "../swarm/docker-error.ts";
import type { Words } from "./cli-options.ts";

type Fits<Item> = (item: Item, value: string) => boolean;

/** By key: whether something fits a value; with `values` no other can be asked for. */
export type FilterKeys<Item> = Readonly<
  Record<string, Fits<Item> | { readonly values: readonly string[]; readonly fits: Fits<Item> }>
>;

/** Values by key, as they were given. */
export function filtersOf(words: Words): ReadonlyMap<string, readonly string[]> {
  const wanted = new Map<string, string[]>();
  for (const text of words.all("filter")) {
    if (text === "") continue;
    const at = text.indexOf("=");
    if (at < 0)
      throw new UsageError(
        `invalid argument "${text}" for "-f, --filter" flag: bad format of filter (expected name=value)`,
      );
    const key = text.slice(0, at).trim().toLowerCase();
    wanted.set(key, [...(wanted.get(key) ?? []), text.slice(at + 1).trim()]);
  }
  return wanted;
}

/** Those that pass; throws a {@link DockerError} for a key that the command does not know, or a value. */
export function filtered<Item>(words: Words, items: readonly Item[], keys: FilterKeys<Item>): readonly Item[] {
  const wanted = filtersOf(words);
  for (const [key, values] of wanted) {
    if (!Object.hasOwn(keys, key)) throw new DockerError(`invalid filter '${key}'`);
    const known = keys[key]!;
    if (typeof known === "function") continue;
    for (const value of values)
      if (!known.values.includes(value)) throw new DockerError(`invalid filter '${key}=${value}'`);
  }
  const tests = Array.from(wanted, ([key, values]) => {
    const known = keys[key]!;
    return { values, fits: typeof known === "function" ? known : known.fits };
  });
  return items.filter((item) => tests.every(({ values, fits }) => values.some((value) => fits(item, value))));
}

/** Args.Match: the same, or a regular expression that is found in it. */
export function matches(text: string, value: string): boolean {
  if (text === value) return true;
  try {
    return new RegExp(value).test(text);
  } catch {
    return false;
  }
}

/** Args.MatchKVList: `KEY` or `KEY=VALUE`. */
export function hasLabel(labels: ReadonlyMap<string, string>, value: string): boolean {
  const at = value.indexOf("=");
  if (at < 0) return labels.has(value);
  return labels.get(value.slice(0, at)) === value.slice(at + 1);
}
