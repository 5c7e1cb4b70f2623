// Queues: SQS in memory: visibility timeouts, receipt handles, long polls. No order, no redrive, no limits.
// SQS Developer Guide, "Amazon SQS visibility timeout", "Amazon SQS short and long polling".

import { createHash } from "node:crypto";

/** An entry as it is handed out. Both texts are made once, because the same entry may be handed out in two protocols. */
export type Handed = Readonly<{ id: string; receiptHandle: string; receives: number; sentAt: number; body: Body }>;
export type Body = Readonly<{ text: string; json: string; md5: string }>;

/** Told what becomes of the entries, by their ids. */
export type QueueWatch = Readonly<{ handedOut(id: string): void; deleted(id: string): void }>;

type Entry = {
  readonly id: string;
  readonly body: Body;
  readonly sentAt: number;
  receives: number;
  visibleAt: number;
  handle: string | null;
};
type Waiting = { readonly limit: number; readonly visibilityMs: number; readonly answer: (entries: readonly Handed[]) => void };

export class Queue {
  readonly name: string;
  readonly #watch: QueueWatch;
  readonly #now: () => number;
  #ready: Entry[] = [];
  #readyFrom = 0;
  /** By receipt handle. */
  readonly #inFlight = new Map<string, Entry>();
  readonly #waiting = new Set<Waiting>();
  #handles = 0;

  constructor(name: string, watch: QueueWatch, now: () => number) {
    this.name = name;
    this.#watch = watch;
    this.#now = now;
  }

  send(id: string, body: Body): void {
    this.#ready.push({ id, body, sentAt: Date.now(), receives: 0, visibleAt: 0, handle: null });
    const [waiting] = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting.delete(waiting);
    waiting.answer(this.#take(waiting));
  }

  /** Waits up to `waitMs` for the first entry. A poll that is given up by its caller takes nothing. */
  receive(limit: number, visibilityMs: number, waitMs: number, signal: AbortSignal): Promise<readonly Handed[]> {
    if (signal.aborted) return Promise.resolve([]);
    const found = this.#take({ limit, visibilityMs });
    if (found.length > 0 || waitMs === 0) return Promise.resolve(found);
    return new Promise((resolve) => {
      const answer = (entries: readonly Handed[]) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", giveUp);
        this.#waiting.delete(waiting);
        resolve(entries);
      };
      const giveUp = () => answer([]);
      const waiting: Waiting = { limit, visibilityMs, answer };
      const timer = setTimeout(giveUp, waitMs);
      signal.addEventListener("abort", giveUp);
      this.#waiting.add(waiting);
    });
  }

  /** Deletes the entry, even if it is visible again. An unknown handle is no error. */
  delete(receiptHandle: string): void {
    const entry = this.#inFlight.get(receiptHandle);
    if (entry === undefined) return;
    this.#inFlight.delete(receiptHandle);
    this.#watch.deleted(entry.id);
  }

  /** `false`: no entry is in flight under this handle. */
  change(receiptHandle: string, visibilityMs: number): boolean {
    this.#expire();
    const entry = this.#inFlight.get(receiptHandle);
    if (entry === undefined) return false;
    entry.visibleAt = this.#now() + visibilityMs;
    if (visibilityMs === 0) this.#expire();
    return true;
  }

  sizes(): Readonly<{ visible: number; inFlight: number }> {
    this.#expire();
    return { visible: this.#ready.length - this.#readyFrom, inFlight: this.#inFlight.size };
  }

  #take({ limit, visibilityMs }: Pick<Waiting, "limit" | "visibilityMs">): readonly Handed[] {
    if (this.#readyFrom === this.#ready.length) this.#expire();
    const taken = this.#ready.slice(this.#readyFrom, this.#readyFrom + limit);
    this.#readyFrom += taken.length;
    if (this.#readyFrom > 10_000) {
      this.#ready = this.#ready.slice(this.#readyFrom);
      this.#readyFrom = 0;
    }
    return taken.map((entry) => {
      entry.receives++;
      entry.visibleAt = this.#now() + visibilityMs;
      entry.handle = `${this.name}/${entry.id}/${++this.#handles}`;
      this.#inFlight.set(entry.handle, entry);
      this.#watch.handedOut(entry.id);
      return { id: entry.id, receiptHandle: entry.handle, receives: entry.receives, sentAt: entry.sentAt, body: entry.body };
    });
  }

  /** Makes entries visible again whose time is over. */
  #expire(): void {
    const now = this.#now();
    for (const [handle, entry] of this.#inFlight) {
      if (entry.visibleAt > now) continue;
      this.#inFlight.delete(handle);
      this.#ready.push(entry);
    }
  }
}

export function bodyOf(text: string): Body {
  return { text, json: JSON.stringify(text), md5: createHash("md5").update(text).digest("hex") };
}
