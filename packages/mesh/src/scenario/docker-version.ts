/** Which Docker releases a node can run, as a scenario names them. */
import * as v from "valibot";
import type { Schema } from "./check.ts";

/** Releases that differ in what they create, oldest first. What each does is data of the swarm model. */
const DOCKER_VERSIONS = ["20.10", "23.0", "24.0", "25.0", "26.1", "27.5", "28", "29"] as const;
export type DockerVersion = (typeof DOCKER_VERSIONS)[number];
/** The newest of which there are recordings. */
export const DEFAULT_DOCKER: DockerVersion = "28";

const expected = `a Docker version, one of ${DOCKER_VERSIONS.join(", ")}`;

/** YAML reads `docker: 20.10` as the number 20.1: that is taken as what was meant. */
export const dockerVersion: Schema<DockerVersion> = v.pipe(
  v.union([v.string(), v.number()], expected),
  v.rawTransform<string | number, DockerVersion>(({ dataset, addIssue, NEVER }) => {
    const found = dataset.value;
    const version = DOCKER_VERSIONS.find((known) => (typeof found === "number" ? Number(known) : known) === found);
    if (version !== undefined) return version;
    addIssue({ message: expected });
    return NEVER;
  }),
  v.metadata({ type: DOCKER_VERSIONS.map((version) => `\`${version}\``).join(", ") }),
);
