// Caution: how many recipients a server is asked for at once. Shared by all sessions to it. What it accepted in a row may be asked
// for at once; after a large group with many refusals the groups stay small for a while, because the sender of such a mail may
// send more of them.

import type { Timers } from "./timers.ts";

const carefulMs = 10 * 60_000;

/** What all sessions to one server know of it. */
export class Caution {
  readonly #timers: Pick<Timers, "now">;
  #until = Number.NEGATIVE_INFINITY;
  #acceptedInARow = 0;
  #isLent = false;

  constructor(timers: Pick<Timers, "now">) {
    this.#timers = timers;
  }

  /** True: no group may bring more refusals than a session may have. */
  get isCareful(): boolean {
    return this.#timers.now() < this.#until;
  }

  /**
   * The recipients that a mail may name at once because the server accepted as many in a row. Only one mail has them at a time,
   * until `giveBack`: if it is the one that brings refusals, it keeps one session waiting and no more. 0: none.
   */
  lend(): number {
    if (this.#isLent || this.isCareful || this.#acceptedInARow === 0) return 0;
    this.#isLent = true;
    return this.#acceptedInARow;
  }

  giveBack(): void {
    this.#isLent = false;
  }

  /** A mail is over. `mostRefusals`: if there were more, the server may have slowed down for them. */
  answered(accepted: number, refused: number, mostRefusals: number): void {
    this.#acceptedInARow = refused > 0 ? 0 : this.#acceptedInARow + accepted;
    if (refused > mostRefusals) this.#until = this.#timers.now() + carefulMs;
  }
}
