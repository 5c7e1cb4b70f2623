// Send places: how many sends through SES may run at once in this process, and how many octets of large mails they may hold.
// A mail that waits for a place has no permit of the window, so mail that does not need SES goes on. Only few may wait, since
// each holds the head of its mail; a send that finds no room to wait is delayed, and its mail returns to the queue.

import { ByteBudget } from "./byte-budget.ts";
import type { Timers } from "./timers.ts";

export type SendPlacesOptions = Readonly<{
  /** The most sends at once. */
  most: number;
  /** The most octets of large mails together, with the copies of the SDK. A larger mail is sent alone. */
  mostBytes: number;
  /** The most mails that wait. */
  mostWaiting: number;
  timers: Timers;
}>;

type Waiter = Readonly<{ bytes: number; admit(admitted: boolean): void }>;

const longestWaitMs = 600_000;

export class SendPlaces {
  readonly #options: SendPlacesOptions;
  readonly #bytes: ByteBudget;
  #taken = 0;
  #waiting: readonly Waiter[] = [];
  #ended = false;

  constructor(options: SendPlacesOptions) {
    this.#options = options;
    this.#bytes = new ByteBudget({ most: options.mostBytes, maxWaitMs: 0, timers: options.timers });
  }

  /** Sends that run, the octets of the large ones, and mails that wait. */
  get taken(): Readonly<{ sends: number; bytes: number; waiting: number }> {
    return { sends: this.#taken, bytes: this.#bytes.held, waiting: this.#waiting.length };
  }

  /**
   * Takes a place for a send, with `bytes` octets if it is large. `onWait` is called if it must wait. False: no place came in
   * ten minutes, too many wait, or the worker stops.
   */
  take(bytes: number, onWait: () => void): Promise<boolean> {
    const { timers, mostWaiting } = this.#options;
    // A large send does not overtake one that waits; a small one may.
    const mayPass = bytes === 0 || !this.#waiting.some((waiter) => waiter.bytes > 0);
    if (mayPass && this.#admits(bytes)) return Promise.resolve(true);
    if (this.#ended || this.#waiting.length >= mostWaiting) return Promise.resolve(false);
    onWait();
    return new Promise((resolve) => {
      const cancel = timers.after(longestWaitMs, () => {
        this.#waiting = this.#waiting.filter((each) => each !== waiter);
        resolve(false);
        this.#serve();
      });
      const waiter: Waiter = {
        bytes,
        admit: (admitted) => {
          cancel();
          resolve(admitted);
        },
      };
      this.#waiting = [...this.#waiting, waiter];
    });
  }

  give(bytes: number): void {
    this.#taken--;
    if (bytes > 0) this.#bytes.give(bytes);
    this.#serve();
  }

  /** Ends all waits: the worker stops. */
  end(): void {
    this.#ended = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) waiter.admit(false);
  }

  #admits(bytes: number): boolean {
    if (this.#taken >= this.#options.most || (bytes > 0 && !this.#bytes.takeNow(bytes))) return false;
    this.#taken++;
    return true;
  }

  /** In turn; a large send that does not fit holds back the large ones behind it only. */
  #serve(): void {
    let largeWaits = false;
    const left: Waiter[] = [];
    for (const waiter of this.#waiting) {
      const mayPass = waiter.bytes === 0 || !largeWaits;
      if (mayPass && this.#admits(waiter.bytes)) waiter.admit(true);
      else {
        left.push(waiter);
        largeWaits ||= waiter.bytes > 0;
      }
    }
    this.#waiting = left;
  }
}
