// Count: what arrived against what should have. Lost and doubled are counted by door, recipient and subject.

import type { Expected, Sample } from "./traffic.ts";

export type Arrived = Expected;

export type Tally = Readonly<{ lost: readonly string[]; extra: readonly string[]; arrived: number; expected: number }>;

const nameOf = ({ door, to, subject }: Expected) => `${door} ${to} ${subject}`;

export function tally(samples: readonly Sample[], arrived: readonly Arrived[]): Tally {
  const counts = new Map<string, number>();
  for (const each of arrived) counts.set(nameOf(each), (counts.get(nameOf(each)) ?? 0) + 1);
  const expected = samples.flatMap((sample) => sample.expected.map(nameOf));
  const lost = expected.filter((name) => !counts.has(name));
  const extra: string[] = [];
  for (const [name, count] of counts) {
    const due = expected.includes(name) ? 1 : 0;
    for (let i = due; i < count; i++) extra.push(name);
  }
  return { lost, extra, arrived: arrived.length, expected: expected.length };
}
