// Profile: where the processor time of a hot worker goes: Bun's own profiler on the worker from source, without latency. It has no
// goal: it says which lever is next.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hotRun, wide } from "./hot.ts";
import type { World } from "./world.ts";

/** A function with the share of the samples that were in it itself, in percent. */
export type Hot = Readonly<{ percent: number; name: string; place: string }>;

const top = 10;

/** The functions with the most time of their own, and the time of their own of all functions, summed by package. */
export async function profile(world: World): Promise<string> {
  const [bun = "", ...args] = world.source;
  const command = [bun, "--cpu-prof-md", `--cpu-prof-dir=${world.folder}`, ...args];
  const { mailsPerSecond } = await hotRun(world, command, world.scale === "tiny" ? 60 : 4000, false, wide);
  const file = readdirSync(world.folder).find((name) => name.endsWith(".md"));
  if (file === undefined) return "SKIPPED: Bun has written no profile";
  const all = functionsIn(readFileSync(join(world.folder, file), "utf8"));
  const functions = all.slice(0, top).map(({ percent, name, place }) => line(percent, `${name}  ${shortened(place)}`));
  const packages = [...byPackage(all)].sort(([, a], [, b]) => b - a).slice(0, top);
  const sums = packages.map(([name, percent]) => line(percent, name));
  return [`${Math.round(mailsPerSecond)} mails/s with the profiler`, "functions:", ...functions, "packages:", ...sums].join("\n");
}

function line(percent: number, text: string): string {
  return `  ${percent.toFixed(1).padStart(5)} %  ${text}`;
}

/** The rows of the table of hot functions, in which Bun writes the own share first. */
export function functionsIn(markdown: string): readonly Hot[] {
  const [, table = ""] = markdown.split(/^## Hot Functions.*$/m);
  const rows = table.split(/^## /m)[0]?.matchAll(/^\| *([\d.]+)% \|.*\| `(.*)` \| `(.*)` \|$/gm) ?? [];
  return [...rows].map(([, percent = "", name = "", place = ""]) => ({ percent: Number(percent), name, place }));
}

export function byPackage(functions: readonly Hot[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { percent, place } of functions) sums.set(packageOf(place), (sums.get(packageOf(place)) ?? 0) + percent);
  return sums;
}

function packageOf(place: string): string {
  const [, library] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(place) ?? [];
  const [, own] = /\/((?:packages|apps)\/[^/]+)\//.exec(place) ?? [];
  return library ?? own ?? (/^(?:node|internal|bun):[\w/]*/.test(place) ? "modules of the runtime" : "native code");
}

function shortened(place: string): string {
  return place.replace(/^.*\/(?=(?:node_modules|packages|apps)\/)/, "");
}
