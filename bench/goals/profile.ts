// Profile: where the processor time of a hot worker goes: Bun's own profiler on the worker from source, without latency. It has no
// goal: it says which lever is next.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hotRun, wide } from "./hot.ts";
import type { World } from "./world.ts";

const lines = 12;

/** The functions with the most time of their own, in the profiler's words. */
export async function profile(world: World): Promise<string> {
  const [bun = "", ...args] = world.source;
  const command = [bun, "--cpu-prof-md", `--cpu-prof-dir=${world.folder}`, ...args];
  const { mailsPerSecond } = await hotRun(world, command, world.scale === "tiny" ? 60 : 4000, false, wide);
  const file = readdirSync(world.folder).find((name) => name.endsWith(".md"));
  if (file === undefined) return "SKIPPED: Bun has written no profile";
  const text = readFileSync(join(world.folder, file), "utf8");
  const rows = text.split("\n").filter((line) => line.startsWith("|"));
  return `${Math.round(mailsPerSecond)} mails/s with the profiler\n${rows.slice(0, lines).join("\n")}`;
}
