// Caution: whether a server is asked for many recipients at once. Shared by all sessions to it. After a large group with many
// refusals the groups stay small for a while, because the sender of such a mail may send more of them.

import type { Timers } from "./timers.ts";

const carefulMs = 10 * 60_000;

/** What all sessions to one server know of it. */
export class Caution {
  readonly #timers: Pick<Timers, "now">;
  #until = Number.NEGATIVE_INFINITY;

  constructor(timers: Pick<Timers, "now">) {
    this.#timers = timers;
  }

  /** True: no group may bring more refusals than a session may have. */
  get isCareful(): boolean {
    return this.#timers.now() < this.#until;
  }

  /** A group brought more refusals than a session may have: the server may have slowed down for them. */
  tooManyRefusals(): void {
    this.#until = this.#timers.now() + carefulMs;
  }
}
