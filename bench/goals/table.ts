// Table: all goals of the worker's speed, measured in rounds, and printed with what was found. In each round all parts have their
// turn, so that what else the machine does falls on all of them.

import { modelLatency } from "../aws/aws.ts";
import { courier } from "./courier.ts";
import { type Figure, linesOf, type Part } from "./goal.ts";
import { hot } from "./hot.ts";
import { latency } from "./latency.ts";
import { memoryInFlight } from "./memory.ts";
import { patterns } from "./patterns.ts";
import { startUp } from "./start.ts";
import { smtpMs, type World } from "./world.ts";

/** In the order of the table. */
export const parts: readonly Part[] = [hot, latency, courier, patterns, memoryInFlight, startUp];

/** Figures of each goal, by its id, a figure or a reason for each round. */
export type Found = ReadonlyMap<string, readonly (Figure | string)[]>;

export async function measureAll(world: World, chosen: readonly Part[], rounds: number, told: (text: string) => void): Promise<Found> {
  const found = new Map<string, (Figure | string)[]>();
  for (let round = 1; round <= rounds; round++) {
    for (const part of chosen) {
      const began = performance.now();
      for (const [id, figure] of Object.entries(await part.measure(world))) found.set(id, [...(found.get(id) ?? []), figure]);
      told(`round ${round} of ${rounds}: ${part.name} took ${((performance.now() - began) / 1000).toFixed(0)} s`);
    }
  }
  return found;
}

export function tableOf(found: Found, chosen: readonly Part[]): string {
  const goals = chosen.flatMap((part) => part.goals);
  return goals.flatMap((goal) => linesOf(goal, found.get(goal.id) ?? [])).join("\n");
}

const { receive, get, read, write, copy, delete: remove } = modelLatency;
const modelText = `receive ${receive}, get ${get}, tables ${read} to read and ${write} to write, copy ${copy}, delete ${remove} ms`;

/** What is on this machine, and what is missing. */
export function settingsOf({ python, smtpSource, sink, sesame, source, env }: World): readonly string[] {
  return [
    `worker: ${sesame === source ? "from source" : "the compiled executable"}`,
    ...Object.entries(env).map(([name, value]) => `for every worker: ${name}=${value}`),
    python === null ? "SKIPPED the Python worker: python3-boto3 is not installed" : `Python worker: ${python.path}, ${python.versions}`,
    smtpSource === null ? "SKIPPED smtp-source: Postfix is not installed" : `smtp-source: ${smtpSource}`,
    `latency model: ${modelText}; SMTP ${smtpMs} ms from the final dot to its answer`,
    `mail server: ${sink.name}; with the latency model a sink of our own, because smtp-sink cannot wait for milliseconds`,
  ];
}
