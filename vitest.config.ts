import { defineConfig } from "vitest/config";

/** Prints a table, and can fail at nothing: only `npm run conformance` runs it. */
const TABLE = "packages/mesh/test/conformance/table.ts";

export default defineConfig({
  resolve: { conditions: ["@hopscope/source"] },
  ssr: { resolve: { conditions: ["@hopscope/source"] } },
  test: {
    setupFiles: ["scripts/vitest-setup.ts"],
    include: process.env["CONFORMANCE"] === undefined ? ["packages/*/test/**/*.test.ts"] : [TABLE],
    reporters: ["default"],
    testTimeout: 60_000,
  },
});
