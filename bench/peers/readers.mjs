// Reading every record of a pcap file: npm's pcap-parser, and the plain loop. Each answers a function that gives the
// number of captured bytes, or a promise of it.
import { closeSync, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** A chunk of 256 KiB, `Buffer` readers, no checks: what one writes when the file is known to be good. */
export function plainLoop(path) {
  const chunk = Buffer.alloc(256 * 1024);
  return () => {
    const descriptor = openSync(path, "r");
    let have = 0;
    let at = 24;
    let sum = 0;
    for (let read = readSync(descriptor, chunk, 0, chunk.length, null); read > 0; ) {
      have += read;
      while (at + 16 <= have) {
        const length = chunk.readUInt32LE(at + 8);
        if (at + 16 + length > have) break;
        sum += length;
        at += 16 + length;
      }
      chunk.copyWithin(0, at, have);
      have -= at;
      at = 0;
      read = readSync(descriptor, chunk, have, chunk.length - have, null);
    }
    closeSync(descriptor);
    return sum;
  };
}

export function pcapParser(path) {
  const { parse } = require("pcap-parser");
  return () =>
    new Promise((resolve, reject) => {
      let sum = 0;
      const parser = parse(path);
      parser.on("packet", (packet) => {
        sum += packet.data.length;
      });
      parser.on("end", () => resolve(sum));
      parser.on("error", reject);
    });
}
