/**
 * Health checks of containers (daemon/health.go), each some time after the end of the one before. What a check would find
 * the image says: nothing is run.
 */
import type { HealthCheck } from "../scenario/scenario.ts";
import type { Container } from "./container.ts";
import type { Engine } from "./engine.ts";
import type { Operation } from "./operation.ts";

/** Waits for the first success; false: too many failures in a row, or the container is gone. */
export function* untilHealthy(engine: Engine, container: Container, check: HealthCheck): Operation<boolean> {
  const healthyAt = container.startedAt + engine.swarm.healthyAfter(container.options.image);
  let failures = 0;
  container.health = "starting";
  for (;;) {
    const isStarting = engine.now - container.startedAt < check.startPeriodNs;
    yield isStarting && engine.version.hasStartInterval ? check.startIntervalNs : check.intervalNs;
    const begun = engine.now;
    yield engine.cost("check");
    if (container.state !== "running") return false;
    if (begun >= healthyAt) {
      container.health = "healthy";
      return true;
    }
    if (begun - container.startedAt < check.startPeriodNs) continue;
    if (++failures < check.retries) continue;
    container.health = "unhealthy";
    return false;
  }
}

/** Goes on checking one that is healthy; false: the container is gone, or will always be healthy. */
export function* untilUnhealthy(engine: Engine, container: Container, check: HealthCheck): Operation<boolean> {
  const failsAt = container.startedAt + engine.swarm.unhealthyAfter(container.options.image);
  if (failsAt === Number.POSITIVE_INFINITY) return false;
  for (let failures = 0; failures < check.retries; ) {
    yield check.intervalNs;
    const begun = engine.now;
    yield engine.cost("check");
    if (container.state !== "running") return false;
    if (begun >= failsAt) failures++;
  }
  container.health = "unhealthy";
  return true;
}
