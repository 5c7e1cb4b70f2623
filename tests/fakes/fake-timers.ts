// Fake timers: time that moves when a test says so, and not before.

import type { Timers } from "@sesame/smtp";

export class FakeTimers implements Timers {
  #now = 0;
  #next = 0;
  readonly #due = new Map<number, { at: number; act: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, act: () => void): () => void {
    const id = this.#next++;
    this.#due.set(id, { at: this.#now + ms, act });
    return () => this.#due.delete(id);
  }

  /** How many wait. */
  get pending(): number {
    return this.#due.size;
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const [id, { at, act }] of [...this.#due]) {
      if (at > this.#now || !this.#due.delete(id)) continue;
      act();
    }
  }
}
