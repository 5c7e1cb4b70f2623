// Progress: how far long work is, on standard error: a bar on a terminal, else a line every ten seconds, so that a log of a job shows that
// it lives. Standard output stays for results. Only this file knows the library that draws the bar, and it is loaded for a terminal only.

import { durationText } from "./log-text/durations.ts";
import { hasUnicode } from "./log-text/text-style.ts";

/** Work that goes on. Call `step` for each thing that is done, and `end` before anything else is written to the terminal. */
export type Progress = Readonly<{ step(count?: number): void; end(): void }>;

/** What a text is made from. `total`: `null` if nobody knows it. */
export type ProgressState = Readonly<{ what: string; done: number; total: number | null; seconds: number; bar: BarSigns | null }>;

type BarSigns = readonly [done: string, left: string];
type Output = NodeJS.WritableStream & Readonly<{ isTTY?: boolean }>;

/** `what`: the work in one word, such as `Comparing`. `total`: how many things there are, if that is known. */
export type ProgressOptions = Readonly<{
  what: string;
  total: number | null;
  to?: Output;
  env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds of a clock that only goes forward. */
  now?: () => number;
}>;

const lineEveryMs = 10_000;
const barColumns = 28;

/** Begins to show progress. */
export async function openProgress(options: ProgressOptions): Promise<Progress> {
  const { what, total, to = process.stderr, env = process.env, now = () => performance.now() } = options;
  const startedAt = now();
  const state = (done: number, bar: BarSigns | null) => ({ what, done, total, seconds: (now() - startedAt) / 1000, bar });
  if (to.isTTY !== true) return lines((done) => to.write(`${progressText(state(done, null))}\n`), now);
  const { SingleBar } = await import("cli-progress");
  const signs: BarSigns = hasUnicode(env) ? ["━", "─"] : ["=", "-"];
  const bar = new SingleBar({
    stream: to,
    format: (_, { value }) => progressText(state(value, signs)),
    clearOnComplete: true, // the result follows
    gracefulExit: false, // the cursor stays as it is, so a signal leaves nothing to restore
    linewrap: true, // null would change the terminal
    fps: 5,
  });
  let done = 0;
  bar.start(total ?? 0, 0);
  return {
    step: (count = 1) => {
      done += count;
      bar.update(done);
    },
    end: () => bar.stop(),
  };
}

/** The same around some work, whatever its end. */
export async function withProgress<T>(options: ProgressOptions, work: (progress: Progress) => Promise<T>): Promise<T> {
  const progress = await openProgress(options);
  try {
    return await work(progress);
  } finally {
    progress.end();
  }
}

/** A line at most every ten seconds, and none for work that takes less. */
function lines(print: (done: number) => void, now: () => number): Progress {
  let [done, printedAt] = [0, now()];
  return {
    step: (count = 1) => {
      done += count;
      if (now() - printedAt < lineEveryMs) return;
      printedAt = now();
      print(done);
    },
    end: () => {},
  };
}

/** `Comparing  ━━━━────  71 %  8,412 of 11,840  1,204/s  3 s left`. Without a total: `Comparing  8,412  1,204/s`. */
export function progressText({ what, done, total, seconds, bar }: ProgressState): string {
  const count = (value: number) => value.toLocaleString("en-US");
  const rate = seconds > 0 ? done / seconds : 0;
  const speed = rate >= 10 ? count(Math.round(rate)) : rate.toFixed(1);
  if (total === null) return [what, count(done), `${speed}/s`].join("  ");
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const left = rate > 0 ? [`${durationText(Math.ceil((total - done) / rate))} left`] : [];
  return [
    what,
    ...(bar === null ? [] : [barText(share, bar)]),
    `${Math.floor(share * 100)} %`,
    `${count(done)} of ${count(total)}`,
    `${speed}/s`,
    ...(done < total ? left : []),
  ].join("  ");
}

function barText(share: number, [done, left]: BarSigns): string {
  const filled = share === 1 ? barColumns : Math.min(barColumns - 1, Math.round(share * barColumns));
  return done.repeat(filled) + left.repeat(barColumns - filled);
}
