/**
 * Health checks of containers (daemon/health.go). What a check would find the image says: nothing is run, and a check
 * takes no time. A task that has been healthy stays so.
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
    if (container.state !== "running") return false;
    if (engine.now >= healthyAt) {
      container.health = "healthy";
      return true;
    }
    if (engine.now - container.startedAt < check.startPeriodNs) continue;
    if (++failures < check.retries) continue;
    container.health = "unhealthy";
    return false;
  }
}
