// The main job on a fresh clone: install, build, ping from a container on one node to one on another, and read a
// capture of a real swarm.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { relative } from "node:path";
import { install, quietly, root, tool } from "./install.mjs";

// Whoever stops reading (`npm start | head`) wants no error message.
process.stdout.on("error", () => process.exit());

install();
if (!existsSync(`${root}/packages/cli/dist/main.js`)) console.log("building …");
quietly("build", tool("tsc"), ["-b"]);
const hopscope = (...args) => {
  console.log(`\n$ hopscope ${args.join(" ")}`);
  const { status } = spawnSync(process.execPath, [`${root}/packages/cli/dist/main.js`, ...args], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) process.exit(status ?? 1);
};
hopscope("run", "examples/first-light/scenario.yml", "-o", "out/first-light");
console.log("\nThe same ping on a real Docker Swarm, as it was recorded:");
hopscope("decode", "fixtures/pcaps/s01-ping-overlay-cross.pcapng.gz", "--count", "21");
const trace = relative(process.cwd(), `${root}/out/first-light/trace.pcapng`) || "trace.pcapng";
console.log(`
The trace is ${trace}. Open it:
  wireshark ${trace}
  tshark -r ${trace} -Y 'frame.packet_id == 3'      one packet's whole way
Without Wireshark:
  node packages/cli/dist/main.js decode ${trace} --tree --count 1
  node packages/cli/dist/main.js --help
All the pings of that recording, simulated and compared with it frame by frame:
  npm run conformance -- s01
Your own stack file: a scenario.yml beside it with
  cluster: { nodes: 3 }
  compose: docker-compose.yml
  run: { steps: [exec web.1 ping -c 1 db] }
  node packages/cli/dist/main.js run scenario.yml`);
