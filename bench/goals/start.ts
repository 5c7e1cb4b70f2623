// Start: from the start of the process to the first receive, with an empty queue and an AWS that answers at once.

import { figure } from "../columns.ts";
import { median } from "../compare.ts";
import type { Part } from "./goal.ts";
import { pythonCommand } from "./hot.ts";
import { clear, orEnd, start } from "./run.ts";
import type { World } from "./world.ts";

export const startUp: Part = {
  name: "start",
  about: "from the start of the process to the first receive",
  goals: [
    {
      id: "start",
      what: "start to first receive",
      settings: "the executable, no latency, median of 5 starts",
      unit: "ms",
      better: "less",
      wanted: 50,
    },
  ],
  measure: async (world) => {
    const times = world.scale === "tiny" ? 1 : 5;
    const command = pythonCommand(world);
    const [ours, pythons]: [number[], number[]] = [[], []];
    for (let time = 0; time < times; time++) {
      ours.push(await startMs(world, world.sesame));
      if (typeof command !== "string") pythons.push(await startMs(world, command));
    }
    return { start: { value: median(ours), beside: typeof command === "string" ? command : `Python ${figure(median(pythons))} ms` } };
  },
};

async function startMs(world: World, command: readonly string[]): Promise<number> {
  const domains = ["example.com"];
  await clear(world, domains, false);
  const received = world.aws.next("first-receive");
  const program = await start(world, { command, sink: world.sink }, domains);
  try {
    const { at } = await orEnd(received, program);
    return at - program.startedAt;
  } finally {
    await program.stop();
  }
}
