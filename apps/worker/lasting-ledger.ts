// Lasting ledger: a ledger whose `record` is repeated while the table throttles or does not answer. What was just delivered
// would be delivered again if it were not recorded, so the mail waits and keeps its entry. It gives up when the entry is lost,
// when the time for a stop is over, or after some time. The caller then announces a possible duplicate.

import { troubleOf } from "@sesame/aws-adapters/base";
import type { Ledger } from "@sesame/core";
import type { Timers } from "./timers.ts";

export type LastingOptions = Readonly<{
  timers: Timers;
  /** Whether there is no use in another attempt: the entry is lost, or the process must end. */
  givesUp(): boolean;
  /** How long the records of one mail are tried, from the first that fails. */
  longestMs: number;
  /** Numbers from 0 to 1, for the jitter between attempts. */
  random?: () => number;
}>;

const [firstPauseMs, longestPauseMs] = [250, 5_000];

/** The ledger of one entry. */
export function lastingLedger(ledger: Ledger, { timers, givesUp, longestMs, random = Math.random }: LastingOptions): Ledger {
  let until: number | null = null;
  const record: Ledger["record"] = async (lease, finals, then, eraseAfter) => {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      try {
        const answer = await ledger.record(lease, finals, then, eraseAfter);
        until = null;
        return answer;
      } catch (error) {
        until ??= timers.now() + longestMs;
        if (!troubleOf(error).retry || givesUp() || timers.now() >= until) throw error;
      }
      // Jitter: many mails wait for the same table.
      await new Promise<void>((resolve) => timers.after(pauseMs * (0.75 + random() / 4), resolve));
    }
  };
  return {
    record,
    claim: (mailId, seconds, recipients, trace) => ledger.claim(mailId, seconds, recipients, trace),
    reopen: (mailId, seconds, recipients, former, trace) => ledger.reopen(mailId, seconds, recipients, former, trace),
    keepClosed: (mailId, closed) => ledger.keepClosed(mailId, closed),
    extend: (lease, seconds) => ledger.extend(lease, seconds),
    recall: (recipients, sender) => ledger.recall(recipients, sender),
    countReply: (count) => ledger.countReply(count),
    claimReply: (row) => ledger.claimReply(row),
    releaseReply: (row) => ledger.releaseReply(row),
    loopKey: () => ledger.loopKey(),
  };
}
