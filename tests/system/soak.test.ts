// The executable under load, from SNS to IMAP, with and without workers that are killed. More of the same: npm run soak.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { missingPrograms } from "../mailserver/programs.ts";
import { type Compiled, compile } from "./executable.ts";
import { inOneLine, Soak } from "./soak.ts";

const missing = missingPrograms();
if (missing) console.warn(`SKIPPED tests/system/soak: ${missing}`);

const mails = 300;

describe.skipIf(missing !== null)("the executable", () => {
  let executable: Compiled;
  let soak: Soak;

  beforeAll(async () => {
    executable = (await compile()) as Compiled;
    soak = await Soak.start(executable.path);
  }, 120_000);
  afterAll(async () => {
    await soak?.stop();
    executable?.remove();
  }, 120_000);

  for (const kills of [0, 2]) {
    test(`moves ${mails} mails from SNS to IMAP, ${kills} workers killed`, async () => {
      const result = await soak.run(mails, kills);
      console.info(inOneLine(result));
      const { lost, doubled, announced, inDoubt, unfinished, troubles } = result;
      expect({ lost, doubled, unfinished }).toEqual({ lost: [], doubled: [], unfinished: 0 });
      if (kills === 0 && troubles === 0) expect({ announced, inDoubt }).toEqual({ announced: [], inDoubt: [] });
    }, 300_000);
  }
});
