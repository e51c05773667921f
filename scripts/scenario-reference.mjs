// Writes docs/scenario-reference.md from the schemas of the scenario language. Run `npm run build` before.
import { writeFileSync } from "node:fs";
import { scenarioReference } from "../packages/mesh/dist/scenario/reference.js";

writeFileSync(new URL("../docs/scenario-reference.md", import.meta.url), scenarioReference());
