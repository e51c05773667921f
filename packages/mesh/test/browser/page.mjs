// What a web page might do with the engine: run a scenario and keep its trace. `input` holds the files' texts.
import { checkSteps, hopTable, loadScenario, run, traceBlocks } from "@hopscope/mesh";
import { encodeBlock } from "@hopscope/tracer/pcapng-blocks";

const loaded = loadScenario(input.scenario, { file: "scenario.yml", readFile: () => input.stack });
if (!loaded.ok) throw new Error(loaded.diagnostics.map(({ message }) => message).join("\n"));
const { scenario } = loaded;
const mistakes = checkSteps(scenario);
if (mistakes.length > 0) throw new Error(mistakes.map(({ message }) => message).join("\n"));
const result = run(scenario);
const { mesh, recordingStartedAt: startedAt } = result;
const trace = { mesh, name: scenario.name, dataPathPort: scenario.cluster.dataPathPort, startedAt };

export default {
  hops: [...hopTable(result)],
  trace: Array.from(traceBlocks(trace), (block) =>
    Array.from(encodeBlock(block, true), (byte) => byte.toString(16).padStart(2, "0")).join(""),
  ),
};
