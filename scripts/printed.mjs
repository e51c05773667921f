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
    if (existsSync(file)) recordings[prefix + name] = commandsOf(readFileSync(file, "utf8"));
  }
console.log(JSON.stringify(recordings));

function commandsOf(text) {
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
