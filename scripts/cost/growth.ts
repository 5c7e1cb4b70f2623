// Growth: how the work of a function grows with its input. It is measured in processor time of this process, the best of several
// runs, and a suspicion must hold each time that it is measured again: so a busy machine makes nothing fail.

/** Each doubling of the input may take so many times as long. */
export const maxGrowth = 2.3;

/** Units of input: 4 K, then twice as much, three times. */
export const sizes: readonly [number, number, number, number] = [4096, 8192, 16_384, 32_768];

const floorMs = 5; // less is nobody's harm, and cannot be measured well
const tooLongMs = 400; // no input of these sizes may take so long
const tries = 4;

/** `growth`: for each doubling, on average; `null` if it takes too little time to say. */
export type Growth = Readonly<{ growth: number | null; longestMs: number; tooMuch: boolean }>;

/** Measures a function that was given an input of a size. `make` builds the input, which is not measured. */
export async function growthOf(make: (size: number) => () => unknown): Promise<Growth> {
  let worst: Growth = { growth: null, longestMs: 0, tooMuch: false };
  for (let round = 0; round < tries; round++) {
    worst = await measure(make);
    if (!worst.tooMuch) return worst;
  }
  return worst;
}

async function measure(make: (size: number) => () => unknown): Promise<Growth> {
  const times: number[] = [];
  for (const size of sizes) {
    const ms = await bestOf(make(size));
    times.push(ms);
    if (ms > tooLongMs) break;
  }
  const [first = 0, last = 0] = [times[0], times.at(-1)];
  if (last < floorMs) return { growth: null, longestMs: last, tooMuch: false };
  const growth = times.length < 2 ? Number.POSITIVE_INFINITY : (last / Math.max(first, 0.05)) ** (1 / (times.length - 1));
  return { growth, longestMs: last, tooMuch: growth > maxGrowth || last > tooLongMs };
}

/** The shortest of some runs, in milliseconds. One run is enough where it is clear. */
async function bestOf(run: () => unknown): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5 && (i === 0 || best > 1); i++) {
    const began = performance.now();
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, performance.now() - began, (user + system) / 1000);
    if (best > tooLongMs) break;
  }
  return best;
}
