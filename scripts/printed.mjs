// Writes what was typed during recordings, and what came of it:
//
//   node scripts/printed.mjs RECORDINGS [PREFIX=RECORDINGS …] | gzip -9n > fixtures/inspect/commands.json.gz
//
// RECORDINGS is a folder with a folder for each recording, NAME/commands.txt is its record. A command in a container is
// written without `docker exec CONTAINER`, one in a namespace without saying so; other commands of docker are left out.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folders = process.argv.slice(2).map((word) => (word.includes("=") ? word.split("=", 2) : ["", word]));
if (folders.length === 0) {
  console.error("usage: node scripts/printed.mjs RECORDINGS [PREFIX=RECORDINGS …]");
  process.exit(2);
}

const recordings = {};
for (const [prefix, folder] of folders)
  for (const name of readdirSync(folder).sort()) {
    const file = join(folder, name, "commands.txt");
    if (existsSync(file)) {
      const typed = commandsOf(readFileSync(file, "utf8"));
      recordings[prefix + name] = [...inBackground(join(folder, name)), ...typed];
    }
  }
console.log(JSON.stringify(recordings));

function commandsOf(text) {
  if (/^\[\d/.test(text)) return commandsOfIpvs(text);
  const commands = [];
  for (const part of text.split(/^\[t=[-+.\d]+\] \S+# /m).slice(1)) {
    const [, typed, printed, status] = /^(.*)\n([^]*?)^\(rc=(\d+)\)$/m.exec(part) ?? [];
    if (typed === undefined) continue;
    const command = typed
      .replace(/^docker exec (-d )?\S+ /, "")
      .replace(/^\(in (netns of [^)]*|ingress_sbox)\) /, "")
      .replace(/^python3 (\S*\/)?udptool\.py/, "udptool")
      .replace(/^sh -c '(.*)'$/, "$1");
    if (!command.startsWith("docker "))
      commands.push({ command, status: Number(status), output: printed.trimEnd().split("\n") });
  }
  return commands;
}

/** As the recorder of q1 to q8 wrote: `[TIME] $ WHERE COMMAND`, what it printed, `[rc STATUS]`. */
function commandsOfIpvs(text) {
  const commands = [];
  for (const part of text.split(/^\[[\d.]+\] \$ /m).slice(1)) {
    const [, typed, printed, status] = /^(.*)\n([^]*?)^\[rc (\d+)\]$/m.exec(part) ?? [];
    const [, command] =
      /^(?:ext|on \d|(?:inp|pin) \d+) (?:\/bin\/)?((?:curl|wget|ping|cat|lt|\/out\/ltool|python3) .*)/.exec(typed) ??
      [];
    // The containers' wget crashed.
    if (command === undefined || status === "139") continue;
    const [, ttl, host, port] = /^python3 -c .*IP_TTL,(\d+)\).*connect\(\('(.*)',(\d+)\)\)/.exec(command) ?? [];
    commands.push({
      command:
        ttl === undefined ? command.replace(/^(lt|\/out\/ltool) /, "ltool ") : `ltool ttl ${host} ${port} ${ttl}`,
      status: Number(status),
      output: printed.trimEnd().split("\n"),
    });
  }
  return commands;
}

/** Of q4: three long connections, in the order in which they were made, and a loop of short ones. */
function inBackground(folder) {
  const read = (name) => readFileSync(join(folder, name), "utf8").trimEnd();
  const long = readdirSync(folder)
    .filter((name) => name.startsWith("long"))
    .map(read);
  const portOf = (text) => Number(/sport=(\d+)/.exec(text)[1]);
  const commands = long
    .sort((a, b) => portOf(a) - portOf(b))
    .map((text) => ({
      command: "ltool tcpc 192.168.77.11 7000 40 1500",
      status: text.endsWith("EOF") ? 1 : 0,
      output: text.split("\n"),
    }));
  if (existsSync(join(folder, "client-loop.txt")))
    for (const [, output] of read("client-loop.txt").matchAll(/^\[[\d.]+\] (.*)$/gm))
      commands.push({
        command: "curl -sS -m 4 http://192.168.77.11:8001/",
        status: Number(/^curl: \((\d+)\)/.exec(output)?.[1] ?? 0),
        output: [output],
      });
  return commands;
}
