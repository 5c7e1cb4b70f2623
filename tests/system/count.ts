// Count: what arrived against what should have. Lost and doubled are counted by door, recipient and subject, and each of
// them is looked up in the log: a worker that dies may double a mail, and may leave out a reply, but must say so.

import { bucketOf } from "./cloud.ts";
import type { Expected, Sample } from "./traffic.ts";
import type { LogLine } from "./worker.ts";

export type Arrived = Expected;

export type Tally = Readonly<{ lost: readonly string[]; extra: readonly string[]; arrived: number; expected: number }>;

const nameOf = ({ door, to, subject }: Expected) => `${door} ${to} ${subject}`;

export function tally(samples: readonly Sample[], arrived: readonly Arrived[]): Tally {
  const counts = new Map<string, number>();
  for (const each of arrived) counts.set(nameOf(each), (counts.get(nameOf(each)) ?? 0) + 1);
  const expected = samples.flatMap((sample) => sample.expected.map(nameOf));
  const due = new Set(expected);
  const lost = expected.filter((name) => !counts.has(name));
  const extra = [...counts].flatMap(([name, count]) => Array<string>(count - (due.has(name) ? 1 : 0)).fill(name));
  return { lost, extra, arrived: arrived.length, expected: expected.length };
}

/** What the log explains of a tally, and what it does not. */
export type Account = Readonly<{
  lost: readonly string[];
  /** More copies than the log announced. */
  doubled: readonly string[];
  /** Copies that it announced: "may be delivered more than once". */
  announced: readonly string[];
  /** Replies that were left out since an earlier attempt may have sent them: at most one is promised. */
  inDoubt: readonly string[];
}>;

export function account(samples: readonly Sample[], arrived: readonly Arrived[], lines: readonly LogLine[]): Account {
  const { lost, extra } = tally(samples, arrived);
  const ofName = new Map(
    samples.flatMap(({ mail, expected }) => expected.map((each) => [nameOf(each), `${bucketOf(mail.domain)}/${mail.key}`])),
  );
  const left = new Map<string, number>(); // announcements of each name
  const announced = extra.filter((name) => {
    const count = left.get(name) ?? announcements(lines, ofName.get(name));
    left.set(name, count - 1);
    return count > 0;
  });
  const inDoubt = lost.filter((name) => saysInDoubt(lines, ofName.get(name)) && name.includes(" Auto: "));
  return {
    lost: lost.filter((name) => !inDoubt.includes(name)),
    doubled: without(extra, announced),
    announced,
    inDoubt,
  };
}

function announcements(lines: readonly LogLine[], mailId: string | undefined): number {
  return lines.filter((line) => line["mailId"] === mailId && /may be delivered more than once/.test(line.msg ?? "")).length;
}

function saysInDoubt(lines: readonly LogLine[], mailId: string | undefined): boolean {
  return lines.some((line) => line.event === "mail" && line["mailId"] === mailId && line.msg?.includes("(reply-in-doubt)"));
}

/** The first list without the items of the second, each as often as it stands there. */
function without(all: readonly string[], some: readonly string[]): readonly string[] {
  const rest = [...all];
  for (const each of some) rest.splice(rest.indexOf(each), 1);
  return rest;
}
