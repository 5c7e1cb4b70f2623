// Profile: where the processor time of a hot worker goes: Bun's own profiler on the worker from source, without latency. It has no
// goal: it says which lever is next.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hotRun, wide } from "./hot.ts";
import type { World } from "./world.ts";

/** As Bun writes it, in the format of Chrome's DevTools: a tree of calls, and the node of each sample. */
export type CpuProfile = Readonly<{ nodes: readonly Node[]; samples: readonly number[] }>;
type Node = Readonly<{ id: number; callFrame: Readonly<{ functionName: string; url: string }>; children?: readonly number[] }>;

/** Shares of all samples in percent, the largest first. */
export type Shares = readonly (readonly [name: string, percent: number])[];

const top = 10;

/** The functions with the most time of their own, and the packages with what the runtime does for them. */
export async function profile(world: World): Promise<string> {
  const [bun = "", ...args] = world.source;
  const command = [bun, "--cpu-prof", `--cpu-prof-dir=${world.folder}`, ...args];
  const { mailsPerSecond } = await hotRun(world, command, world.scale === "tiny" ? 60 : 4000, false, wide);
  const file = readdirSync(world.folder).find((name) => name.endsWith(".cpuprofile"));
  if (file === undefined) return "SKIPPED: Bun has written no profile";
  const { functions, packages } = sharesIn(JSON.parse(readFileSync(join(world.folder, file), "utf8")) as CpuProfile);
  const lines = (shares: Shares) => shares.slice(0, top).map(([name, percent]) => `  ${percent.toFixed(1).padStart(5)} %  ${name}`);
  const heads = [
    `${Math.round(mailsPerSecond)} mails/s with the profiler`,
    "functions, own time:",
    "packages, with native code that they call:",
  ];
  return [heads[0], heads[1], ...lines(functions), heads[2], ...lines(packages)].join("\n");
}

export function sharesIn({ nodes, samples }: CpuProfile): Readonly<{ functions: Shares; packages: Shares }> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node] as const)));
  const [functions, packages] = [new Map<string, number>(), new Map<string, number>()];
  const add = (sums: Map<string, number>, name: string) => sums.set(name, (sums.get(name) ?? 0) + 100 / samples.length);
  for (const id of samples) {
    let node = byId.get(id);
    if (node === undefined) continue;
    add(functions, `${node.callFrame.functionName || "(anonymous)"}  ${shortened(node.callFrame.url)}`);
    while (node !== undefined && packageOf(node.callFrame.url) === null) node = parents.get(node.id);
    add(packages, node === undefined ? "runtime, for nobody" : (packageOf(node.callFrame.url) ?? ""));
  }
  return { functions: sorted(functions), packages: sorted(packages) };
}

function sorted(sums: ReadonlyMap<string, number>): Shares {
  return [...sums].sort(([, one], [, other]) => other - one);
}

/** `null`: code of the runtime. */
function packageOf(url: string): string | null {
  const [, library] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? [];
  const [, own] = /\/((?:packages|apps)\/[^/]+)\//.exec(url) ?? [];
  return library ?? own ?? null;
}

function shortened(url: string): string {
  return url.replace(/^.*\/(?=(?:node_modules|packages|apps)\/)/, "");
}
