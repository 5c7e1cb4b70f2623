// Suite: runs the cases of a port's contract against one implementation. Each case gets a fresh harness.
// An implementation may leave out a case only with a reason, which stands in the name of the skipped test.

import { describe, test } from "bun:test";

/** What every harness can do. */
export type Harness = Readonly<{ close(): Promise<void> }>;

export type SuiteOptions = Readonly<{
  /** Reasons by the names of cases that this implementation cannot pass. */
  skip?: Readonly<Record<string, string>>;
  /** Milliseconds for one case. Default 5000. */
  timeoutMs?: number;
}>;

/** Cases by name, "symbol() does X when Y". */
export type Cases<H> = Readonly<Record<string, (harness: H) => Promise<void>>>;

/** Declares the tests of one implementation. */
export function runSuite<H extends Harness>(name: string, makeHarness: () => Promise<H>, cases: Cases<H>, options: SuiteOptions): void {
  const { skip = {}, timeoutMs = 5000 } = options;
  const unknown = Object.keys(skip).find((each) => !(each in cases));
  if (unknown !== undefined) throw new Error(`Cannot skip a case: must exist, is "${unknown}"`);
  describe(name, () => {
    for (const [title, run] of Object.entries(cases)) {
      if (title in skip) test.skip(`${title} (${skip[title]})`, () => {});
      else test(title, () => withHarness(makeHarness, run), timeoutMs);
    }
  });
}

async function withHarness<H extends Harness>(makeHarness: () => Promise<H>, run: (harness: H) => Promise<void>): Promise<void> {
  const harness = await makeHarness();
  try {
    await run(harness);
  } finally {
    await harness.close();
  }
}
