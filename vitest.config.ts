import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["@hopscope/source"] },
  ssr: { resolve: { conditions: ["@hopscope/source"] } },
  test: {
    setupFiles: ["scripts/vitest-setup.ts"],
    include: ["packages/*/test/**/*.test.ts"],
    reporters: ["default"],
    testTimeout: 60_000,
  },
});
