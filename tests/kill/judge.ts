// Judge: whether a run kept the promise. Nothing lost; a copy too many at most once for each recipient and never
// unannounced; no reply twice; every mail closed once, with its trail. After SIGTERM no copy too many at all, and no entry
// waits its visibility out. It looks at data only.

import type { Expected } from "../system/traffic.ts";
import type { LogLine } from "../system/worker.ts";
import type { KillSample } from "./batch.ts";
import type { KillCase, Terms } from "./case.ts";

/** What is known of a run when it is over. */
export type Evidence = Readonly<{
  one: KillCase;
  terms: Terms;
  samples: readonly KillSample[];
  arrived: readonly Expected[];
  /** The worker that got the signal, and the one that came after it. */
  first: Ended;
  second: Ended;
  /** By key of the mail: what stands beside it in the store, and whether the ledger has it closed. */
  ends: ReadonlyMap<string, Readonly<{ status: string | undefined; invalid: string | undefined; closed: boolean }>>;
  /** Entries out of sight when the first worker had ended, those left out that it had put off for a while. */
  hidden: number;
  /** Seconds that AWS's time was moved on after the first worker had ended. */
  moved: number;
  left: number;
  deadLetters: number;
}>;

export type Ended = Readonly<{ code: number | null; lines: readonly LogLine[]; other: readonly string[] }>;

export type Judgement = Readonly<{
  reached: boolean;
  lost: readonly string[];
  extra: readonly string[];
  announced: number;
  repliesTwice: number;
  /** All that is wrong, in words. Empty: the promise was kept. */
  wrong: readonly string[];
}>;

export const visibilitySeconds = 120;
export const shutdownSeconds = 10;
/** Steps in which time is moved for what was put off: the first retry comes within 33 s, and three steps are less than a visibility. */
export const retrySeconds = 34;

/**
 * Only behind these may a copy too many come, where one mail at a time is in work. A mail that is marked and acknowledged has left its
 * place to the next one, which may be at any step.
 */
const doubtful: readonly string[] = ["dot-sent", "answer-read", "forward-sent", "marked", "acked"];

export function judge(evidence: Evidence): Judgement {
  const { one, samples, arrived, first, second } = evidence;
  const lines = [...first.lines, ...second.lines];
  const counts = new Map<string, number>();
  for (const each of arrived) counts.set(textOf(each), (counts.get(textOf(each)) ?? 0) + 1);
  const known = new Set(samples.flatMap((sample) => sample.expected.map(textOf)));
  const lost: string[] = [];
  const extra: string[] = [];
  const wrong: string[] = [...counts.keys()].filter((text) => !known.has(text)).map((text) => `arrived and was not expected: ${text}`);
  let [announced, repliesTwice] = [0, 0];
  for (const sample of samples) {
    for (const expected of sample.expected) {
      const [text, count] = [textOf(expected), counts.get(textOf(expected)) ?? 0];
      const reply = isReply(expected);
      if (count === 0 && !(reply && one.signal === "KILL" && saysInDoubt(sample, lines))) lost.push(text);
      if (count < 2) continue;
      extra.push(text);
      if (reply) repliesTwice++;
      if (saysTwice(sample, lines)) announced++;
      else wrong.push(`arrived ${count} times and no log says so: ${text}`);
      if (count > 2) wrong.push(`arrived ${count} times: ${text}`);
    }
  }
  wrong.push(...lost.map((text) => `lost: ${text}`));
  if (repliesTwice > 0) wrong.push(`${repliesTwice} replies went out twice`);
  const reached = first.lines.some((line) => line.event === "kill-point-reached");
  if (!reached) wrong.push("the point was not reached");
  wrong.push(...(one.signal === "KILL" ? wrongAfterKill(evidence, extra) : wrongAfterTerm(evidence, extra)), ...wrongEnds(evidence, lines));
  return { reached, lost, extra, announced, repliesTwice, wrong };
}

function wrongAfterKill({ one, terms, first }: Evidence, extra: readonly string[]): readonly string[] {
  const wrong: string[] = [];
  if (first.code !== null) wrong.push(`the first worker ended by itself with ${first.code}`);
  if (extra.length > 0 && terms.concurrency === 1 && !doubtful.includes(one.point))
    wrong.push(`a copy too many, and only after ${doubtful.join(", ")} may one come: ${extra.join("; ")}`);
  return wrong;
}

function wrongAfterTerm({ first, second, hidden, moved }: Evidence, extra: readonly string[]): readonly string[] {
  const wrong = extra.map((text) => `a copy too many after SIGTERM: ${text}`);
  if (first.code !== 0) wrong.push(`the first worker ended with ${first.code}`);
  const seconds = first.lines.find((line) => line.event === "stopped")?.["seconds"];
  if (!(Number(seconds) <= shutdownSeconds)) wrong.push(`the first worker stopped after ${seconds} s`);
  if (hidden > 0) wrong.push(`${hidden} entries were not handed back`);
  const putOff = Math.max(0, ...[...first.lines, ...second.lines].map(putOffSeconds));
  // A step may have come too early, and two are still less than a visibility.
  if (moved > putOff + 2 * retrySeconds) wrong.push(`an entry waited for ${moved} s, and was put off for ${putOff} s`);
  return wrong;
}

function wrongEnds({ one, samples, second, first, ends, left, deadLetters }: Evidence, lines: readonly LogLine[]): readonly string[] {
  const wrong: string[] = [];
  if (left > 0) wrong.push(`${left} entries are left in the queue`);
  if (deadLetters > 0) wrong.push(`${deadLetters} entries are in the dead-letter queue`);
  if (second.code !== 0) wrong.push(`the second worker ended with ${second.code}`);
  for (const text of [...first.other, ...second.other]) wrong.push(`a worker said: ${text}`);
  for (const { mail, trail } of samples) {
    const end = ends.get(mail.key);
    if (!end?.closed) wrong.push(`not closed in the ledger: ${mail.key}`);
    if (end?.status !== trail.status || end.invalid !== trail.invalid)
      wrong.push(`its trail says ${end?.status} ${end?.invalid ?? ""}, not ${trail.status} ${trail.invalid ?? ""}: ${mail.key}`);
    const closing = lines.filter((line) => isAbout(line, mail.key) && isClosing(line)).length;
    // Between its closing in the ledger and its line in the log a kill may come.
    const least = one.signal === "KILL" && saysAlreadyClosed(mail.key, second.lines) ? 0 : 1;
    if (closing < least || closing > 1) wrong.push(`${closing} closing lines: ${mail.key}`);
  }
  return wrong;
}

const textOf = ({ door, to, subject }: Expected): string => `${door} ${to} ${subject}`;
const isReply = ({ subject }: Expected): boolean => subject.startsWith("Auto: ");
const isAbout = (line: LogLine, key: string): boolean => line["mailId"] === `example-com-emails/${key}`;
const isClosing = (line: LogLine): boolean =>
  line.event === "mail" && (line["settlement"] as { kind?: string } | undefined)?.kind === "close";

/** How long its settlement lets a mail wait; 0 for other lines. */
export function putOffSeconds(line: LogLine): number {
  return line.event === "mail" ? ((line["settlement"] as { afterSeconds?: number } | undefined)?.afterSeconds ?? 0) : 0;
}

/** In the words that an operator greps for. */
function saysTwice({ mail }: KillSample, lines: readonly LogLine[]): boolean {
  return lines.some((line) => isAbout(line, mail.key) && (line.msg ?? "").includes("may be delivered more than once"));
}

/** The reply was given up since an earlier attempt may have sent it. */
function saysInDoubt({ mail }: KillSample, lines: readonly LogLine[]): boolean {
  return lines.some((line) => isAbout(line, mail.key) && line.event === "mail" && (line.msg ?? "").includes("reply-in-doubt"));
}

function saysAlreadyClosed(key: string, lines: readonly LogLine[]): boolean {
  return lines.some((line) => isAbout(line, key) && line.event === "already-closed");
}
