// Window: how many mails this process may have in work at once, over all its queues. A poller takes permits before it
// receives, and a permit returns when the end of its mail is recorded. Askers are served in turn, each with a fair part of what is
// free. After an outage the window starts again with one mail and doubles with each mail that ends. As many mails as it has permits
// may be closing besides: their end is recorded, and the audit mark and the deletion of the entry are under way.

import type { Timers } from "./timers.ts";

export type WindowOptions = Readonly<{
  /** The most mails in work at once. */
  most: number;
  timers: Timers;
}>;

/** A place in the line. `granted`: the permits that it got; 0 while it waits. The holder gives them back one by one. */
export type Ticket = { readonly wanted: number; granted: number; readonly wake: () => void };

/** The most entries that SQS returns for one receive. */
export const batchSize = 10;
const gatherMs = 25; // a busy window waits for more mails to end; otherwise each receive would bring one entry

export class Window {
  readonly #options: WindowOptions;
  readonly #line: Ticket[] = [];
  readonly #queues = new Set<object>();
  #out = 0;
  #closing = 0;
  #limit: number;
  #cancelGathering: (() => void) | null = null;

  constructor(options: WindowOptions) {
    this.#options = options;
    this.#limit = options.most;
  }

  /** Permits that are out: mails in work, and entries that a running receive may bring. */
  get out(): number {
    return this.#out;
  }

  /** Permits that may still be given; negative while more mails are in work than the window has room for after an outage. */
  get free(): number {
    return this.#limit - this.#out;
  }

  /** Whether all permits may be given: no dependency was away lately. */
  get isWide(): boolean {
    return this.#limit === this.#options.most;
  }

  /** The number of queues that share the window. */
  get queues(): number {
    return this.#queues.size;
  }

  /** The most mails in work of one queue among several: the mail of one that hangs must leave some to the others. */
  get mostOfOne(): number {
    const { most } = this.#options;
    return this.#queues.size > 1 ? Math.ceil(most * 0.75) : Number.POSITIVE_INFINITY;
  }

  /** A queue shares the window from now on. */
  join(queue: object): void {
    this.#queues.add(queue);
  }

  /** Takes a place in the line. `wake` is called when the ticket has permits, also at once. */
  ask(wanted: number, wake: () => void): Ticket {
    const ticket: Ticket = { wanted, granted: 0, wake };
    this.#line.push(ticket);
    this.#serveSoon();
    return ticket;
  }

  /** Leaves the line, and gives back what the ticket got. */
  cancel(ticket: Ticket): void {
    const place = this.#line.indexOf(ticket);
    if (place >= 0) this.#line.splice(place, 1);
    this.give(ticket.granted);
    ticket.granted = 0;
  }

  /** Gives permits back. */
  give(permits: number): void {
    this.#out -= permits;
    this.#serveSoon();
  }

  /** Takes permits for a whole batch, if they are free and nobody waits for any. */
  takeBatch(): boolean {
    if (this.#line.length > 0 || this.free < batchSize) return false;
    this.#out += batchSize;
    return true;
  }

  /** A mail begins to close, so that its permit can return. False: so many are closing that it must keep its permit. */
  beginClosing(): boolean {
    if (this.#closing >= this.#options.most) return false;
    this.#closing++;
    return true;
  }

  endClosing(): void {
    this.#closing--;
  }

  /** Work starts again with one mail: a dependency was away. */
  startSlowly(): void {
    this.#limit = 1;
  }

  /** A mail ended while everything that it needs answered: twice as many may be in work. */
  widen(): void {
    this.#limit = Math.min(this.#limit * 2, this.#options.most);
  }

  /** Stops the timer. Nobody is served any more. */
  end(): void {
    this.#line.length = 0;
    this.#cancelGathering?.();
    this.#cancelGathering = null;
  }

  #serveSoon(): void {
    if (this.#line.length === 0 || this.free < 1) return;
    if (this.#out <= batchSize || this.free >= batchSize) this.#serve();
    else this.#cancelGathering ??= this.#options.timers.after(gatherMs, () => this.#serve());
  }

  #serve(): void {
    this.#cancelGathering?.();
    this.#cancelGathering = null;
    while (this.#line.length > 0 && this.free > 0) {
      const share = Math.max(1, Math.floor(this.free / this.#line.length));
      const ticket = this.#line.shift();
      if (ticket === undefined) return;
      ticket.granted = Math.min(ticket.wanted, share);
      this.#out += ticket.granted;
      ticket.wake();
    }
  }
}
