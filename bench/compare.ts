// Compare: two ways to the same result, taken in turn (A B A B) in one run on one machine, so that what else the machine
// does falls on both. Each round has a ratio of its own; the median and the extremes of these are told. Both ways must
// give the result that is expected, in every round, or there is no figure: a bench must not win by doing less.

/** "tiny": one short round that shows that a bench still works. Its figures mean nothing. */
export type Scale = "full" | "tiny";

/** One way, taken once: the figure, and what came of it. */
export type Taken<R> = Readonly<{ figure: number; result: R }>;

export type Comparison<R> = Readonly<{
  what: string;
  unit: string;
  /** Which figure is the better one. */
  better: "more" | "less";
  rounds: number;
  /** Rounds before those that count. */
  warmUps: number;
  expected: R;
  ours(): Promise<Taken<R>>;
  otherWay: string;
  other(): Promise<Taken<R>>;
}>;

/** Medians of the rounds. `ratio`: how many times better ours is; less than 1: the other way is better. */
export type Row = Readonly<{
  what: string;
  unit: string;
  ours: number;
  otherWay: string;
  other: number;
  ratio: Readonly<{ median: number; least: number; most: number }>;
}>;

/** A comparison, or several that share a set-up. */
export type Bench = Readonly<{
  name: string;
  /** What is compared with what, in one sentence. */
  about: string;
  run(scale: Scale): Promise<readonly Row[]>;
}>;

/** Takes both ways in turn. Throws when one of them did not give what is expected. */
export async function compare<R>(comparison: Comparison<R>): Promise<Row> {
  const { what, unit, better, rounds, warmUps, expected, otherWay } = comparison;
  const pairs: (readonly [number, number])[] = [];
  for (let round = -warmUps; round < rounds; round++) {
    Bun.gc(true); // or one way would clear away what the other one left
    const ours = figureOf(await comparison.ours(), expected, `${what}, ours`);
    Bun.gc(true);
    const other = figureOf(await comparison.other(), expected, `${what}, ${otherWay}`);
    if (round >= 0) pairs.push([ours, other]);
  }
  const ratios = pairs.map(([ours, other]) => (better === "more" ? ours / other : other / ours));
  const ratio = { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) };
  return { what, unit, otherWay, ours: median(pairs.map(([ours]) => ours)), other: median(pairs.map(([, other]) => other)), ratio };
}

function figureOf<R>({ figure, result }: Taken<R>, expected: R, name: string): number {
  if (Bun.deepEquals(result, expected)) return figure;
  const [found, wanted] = [result, expected].map((value) => JSON.stringify(value)?.slice(0, 500));
  throw new Error(`Cannot compare (${name}): must give ${wanted}, is ${found}`);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[sorted.length / 2 - 1] ?? upper)) / 2;
}

/** Milliseconds that something takes, and what it gives. */
export async function timed<R>(act: () => R | Promise<R>): Promise<Taken<R>> {
  const began = performance.now();
  const result = await act();
  return { figure: performance.now() - began, result };
}
