// Writes a new capture of all frames in memory, and removes it again.
import { statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { PcapngWriter, PcapWriter } from "@hopscope/tracer";
import { load } from "../data.mjs";

function writeCase(format, name) {
  return ({ dataDirectory, outputDirectory }) => {
    const { view, starts, ends, count, averageLength } = load(join(dataDirectory, `${name}.pcap`));
    const path = join(outputDirectory, `bench-js.${process.pid}`);
    const open = () => {
      if (format === "pcap") return new PcapWriter(path, { resolution: "microseconds" });
      const writer = new PcapngWriter(path);
      writer.addInterface({ timestampResolution: 6 });
      return writer;
    };
    const run = () => {
      const writer = open();
      let seconds = 1_700_000_000;
      let nanoseconds = 0;
      for (let index = 0; index < count; index++) {
        writer.write(view, starts[index], ends[index], seconds, nanoseconds);
        nanoseconds += 1000;
        if (nanoseconds === 1_000_000_000) {
          nanoseconds = 0;
          seconds++;
        }
      }
      writer.closeSync();
      const { size } = statSync(path);
      unlinkSync(path);
      return size - writer.length + count;
    };
    return { run, items: count, averageLength };
  };
}

export const cases = {
  "write-pcap-mix": writeCase("pcap", "mix"),
  "write-pcap-small": writeCase("pcap", "small"),
  "write-pcapng-mix": writeCase("pcapng", "mix"),
  "write-pcapng-small": writeCase("pcapng", "small"),
};
