// Compiles checksum.wat into src/checksum-kernel.ts: node packages/codec/scripts/build-kernel.mjs
// The result is checked in, so users need no compiler; a test compares it with the source.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import wabt from "wabt";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/** The kernel's WebAssembly binary, as lines of hexadecimal. */
export async function compile() {
  const toolkit = await wabt();
  const module = toolkit.parseWat("checksum.wat", readFileSync(path("./checksum.wat"), "utf8"), { simd: true });
  module.validate();
  const { buffer } = module.toBinary({});
  module.destroy();
  return Buffer.from(buffer)
    .toString("hex")
    .match(/.{1,112}/g)
    .join("\n  ");
}

if (process.argv[1] === path("./build-kernel.mjs")) {
  const hex = await compile();
  writeFileSync(
    path("../src/checksum-kernel.ts"),
    `/** Written by scripts/build-kernel.mjs from scripts/checksum.wat. Do not edit. */\nexport const KERNEL_HEX = \`\n  ${hex}\n\`;\n`,
  );
}
