/** Whatever is done to a swarm, and whatever fails meanwhile: it goes on, and answers. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { aesGcm } from "../../../cli/src/aes-gcm.ts";
import { run } from "../../src/run.ts";
import { load } from "../scenario/loading.ts";

const NODES = ["n1", "n2", "n3"] as const;
const node = fc.constantFrom(...NODES);
const service = fc.constantFrom("web", "api", "dns");
const container = fc.constantFrom("c1", "c2");

/** A command line of words and arbitrary words. */
function line(strings: TemplateStringsArray, ...words: readonly fc.Arbitrary<unknown>[]): fc.Arbitrary<string> {
  return fc.tuple(...words).map((chosen) => String.raw({ raw: strings }, ...chosen));
}

const command = fc.oneof(
  line`docker service scale -d ${service}=${fc.nat({ max: 5 })}`,
  line`docker service update -d --force ${service}`,
  line`docker service update -d --publish-add ${fc.constantFrom(8090, 8091)}:80 ${service}`,
  line`docker service update -d --network-add back ${service}`,
  line`docker service rm ${service}`,
  line`docker service create -d --name more --replicas 2 ${fc.constantFrom("--publish 81:80", "--publish mode=host,published=82,target=80", "--endpoint-mode dnsrr", "--network host")} nginx`,
  line`docker node update --availability ${fc.constantFrom("drain", "active", "pause")} ${node}`,
  line`on ${node} docker run -d --name ${container} ${fc.constantFrom("", "--network front", "--network back", "--network host")} nginx`,
  line`on ${node} docker rm -f ${container}`,
  line`on ${node} docker kill ${container}`,
  line`on ${node} docker network connect front ${container}`,
  line`on ${node} docker network disconnect front ${container}`,
  line`docker network create -d overlay --attachable ${fc.constantFrom("", "--opt encrypted")} other`,
  line`docker network rm other`,
  line`fault node ${node} ${fc.constantFrom("lost", "back")}`,
  line`fault link ${node} ${fc.constantFrom("down", "up", "loss 30%")}`,
  line`fault block ${node} udp dst port ${fc.constantFrom(7946, 4789)}`,
  line`fault encryption ${node} ${fc.constantFrom("spi", "unmarked")}`,
  line`fault clear`,
  line`on ${node} iptables -t nat -F`,
  line`sleep ${fc.constantFrom("100ms", "3s", "31s", "70s")}`,
  line`on outside curl -sS -m 3 -o /dev/null http://192.168.77.${fc.constantFrom(11, 12, 13)}:8080/`,
  line`on ${node} curl -sS -m 3 -o /dev/null http://127.0.0.1:8080/`,
  line`netns ${node} ingress_sbox ipvsadm -Lcn`,
);

const day = fc.record({
  docker: fc.constantFrom("20.10", "24.0", "28", "29"),
  hasIpvs: fc.boolean(),
  seed: fc.nat({ max: 1000 }),
  steps: fc.array(fc.tuple(command, fc.constantFrom("", "", "", " &")), { minLength: 1, maxLength: 16 }),
});

test("a day in the life of a swarm", () => {
  fc.assert(
    fc.property(day, ({ docker, hasIpvs, seed, steps }) => {
      const lines = [...steps.map((words) => words.join("")), "fault clear", "wait", "sleep 2m"];
      const looks = ["docker node ls", "docker service ls", "docker network ls", "on n2 docker ps -a"];
      const text = (wanted: readonly string[]): string => `cluster:
  docker: "${docker}"
  kernel: ${hasIpvs ? "[]" : "[no ip_vs]"}
  nodes: [${NODES.join(", ")}]
  hosts: [{ name: outside, ip: 192.168.77.100 }]
compose:
  services:
    web: { image: nginx, networks: [front], ports: ["8080:80"], deploy: { replicas: 3 } }
    api: { image: nginx, networks: [back, front], deploy: { mode: global } }
    dns: { image: nginx, networks: [back], ports: [{ mode: host, target: 80, published: 8070 }], deploy: { replicas: 2, endpoint_mode: dnsrr } }
  networks:
    front: { attachable: true }
    back: { attachable: true, driver_opts: { encrypted: "" } }
run:
  seed: ${seed}
  steps:
${wanted.map((each) => `    - ${JSON.stringify(each)}\n`).join("")}`;
      let loaded = load(text([...lines, ...looks]));
      if (!loaded.ok) {
        // Commands about what is not there yet are mistakes, told before anything runs.
        const wrong = new Set(loaded.diagnostics.map(({ path }) => path));
        loaded = load(text([...lines.filter((_, index) => !wrong.has(`run.steps[${index}]`)), ...looks]));
      }
      if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join("\n"));
      const results = run(loaded.scenario, { aead: aesGcm }).steps.slice(-looks.length);
      expect(results.map(({ status, output }) => [status, output.length > 0])).toEqual(looks.map(() => [0, true]));
    }),
    { numRuns: 25 },
  );
});
