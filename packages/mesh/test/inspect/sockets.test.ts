/** What ss says of connections, as it did on a node of a real swarm whose rules for published ports were gone. */
import { expect, test } from "vitest";
import { run } from "../../src/run.ts";
import { loadScenario } from "../../src/scenario/load.ts";

test("a FIN that nobody has read counts as a byte", () => {
  const text = JSON.stringify({
    cluster: { docker: "20.10", nodes: ["h1"] },
    compose: { services: { shop: { image: "nginx", ports: ["8082:80"] } } },
    run: {
      steps: [
        "on h1 iptables -t nat -F DOCKER-INGRESS",
        "on h1 curl -sS -m 4 http://127.0.0.1:8082/cgi-bin/who",
        "sleep 1s",
        "on h1 ss -tn",
      ],
    },
  });
  const loaded = loadScenario(text, { file: "s.yml", readFile: () => "" });
  if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join("\n"));
  const rows = run(loaded.scenario)
    .steps[3]!.output.slice(1)
    .map((row) => row.replace(/:[3-6]\d{4}\b/, ":PORT"));
  // The request has 89 bytes.
  expect(rows.toSorted().map((row) => row.split(/ +/).slice(0, 5))).toEqual([
    ["CLOSE-WAIT", "90", "0", "[::ffff:127.0.0.1]:8082", "[::ffff:127.0.0.1]:PORT"],
    ["FIN-WAIT-2", "0", "0", "127.0.0.1:PORT", "127.0.0.1:8082"],
  ]);
});
