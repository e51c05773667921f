// The same cases on every run: a failure here is the change's, not chance's. HOPSCOPE_SEED tries others.
import process from "node:process";
import { configureGlobal } from "fast-check";

configureGlobal({ seed: Number(process.env["HOPSCOPE_SEED"] ?? 1) });
