// Memory: 16 mails of 25 MB on their way at once to a server that reads slowly: the most memory of the worker above what it has
// when it is idle, for each octet of the mails. The Python worker has a thread for each domain, hence a mail in each of 4 domains:
// with 16 it would take more memory than a small machine has.

import { figure } from "../columns.ts";
import type { Figure, Part } from "./goal.ts";
import { pythonCommand } from "./hot.ts";
import { accountOf, clear, orEnd, send, start } from "./run.ts";
import type { World } from "./world.ts";

const count = 16;
const pythonCount = 4;

export const memoryInFlight: Part = {
  name: "in-flight",
  about: `memory with ${count} mails of 25 MB in flight`,
  goals: [
    {
      id: "memory",
      what: `memory per octet in flight, ${count} × 25 MB`,
      settings: `SMTP_POOL_SIZE=${count}, else the defaults; above the idle worker`,
      unit: "octets",
      better: "less",
      wanted: 0.25,
    },
  ],
  measure: async (world) => {
    const size = world.scale === "tiny" ? 600_000 : 25_000_000;
    const ours = await peakOf(world, world.sesame, { domains: ["example.com"], count, size }, { SMTP_POOL_SIZE: String(count) });
    const command = pythonCommand(world);
    const domains = Array.from({ length: pythonCount }, (_, n) => `domain-${n}.test`);
    const python =
      typeof command === "string"
        ? command
        : `Python with ${pythonCount} mails ${textOf(await peakOf(world, command, { domains, count: pythonCount, size }, {}))}`;
    const figureOf: Figure = { value: ours.perOctet, beside: `${textOf(ours)}; ${python}` };
    return { memory: figureOf };
  },
};

type Peak = Readonly<{ idle: number; peak: number; perOctet: number }>;

function textOf({ idle, peak, perOctet }: Peak): string {
  return `${figure(perOctet)}: ${figure(idle / 1e6)} MB idle, ${figure(peak / 1e6)} MB at most`;
}

async function peakOf(
  world: World,
  command: readonly string[],
  { domains, count, size }: Readonly<{ domains: readonly string[]; count: number; size: number }>,
  env: Readonly<Record<string, string>>,
): Promise<Peak> {
  await world.lazySink.taken(count);
  await clear(world, domains, false);
  const received = world.aws.next("first-receive");
  const program = await start(world, { command, env, sink: world.lazySink }, domains);
  try {
    await orEnd(received, program);
    await Bun.sleep(world.scale === "tiny" ? 0 : 1500); // until what the start needed is done
    const idle = program.memory().now;
    const empty = world.aws.next("empty", 300_000);
    await send(world, { domains, mails: count, size, warmUp: 0, perSecond: null });
    await orEnd(empty, program);
    const { peak } = program.memory();
    await accountOf(world, world.lazySink);
    return { idle, peak, perOctet: Math.max(peak - idle, 0) / (count * size) };
  } finally {
    await program.stop();
  }
}
