/** What stands beside a key so that it alone decides. */
const AROUND: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "": { version: "3.13", services: {} },
  "services.web": { image: "i" },
  "services.web.ports[]": { target: 80 },
  "services.web.ulimits.r": { soft: 1, hard: 1 },
  "services.web.volumes[]": { type: "volume", target: "/data" },
};

/** A stack in which the key at `path` has this value; `[]` is the one item of a list. */
export function stackWith(path: string, value: unknown): unknown {
  const nest = (rest: readonly string[], here: string): unknown => {
    const [first, ...more] = rest;
    if (first === undefined) return value;
    if (first === "[]") return [nest(more, `${here}[]`)];
    return { ...AROUND[here], [first]: nest(more, here === "" ? first : `${here}.${first}`) };
  };
  const stack = nest(path.split(/\.|(?=\[\])/), "") as Record<string, unknown>;
  return path.startsWith("networks.") ? { ...stack, services: { web: { image: "i", networks: ["n"] } } } : stack;
}
