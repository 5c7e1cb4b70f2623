// Lanes: several clouds side by side, and the cases handed to whichever is free.

import type { Stop } from "@sesame/core";
import type { KillCase } from "./case.ts";
import { type Judgement, judge } from "./judge.ts";
import { Lane } from "./lane.ts";
import type { MailEnd } from "./mail-end.ts";
import type { Run } from "./table.ts";

export type LanesOptions = Readonly<{
  parallel: number;
  end: () => Promise<MailEnd>;
  /** The executable; else the checkout is run. */
  program?: readonly string[];
  /** Told of each run when it is over. */
  done?: (run: Run) => void;
  /** Raised, no more runs are begun. */
  stop?: Stop;
}>;

export async function runAll(cases: readonly KillCase[], options: LanesOptions): Promise<readonly Run[]> {
  const queue = [...cases];
  const runs: Run[] = [];
  const file = (run: Run) => {
    runs.push(run);
    options.done?.(run);
  };
  await Promise.all(Array.from({ length: Math.min(options.parallel, cases.length) }, () => work(queue, file, options)));
  return runs;
}

/** One lane; another one in its place when a run broke, whose mails may lie about. */
async function work(queue: KillCase[], file: (run: Run) => void, { end, program, stop }: LanesOptions): Promise<void> {
  let lane: Lane | null = null;
  try {
    for (let one = queue.shift(); one && !stop?.stopped; one = queue.shift()) {
      const began = performance.now();
      const seconds = () => (performance.now() - began) / 1000;
      try {
        lane ??= await Lane.start(await end(), program);
        file({ one, judgement: judge(await lane.run(one)), seconds: seconds() });
      } catch (error) {
        file({ one, judgement: broken(error), seconds: seconds() });
        await lane?.stop();
        lane = null;
      }
    }
  } finally {
    await lane?.stop();
  }
}

function broken(error: unknown): Judgement {
  return { reached: false, lost: [], extra: [], announced: 0, repliesTwice: 0, wrong: [`the run broke: ${error}`] };
}
