// Byte budget: limits how many octets of mail are in memory at once, over all domains. A mail that does not fit waits in order.
// A mail larger than the whole budget is admitted when nothing else is held. A mail that waits too long returns to the queue.
// The budget adds up what callers reserve; it measures no memory.

import { headLimit, type MailStore } from "@sesame/core";
import { NoRoom } from "@sesame/core/journey";
import type { Timers } from "./timers.ts";
import { withOpen } from "./with-open.ts";

type Waiter = { readonly bytes: number; readonly own: () => number; readonly admit: (admitted: boolean) => void };

export type BudgetOptions = Readonly<{
  /** The most octets that may be reserved together. */
  most: number;
  /** How long a mail may wait for memory. */
  maxWaitMs: number;
  timers: Timers;
}>;

/** Octets reserved by the mails in work. */
export class ByteBudget {
  readonly #options: BudgetOptions;
  #held = 0;
  #waiting: Waiter[] = [];
  #ended = false;

  constructor(options: BudgetOptions) {
    this.#options = options;
  }

  get held(): number {
    return this.#held;
  }

  /** Whether a mail of usual size could start now. */
  get hasRoom(): boolean {
    return this.#waiting.length === 0 && this.#fits(headLimit);
  }

  /**
   * Reserves octets, first come, first served. `own`: what the caller holds already; it does not count against the caller.
   * Returns false if there was no room in time; then nothing is reserved.
   */
  take(bytes: number, own: () => number = () => 0): Promise<boolean> {
    if (this.takeNow(bytes, own())) return Promise.resolve(true);
    if (this.#ended) return Promise.resolve(false);
    return new Promise((resolve) => {
      const cancel = this.#options.timers.after(this.#options.maxWaitMs, () => {
        this.#waiting = this.#waiting.filter((each) => each !== waiter);
        resolve(false);
        this.#serve(); // a smaller one behind it may fit
      });
      const waiter: Waiter = {
        bytes,
        own,
        admit: (admitted) => {
          cancel();
          resolve(admitted);
        },
      };
      this.#waiting.push(waiter);
    });
  }

  /** Reserves octets if they fit now and nobody waits. */
  takeNow(bytes: number, own: number = 0): boolean {
    if (this.#waiting.length > 0 || !this.#fits(bytes, own)) return false;
    this.#held += bytes;
    return true;
  }

  /** Whether these octets fit only while nothing else is held. */
  exceeds(bytes: number): boolean {
    return bytes > this.#options.most;
  }

  give(bytes: number): void {
    this.#held -= bytes;
    this.#serve();
  }

  /** Ends all waits without a reservation: the worker stops. */
  end(): void {
    this.#ended = true;
    for (const waiter of this.#waiting.splice(0)) waiter.admit(false);
  }

  /** Makes the share of one mail, which is released as a whole. */
  scope(): BudgetScope {
    return new BudgetScope(this);
  }

  #fits(bytes: number, own: number = 0): boolean {
    return this.#held <= own || this.#held + bytes <= this.#options.most;
  }

  #serve(): void {
    for (let next = this.#waiting[0]; next && this.#fits(next.bytes, next.own()); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#held += next.bytes;
      next.admit(true);
    }
  }
}

/** The octets that one mail has reserved. */
export class BudgetScope {
  readonly #budget: ByteBudget;
  #held = 0;
  #ended = false;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  async take(bytes: number): Promise<boolean> {
    const taken = await this.#budget.take(bytes, () => this.#held);
    if (taken && !this.#ended) this.#held += bytes;
    else if (taken) this.#budget.give(bytes);
    return taken && !this.#ended;
  }

  /** Reserves octets if they fit now. Only octets that must be alone in memory wait for that. */
  async takeNowOrAlone(bytes: number): Promise<boolean> {
    if (this.#budget.exceeds(bytes)) return this.take(bytes);
    if (this.#ended || !this.#budget.takeNow(bytes, this.#held)) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    const given = Math.min(bytes, this.#held); // nothing is reserved after the end
    this.#held -= given;
    this.#budget.give(given);
  }

  /** Releases everything. A read that still runs afterwards (because another read of the mail failed) reserves nothing. */
  end(): void {
    this.#ended = true;
    this.give(this.#held);
  }
}

/** A mail store that reserves memory for heads and whole mails before it reads them. */
export function budgetedStore(store: MailStore, scope: BudgetScope): MailStore {
  const take = async (operation: string, bytes: number) => {
    if (!(await scope.take(bytes))) throw new NoRoom(operation, bytes);
  };
  return withOpen(store, async (location) => {
    await take("open", headLimit);
    const stored = await store.open(location);
    const head = stored === "missing" ? 0 : stored.head.length;
    scope.give(headLimit - head);
    if (stored === "missing") return stored;
    const whole = async () => {
      await take("whole", stored.size);
      return stored.whole();
    };
    return { ...stored, whole };
  });
}
