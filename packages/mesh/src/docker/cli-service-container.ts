/** Flags of `docker service create` and `update` for what no packet depends on: labels, environment, user, folder. */
import type { Service } from "../scenario/scenario.ts";
import { UsageError } from "../program/program.ts";
import { splitWords } from "../scenario/words.ts";
import type { Words } from "./cli-options.ts";

export const CONTAINER_FLAGS: readonly string[] = ["label,l=", "env,e=", "user,u=", "workdir,w="];
export const CONTAINER_CHANGES: readonly string[] = [
  "label-add=",
  "label-rm=",
  "env-add=",
  "env-rm=",
  "user,u=",
  "workdir,w=",
];

type Described = Pick<Service, "labels" | "env" | "user" | "workdir">;

/** As it was, but for what the words say. */
export function readContainer(words: Words, before: Described): Described {
  const labels = new Map(before.labels);
  for (const key of words.all("label-rm")) labels.delete(key);
  for (const text of [...words.all("label"), ...words.all("label-add")]) {
    const [key = "", ...value] = text.split("=");
    labels.set(key, value.join("="));
  }
  const env = new Map((before.env ?? []).map((text) => [nameOf(text), text]));
  for (const key of words.all("env-rm")) env.delete(key);
  for (const text of [...words.all("env"), ...words.all("env-add")]) env.set(nameOf(text), text);
  return {
    ...(labels.size > 0 ? { labels } : {}),
    ...(env.size > 0 ? { env: [...env.values()] } : {}),
    user: words.value("user") ?? before.user,
    workdir: words.value("workdir") ?? before.workdir,
  };
}

function nameOf(text: string): string {
  return text.split("=", 1)[0]!;
}

/** `--args`: one text, taken apart as a shell does. */
export function readArgs(text: string): readonly string[] {
  const split = splitWords(text, "any character");
  if (!split.ok) throw new UsageError(`invalid argument "${text}" for "--args" flag: ${split.message}`);
  return split.words.map((word) => word.text);
}
