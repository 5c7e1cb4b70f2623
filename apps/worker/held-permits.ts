// Held permits: the permits of one running receive that no mail uses yet. Each entry that it brings takes one.

import type { Window } from "./window.ts";

export class HeldPermits {
  readonly #window: Window;
  #left: number;

  /** `permits` were taken from the window for this receive. */
  constructor(window: Window, permits: number) {
    this.#window = window;
    this.#left = permits;
  }

  get left(): number {
    return this.#left;
  }

  /** Takes a permit for one entry. False: none is left. */
  use(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }

  giveUnused(): void {
    const unused = this.#left;
    this.#left = 0;
    this.#window.give(unused);
  }
}
