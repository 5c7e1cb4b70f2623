// Requeue: puts notices of mails into their queues, not faster than a rate. What is sent twice does no harm: all notices of a mail
// share its row in the ledger, and what is done there is not done again.

import type { Domain } from "@sesame/core";
import type { Progress } from "../progress.ts";
import { sleep } from "../timers.ts";
import type { Places } from "./places.ts";

/** A notice for the queue of a domain. */
export type Sending = Readonly<{ domain: Domain; notice: string; afterSeconds?: number }>;

/** `perSecond`: notices. `wait`: for tests. */
export type Pace = Readonly<{ perSecond: number; progress: Progress; wait?: (ms: number) => Promise<void> }>;

/** Sends all, and calls `sent` after each. Rejects at the first that fails; that one may be in the queue. */
export async function requeue<T extends Sending>(
  all: readonly T[],
  { put }: Pick<Places, "put">,
  { perSecond, progress, wait = sleep }: Pace,
  sent: (sending: T) => Promise<void> = async () => {},
): Promise<void> {
  for (const [index, sending] of all.entries()) {
    if (index > 0) await wait(1000 / perSecond);
    await put(sending.domain, sending.notice, sending.afterSeconds ?? 0);
    await sent(sending);
    progress.step();
  }
}
