/**
 * Since which version of the format a key is there (docker/cli cli/compose/schema/data): a file that says an older one is
 * refused. What `docker stack config` of 28.2.2 took of each version; "3" alone is the newest.
 *
 * Not modelled: values that older versions did not take, but for ports in their long form.
 */
import { isMap } from "./check.ts";
import type { Place, Report } from "./diagnostic.ts";

export const NEWEST = 13;

/** `*` is any key, `x-*` one that begins so. */
const SINCE: readonly (readonly [path: string, minor: number])[] = [
  ["x-*", 4],
  ["secrets", 1],
  ["secrets.*.name", 5],
  ["secrets.*.driver", 8],
  ["configs", 3],
  ["configs.*.name", 5],
  ["configs.*.template_driver", 8],
  ["volumes.*.name", 4],
  ["volumes.*.x-*", 7],
  ["networks.*.name", 5],
  ["networks.*.attachable", 2],
  ["networks.*.x-*", 7],
  ["services.*.x-*", 7],
  ["services.*.secrets", 1],
  ["services.*.configs", 3],
  ["services.*.credential_spec", 3],
  ["services.*.isolation", 5],
  ["services.*.init", 7],
  ["services.*.cgroupns_mode", 9],
  ["services.*.oom_score_adj", 13],
  ["services.*.build.target", 4],
  ["services.*.networks.*.driver_opts", 13],
  ["services.*.healthcheck.start_period", 4],
  ["services.*.healthcheck.start_interval", 12],
  ["services.*.deploy.endpoint_mode", 2],
  ["services.*.deploy.rollback_config", 7],
  ["services.*.deploy.update_config.order", 4],
  ["services.*.deploy.placement.preferences", 3],
  ["services.*.deploy.placement.max_replicas_per_node", 8],
  ["services.*.deploy.resources.limits.pids", 9],
  ["services.*.deploy.resources.reservations.generic_resources", 5],
];
const LONG_PORTS = 2;

/** Tells every key of a stack file that its version, 3.`minor`, has not. */
export function tellTooNew(file: unknown, place: Place, minor: number, report: Report): void {
  if (minor >= NEWEST) return;
  for (const [path, since] of SINCE) {
    if (since <= minor) continue;
    for (const at of placesOf(file, place, path.split("."))) {
      const key = String(at.path.at(-1));
      report.error(
        at,
        `Additional property ${key} is not allowed: version "3.${minor}" has none, "3.${since}" has`,
        "key",
      );
    }
  }
  if (minor >= LONG_PORTS || !isMap(file) || !isMap(file["services"])) return;
  for (const [name, service] of Object.entries(file["services"])) {
    const ports = isMap(service) ? service["ports"] : undefined;
    for (const [index, port] of Array.isArray(ports) ? ports.entries() : [])
      if (isMap(port))
        report.error(
          place.at("services", name, "ports", index),
          `version "3.${minor}" has no ports as maps, "3.${LONG_PORTS}" has`,
        );
  }
}

function placesOf(value: unknown, place: Place, [segment, ...rest]: readonly string[]): readonly Place[] {
  if (segment === undefined) return [place];
  if (!isMap(value)) return [];
  return Object.keys(value)
    .filter((key) => (segment.endsWith("*") ? key.startsWith(segment.slice(0, -1)) : key === segment))
    .flatMap((key) => placesOf(value[key], place.at(key), rest));
}
