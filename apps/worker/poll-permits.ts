// Poll permits: the place of one poller in the line of the shared window. It says what the next receive may bring, and holds
// the permits of a running receive until mails use them. The permit of a mail in work is given back by its poller.

import type { MailQueue } from "@sesame/core";
import { HeldPermits } from "./held-permits.ts";
import type { Timers } from "./timers.ts";
import { stopCheckMs, Waiting } from "./waiting.ts";
import { batchSize, type Ticket, type Window } from "./window.ts";

export type PollPermitsOptions = Readonly<{
  queue: MailQueue;
  window: Window;
  timers: Timers;
  /** Called when the place in the line has got permits. */
  granted(): void;
}>;

/** What one receive may bring: at most `limit` entries. "long": it may wait for the first one. */
export type Reach = Readonly<{ limit: number; wait: "long" | "none" }>;

const placeWaitMs = 20_000; // how long an entry waits for a permit that came without one

export class PollPermits {
  readonly #options: PollPermitsOptions;
  /** The place in the line of the window, while the poller waits for permits. */
  #ticket: Ticket | null = null;
  /** Those of the running receive. */
  #held: HeldPermits;
  #isQuiet = false;

  constructor(options: PollPermitsOptions) {
    this.#options = options;
    this.#held = new HeldPermits(options.window, 0);
    options.window.join(options.queue);
  }

  /** The last receive brought less than it might: the queue has nothing, and the next receive may wait without permits. */
  get isQuiet(): boolean {
    return this.#isQuiet;
  }

  get isInLine(): boolean {
    return this.#ticket !== null;
  }

  /** What may be received now, for at most `room` mails, or for one as a trial; `null`: the poller stands in the line for permits. */
  reach(room: number, isTrial: boolean): Reach | null {
    const { window, granted } = this.#options;
    // While nothing comes, a poll that holds permits for 20 s would keep them from the queues that have mail.
    if (this.#isQuiet && this.#ticket === null && window.isWide && window.free > 0)
      return { limit: Math.max(1, Math.min(batchSize, room, Math.floor(window.free / window.queues))), wait: "long" };
    this.#ticket ??= window.ask(isTrial ? 1 : Math.min(batchSize, room), granted);
    const permits = this.#ticket.granted;
    if (permits === 0) return null;
    this.#ticket = null;
    this.#held = new HeldPermits(window, permits);
    return { limit: permits, wait: window.queues > 1 ? "none" : "long" };
  }

  leaveLine(): void {
    if (this.#ticket !== null) this.#options.window.cancel(this.#ticket);
    this.#ticket = null;
  }

  /** Notes how many entries a receive has brought. */
  noteAnswer({ limit }: Reach, entries: number): void {
    this.#isQuiet = this.#options.window.queues > 1 && entries < limit;
  }

  /** The permits of the running receive, or of the last one. */
  get held(): HeldPermits {
    return this.#held;
  }

  /** Waits in the line for the permit of one entry that came without. False: there was none in time, or no mail may begin any more. */
  async one(mayBegin: () => boolean): Promise<boolean> {
    const { window, timers } = this.#options;
    const until = timers.now() + placeWaitMs;
    const waiting = new Waiting(timers);
    const ticket = window.ask(1, () => waiting.wake());
    while (ticket.granted === 0 && mayBegin() && timers.now() < until) await waiting.atMost(stopCheckMs);
    if (ticket.granted > 0 && mayBegin()) return true;
    window.cancel(ticket);
    return false;
  }
}
