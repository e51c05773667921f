// The results as text for a terminal and as a page.

const text = (value, digits) => (value === undefined ? "-" : value.toFixed(digits));

function columns(report) {
  const head = ["case", ...(report.compiler === undefined ? [] : ["C ns"])];
  for (const node of report.nodes) head.push(`${node} ns`, ...(report.compiler === undefined ? [] : ["x C"]));
  head.push("target", "Mpkt/s", "GB/s", "B/pkt");
  const rows = report.results.map((result) => {
    const row = [result.title, ...(result.native === undefined ? [] : [text(result.native.bestNs, 1)])];
    for (const peer of result.peers) {
      row.push(text(peer.bestNs, 1), ...(result.native === undefined ? [] : [text(peer.ratio, 2)]));
    }
    const newest = result.peers.at(-1);
    const target = result.target === undefined ? "" : `≤ ${result.target}`;
    row.push(
      target,
      text(newest.millionPacketsPerSecond, 1),
      text(newest.gigabytesPerSecond, 1),
      text(newest.allocatedBytes, 2),
    );
    return row;
  });
  return { head, rows };
}

function tableColumns({ rows }) {
  const nodes = rows[0].peers.map(({ node }) => node);
  const head = ["", ...nodes.flatMap((node) => [`${node} ns`, "±", "x ours"])];
  const lines = rows.map(({ row, peers }) => [
    row,
    ...peers.flatMap((peer, index) => [
      text(peer.nanoseconds, 1),
      `${text(peer.rme, 1)} %`,
      text(peer.nanoseconds / rows[0].peers[index].nanoseconds, 1),
    ]),
  ]);
  return { head, rows: lines };
}

function aligned({ head, rows }) {
  const widths = head.map((name, index) => Math.max(name.length, ...rows.map((row) => row[index].length)));
  const line = (row) =>
    row.map((cell, index) => (index === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[index]))).join("  ");
  return [head, ...rows].map(line).join("\n");
}

function markdown({ head, rows }) {
  const rule = head.map((_, index) => (index === 0 ? "---" : "---:"));
  return [head, rule, ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** A row for each case that libraries of other languages share, a column for each of them. */
function otherLanguages({ results, nodes }) {
  const cases = results.filter(({ others }) => others !== undefined);
  const names = [...new Set(cases.flatMap(({ others }) => others.map(({ name }) => name)))];
  const cell = (peer) => {
    if (peer === undefined) return "";
    const ns = peer.bestNs.toFixed(peer.bestNs < 1000 ? 1 : 0);
    if (peer.ratio === undefined) return ns;
    return `${ns} (${peer.ratio.toFixed(peer.ratio < 100 ? 1 : 0)} x)`;
  };
  return {
    head: ["ns (x C)", "C by hand", `hopscope, ${nodes.at(-1)}`, ...names],
    rows: cases.map(({ title, native, peers, others }) => [
      title,
      cell(native),
      cell(peers.at(-1)),
      ...names.map((name) => cell(others.find((other) => other.name === name))),
    ]),
  };
}

function hasOthers({ results }) {
  return results.some(({ others }) => others !== undefined);
}

export function consoleTable(report) {
  const parts = [aligned(columns(report))];
  if (hasOthers(report)) parts.push(aligned(otherLanguages(report)));
  for (const table of report.tables) parts.push(`${table.title}\n${aligned(tableColumns(table))}`);
  return parts.join("\n\n");
}

export function page(report) {
  const { machine } = report;
  const tables = report.tables.map(
    (table) => `### ${table.title}\n\n${table.note}\n\n${markdown(tableColumns(table))}`,
  );
  const ranges = report.results
    .filter((result) => result.native !== undefined)
    .map((result) => [
      result.title,
      text(result.native.medianNs, 1),
      ...result.peers.flatMap((peer) => [
        text(peer.medianNs, 1),
        peer.ratioRange.map((ratio) => text(ratio, 2)).join(" – "),
      ]),
    ]);
  const absent = report.missing.length === 0 ? "" : ` Not on this machine: ${report.missing.join(", ")}.`;
  const others = !hasOthers(report)
    ? ""
    : `## Against libraries of other languages

In the same rounds, right after the cases they share; Python in the first round only.${absent}

${markdown(otherLanguages(report))}

`;
  const rangeHead = ["case", "C", ...report.nodes.flatMap((node) => [node, "x C, rounds"])];
  return `<!-- Written by bench/run.mjs. Do not edit. -->
# Measured speed

${report.date}, ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.os} ${machine.arch}, load ${machine.load.join(" ")}.
${report.compiler === undefined ? "No C compiler." : `C: ${report.compiler}.`} Node: ${report.nodes.join(", ")}. ${report.rounds} rounds, captures of ${report.frames.toLocaleString("en")} frames.

Run it: \`npm run bench\`, or \`npm run bench -- --short\` in under two minutes.

One thread. ns: nanoseconds a packet, the best sample of all rounds. x C: the time of the best sample, by C's in the same round; the
median over the rounds. Mpkt/s, GB/s of packet bytes, and bytes allocated on the heap a packet are of the newest Node.
Every peer of a case computes a sum over what it read or wrote, and the runner compares the sums.

${markdown(columns(report))}

Captures: \`mix\` has inner frames of 64, 576 and 1400 bytes (7:4:1) with ICMP, UDP and TCP, \`small\` packets of 114 bytes. "In cache": the
first 1,024 frames again and again. Reading is from the page cache, writing to memory (tmpfs where there is one). "SIMD": frames in the
memory of \`createSimdChecksum\`. A fraction of a byte a packet is what opening a file costs, or V8 made meanwhile, spread over the packets.

${others}## Against npm's packages

Measured by npm's \`benchmark\` in batches of 4,096 packets, each row in its own process.

${tables.join("\n\n")}

## Medians

The median sample of all rounds, which a busy machine moves more than the best, and the range of the ratio over the rounds.

${ranges.length === 0 ? "" : markdown({ head: rangeHead, rows: ranges })}
`;
}
