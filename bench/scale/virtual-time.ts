// Virtual time: timers whose time jumps to the next thing that is due, so that hours pass in seconds and always alike.

import type { Timers } from "@sesame/smtp";

type Due = Readonly<{ at: number; order: number; act: () => void }>;

export class VirtualTime implements Timers {
  #now = 0;
  #order = 0;
  readonly #due = new Map<number, Due>();
  /** The orders of what is due, by instant; each instant once in `#instants`, which is a heap. */
  readonly #byInstant = new Map<number, number[]>();
  readonly #instants: number[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, act: () => void): () => void {
    const order = this.#order++;
    const at = this.#now + Math.max(0, ms);
    this.#due.set(order, { at, order, act });
    const same = this.#byInstant.get(at);
    if (same) same.push(order);
    else {
      this.#byInstant.set(at, [order]);
      pushHeap(this.#instants, at);
    }
    return () => this.#due.delete(order);
  }

  readonly sleep = (ms: number): Promise<void> => new Promise((resolve) => this.after(ms, resolve));

  /** Lets time pass until `isOver`, or until nothing is due. What one instant starts runs before the next one. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const at = popHeap(this.#instants);
      if (at === undefined) return;
      const orders = this.#byInstant.get(at) ?? [];
      this.#byInstant.delete(at);
      this.#now = at;
      for (const order of orders) {
        const due = this.#due.get(order);
        if (due === undefined) continue; // cancelled
        this.#due.delete(order);
        due.act();
      }
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
}

function pushHeap(heap: number[], value: number): void {
  let at = heap.push(value) - 1;
  while (at > 0) {
    const above = (at - 1) >> 1;
    const [child = 0, parent = 0] = [heap[at], heap[above]];
    if (parent <= child) return;
    [heap[at], heap[above]] = [parent, child];
    at = above;
  }
}

function popHeap(heap: number[]): number | undefined {
  const least = heap[0];
  const last = heap.pop();
  if (heap.length === 0 || last === undefined) return least;
  heap[0] = last;
  for (let at = 0; ; ) {
    const [left, right] = [2 * at + 1, 2 * at + 2];
    let smallest = at;
    for (const child of [left, right]) if ((heap[child] ?? Number.POSITIVE_INFINITY) < (heap[smallest] ?? 0)) smallest = child;
    if (smallest === at) return least;
    const [a = 0, b = 0] = [heap[at], heap[smallest]];
    [heap[at], heap[smallest]] = [b, a];
    at = smallest;
  }
}
