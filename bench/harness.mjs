// Runs one case in this process: node harness.mjs FILE CASE DATA_DIR OUTPUT_DIR [memory]
// FILE exports `cases`: an object of setups by name. A setup gets { dataDirectory, outputDirectory } and answers
// { run, items, averageLength }: `run` handles `items` packets and answers a sum that depends on all of them.
import { pathToFileURL } from "node:url";

const [file, name, dataDirectory, outputDirectory, mode] = process.argv.slice(2);
const { cases } = await import(pathToFileURL(file).href);
const { run, items, averageLength = 0 } = await cases[name]({ dataDirectory, outputDirectory });

const now = () => Number(process.hrtime.bigint());

function timed(repeats) {
  const before = now();
  for (let count = 0; count < repeats; count++) run();
  return now() - before;
}

/** V8 needs its time to optimize; then the time of one run. */
function warmUp() {
  const start = now();
  let runs = 0;
  do {
    timed(1);
    runs++;
  } while (now() - start < 4e8 || runs < 3);
  const repeats = Math.max(1, Math.floor(5e6 / timed(1)));
  return timed(repeats) / repeats;
}

const once = warmUp();
const result = { check: run() >>> 0, averageLength };
if (mode === "memory") result.allocated = allocated();
else {
  // Samples of about 2 ms, one run at least: 15 to 61 of them, in about a quarter of a second if a run is short.
  const repeats = Math.max(1, Math.floor(2e6 / once));
  const samples = Math.min(61, Math.max(15, Math.floor(2.5e8 / (once * repeats))));
  const times = Array.from({ length: samples }, () => timed(repeats) / repeats / items).sort((a, b) => a - b);
  result.median = times[samples >> 1];
  result.best = times[0];
}
console.log(JSON.stringify(result));

/**
 * Bytes of heap for a packet: what some 20,000 packets leave behind. The process must have been started with a young
 * generation so large that nothing is collected meanwhile (run.mjs does), and with --expose-gc.
 */
function allocated() {
  const runs = Math.max(1, Math.round(20_480 / items));
  globalThis.gc();
  // The last of four turns: what the measuring itself leaves is in the first, and the collection has thrown away what
  // had been optimized, which takes its time again.
  let bytes = 0;
  for (let turn = 0; turn < 4; turn++) {
    const before = process.memoryUsage().heapUsed;
    for (let count = 0; count < runs; count++) run();
    bytes = process.memoryUsage().heapUsed - before;
  }
  return bytes / (runs * items);
}
