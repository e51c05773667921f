/**
 * Writes packets without end to the file that its second argument names, in the format of the first, each with its
 * number in the seconds; says once that it has written some chunks. The sources are loaded as the tests load them.
 */
import { fileURLToPath } from "node:url";
import { createViteServer } from "vitest/node";

const [format, path] = process.argv.slice(2);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const server = await createViteServer({
  configFile: false,
  root,
  logLevel: "error",
  appType: "custom",
  server: { middlewareMode: true, hmr: false, watch: null, ws: false },
  optimizeDeps: { noDiscovery: true },
  ssr: { resolve: { conditions: ["@hopscope/source"] }, noExternal: [/^@hopscope\//] },
});
const load = (name) => server.ssrLoadModule(`${root}/packages/tracer/src/${name}.ts`);
const { PcapWriter } = await load("pcap-writer");
const { PcapngWriter } = await load("pcapng-writer");

const writer = format === "pcap" ? new PcapWriter(path) : new PcapngWriter(path);
writer.addInterface?.();
const view = new DataView(new ArrayBuffer(4096));
for (let seconds = 0; ; seconds++) {
  writer.write(view, 0, seconds % 1500, seconds, 0);
  if (seconds === 3000) process.stdout.write("begun\n");
}
