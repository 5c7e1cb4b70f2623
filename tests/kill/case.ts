// Case: one kill of a worker, and what its seed picks: how many mails are in work at once, and the how-manieth time the
// point is reached. Equal cases pick the same, and so do those that differ in the client of AWS alone.

import { type KillPoint, killPoints } from "../../apps/worker/kill-point.ts";

export const signals = ["KILL", "TERM"] as const;
/** "one": a recipient with a reply, a forward through SES and one within. "three": recipients that answer 250, 450 once, and 550. */
export const mixes = ["one", "three"] as const;

/** How the workers call AWS (AWS_CLIENT). */
export const clients = ["fast", "sdk"] as const;

export type Mix = (typeof mixes)[number];
export type Client = (typeof clients)[number];
export type KillCase = Readonly<{ point: KillPoint; signal: (typeof signals)[number]; mix: Mix; seed: number; client: Client }>;

/** What the worker is told. */
export type Terms = Readonly<{ nth: number; concurrency: number; jitterMs: number }>;

/** Mails of one run. */
export const batchSize = 6;

/** How often a mail of each mix passes a point, all its attempts together; `connect` for all mails. */
const passes: Readonly<Partial<Record<KillPoint, Readonly<Record<Mix, number>>>>> = {
  mail: { one: 2, three: 2 },
  rcpt: { one: 2, three: 4 },
  data: { one: 2, three: 2 },
  "dot-sent": { one: 2, three: 2 },
  "answer-read": { one: 2, three: 2 },
  recorded: { one: 3, three: 3 },
  "forward-sent": { one: 2, three: 1 },
};
const sessions: Readonly<Record<Mix, number>> = { one: 2, three: 1 };

export function termsOf(one: KillCase): Terms {
  const { point, signal, mix, seed } = one;
  const chance = (what: string) => chanceOf(`${what} of ${point}-${signal}-${mix}-${seed}`);
  const most = point === "connect" ? sessions[mix] : batchSize * (passes[point]?.[mix] ?? 1);
  return {
    nth: 1 + Math.floor(chance("nth") * most),
    concurrency: [1, 2, 4][Math.floor(chance("concurrency") * 3)] ?? 1,
    jitterMs: Math.floor(chance("jitter") * 8),
  };
}

/** All kinds of cases, `seeds` times. */
export function allCases(seeds: number, points: readonly KillPoint[] = killPoints, of: readonly Client[] = clients): readonly KillCase[] {
  const list = Array.from({ length: seeds }, (_, seed) => seed);
  return list.flatMap((seed) =>
    points.flatMap((point) =>
      signals.flatMap((signal) => mixes.flatMap((mix) => of.map((client) => ({ point, signal, mix, seed, client })))),
    ),
  );
}

export const nameOf = ({ point, signal, mix, seed, client }: KillCase): string => `${point}-${signal}-${mix}-${seed}-${client}`;

/** A number from 0 to 1, the same for the same text. */
function chanceOf(text: string): number {
  return Number(BigInt.asUintN(32, BigInt(Bun.hash(text)))) / 2 ** 32;
}
