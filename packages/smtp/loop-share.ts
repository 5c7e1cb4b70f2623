// Loop share: how long the transfers of one courier may work in one turn of the event loop. Sockets often accept a whole mail
// without a wait, so a large mail would keep health pages, deadlines and other mails waiting.

import { setImmediate } from "node:timers";
import type { Timers } from "./timers.ts";

const shareMs = 2;

/** Shared by all transfers, because many mails may be ready in the same turn. */
export class LoopShare {
  readonly #now: () => number;
  readonly #defer: (run: () => void) => void;
  #beganAt: number | null = null;
  readonly #waiting: (() => void)[] = [];

  /** `defer` calls back in the next turn of the event loop. */
  constructor({ now }: Pick<Timers, "now">, defer: (run: () => void) => void = (run) => void setImmediate(run)) {
    this.#now = now;
    this.#defer = defer;
  }

  /** Resolves at once while this turn has time left, otherwise in a later turn. One transfer continues in each turn. */
  async wait(): Promise<void> {
    while (this.isUsedUp()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Whether this turn has no time left. The first question in a turn begins to count. */
  isUsedUp(): boolean {
    if (this.#beganAt !== null) return this.#now() - this.#beganAt >= shareMs;
    this.#beganAt = this.#now();
    this.#defer(() => this.#nextTurn());
    return false;
  }

  #nextTurn(): void {
    this.#beganAt = null;
    this.#waiting.shift()?.();
  }
}
