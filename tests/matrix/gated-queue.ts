// Gated queue: a real queue that a poller may ask only when the test lets it, so that a test sees one turn after the
// other: what a poll brought, and what was said of the entry in the end.

import type { MailQueue, QueueEntry, Stop } from "@sesame/core";
import type { QueueSize } from "../../packages/core/journey/ports.ts";

/** What one poll led to. `failed`: the queue did not take what was said. */
export type Turn =
  | { readonly kind: "poll-error" | "nothing" | "leave" }
  | { readonly kind: "ack"; readonly failed: boolean }
  | { readonly kind: "retry"; readonly failed: boolean; readonly afterSeconds: number };

export class GatedQueue implements MailQueue {
  readonly #inner: MailQueue;
  /** Whether the ledger says that the mail is closed; asked before each acknowledgement. */
  readonly #isClosed: () => Promise<boolean>;
  #open: (() => void) | null = null;
  #gate: Promise<void>;
  #tell: ((turn: Turn) => void) | null = null;
  #handed = false;
  #over = false;
  /** The entry as it was received last. */
  last: QueueEntry | null = null;
  /** How many mails the worker has in work. A mail whose place is free may still be closing. */
  inWork: () => number = () => 0;
  /** Acknowledgements that were said before the mail was closed. */
  ackedEarly: number = 0;

  constructor(inner: MailQueue, isClosed: () => Promise<boolean>) {
    this.#inner = inner;
    this.#isClosed = isClosed;
    this.#gate = this.#shut();
  }

  /** Lets one poll through, and resolves when all is said about what it brought. */
  turn(): Promise<Turn> {
    return new Promise((resolve) => {
      this.#tell = resolve;
      this.#handed = false;
      this.#open?.();
    });
  }

  /** No poll waits any more; for the end. */
  release(): void {
    this.#over = true;
    this.#open?.();
  }

  async receive(limit: number, stop: Stop): Promise<readonly QueueEntry[]> {
    while (this.#handed && this.inWork() > 0) await new Promise<void>((resolve) => setTimeout(resolve, 1));
    if (this.#handed) this.#end({ kind: "leave" }); // nothing was said of the entry before
    await this.#gate;
    if (this.#over || stop.stopped) return [];
    this.#gate = this.#shut();
    try {
      const entries = await this.#inner.receive(limit, stop);
      if (entries.length === 0) this.#end({ kind: "nothing" });
      else [this.last = null, this.#handed] = [entries[0], true];
      return entries;
    } catch (error) {
      this.#end({ kind: "poll-error" });
      throw error;
    }
  }

  async ack(entries: readonly QueueEntry[]): Promise<void> {
    if (!(await this.#isClosed())) this.ackedEarly++;
    await this.#say((failed) => ({ kind: "ack", failed }), this.#inner.ack(entries));
  }

  async retryLater(entry: QueueEntry, afterSeconds: number): Promise<void> {
    await this.#say((failed) => ({ kind: "retry", failed, afterSeconds }), this.#inner.retryLater(entry, afterSeconds));
  }

  extend(entry: QueueEntry, seconds: number): Promise<"kept" | "lost"> {
    return this.#inner.extend(entry, seconds);
  }

  size(): Promise<QueueSize> {
    return this.#inner.size();
  }

  async #say(turn: (failed: boolean) => Turn, saying: Promise<void>): Promise<void> {
    try {
      await saying;
      this.#end(turn(false));
    } catch (error) {
      this.#end(turn(true));
      throw error;
    }
  }

  #end(turn: Turn): void {
    this.#handed = false;
    const tell = this.#tell;
    this.#tell = null;
    tell?.(turn);
  }

  #shut(): Promise<void> {
    return new Promise((resolve) => {
      this.#open = resolve;
    });
  }
}
