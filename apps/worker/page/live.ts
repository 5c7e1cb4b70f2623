// Live: the stream of server-sent events (HTML Standard, "Server-sent events"). It says only what changed, at most every two
// seconds, and sends a beat so that no server or proxy cuts a silent stream. With nobody looking no timer runs.

import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import type { Timers } from "../timers.ts";
import type { PageMemory } from "./memory.ts";

export const mostStreams = 20;
const tickMs = 2000;
const ticksUntilBeat = 4; // Bun ends a response that is silent for 10 s
const ticksUntilOverview = 5; // ages and queue sizes change without an event

type Watch = Pick<PageMemory, "changes" | "mailChanges">;

export class Live {
  readonly #memory: Watch;
  readonly #timers: Timers;
  readonly #listeners = new Set<(name: "overview" | "mails" | "beat") => void>();
  #cancel: (() => void) | null = null;
  #seen = { changes: -1, mailChanges: -1 };
  #ticks = 0;

  constructor({ memory, timers }: Readonly<{ memory: Watch; timers: Timers }>) {
    this.#memory = memory;
    this.#timers = timers;
  }

  get streams(): number {
    return this.#listeners.size;
  }

  /** Answers with a stream, or with 503 where there are too many. */
  answer(context: Context): Response {
    if (this.#listeners.size >= mostStreams) return context.text("Cannot show changes: too many pages are open", 503);
    return streamSSE(context, async (stream) => {
      await new Promise<void>((resolve) => {
        const send = (name: "overview" | "mails" | "beat") => {
          // A reader that is gone ends the stream; what could not be written is of no use to anybody.
          stream.writeSSE({ event: name, data: "" }).catch(() => resolve());
        };
        this.#add(send);
        stream.onAbort(() => {
          this.#remove(send);
          resolve();
        });
        send("beat");
      });
    });
  }

  /** Ends the timer; the server ends the streams. */
  end(): void {
    this.#listeners.clear();
    this.#stop();
  }

  #add(listener: (name: "overview" | "mails" | "beat") => void): void {
    this.#listeners.add(listener);
    if (this.#cancel !== null) return;
    this.#seen = { changes: this.#memory.changes, mailChanges: this.#memory.mailChanges };
    this.#next();
  }

  #remove(listener: (name: "overview" | "mails" | "beat") => void): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0) this.#stop();
  }

  #stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #next(): void {
    this.#cancel = this.#timers.after(tickMs, () => {
      this.#tick();
      if (this.#listeners.size > 0) this.#next();
    });
  }

  #tick(): void {
    this.#ticks++;
    const { changes, mailChanges } = this.#memory;
    const isNew = changes !== this.#seen.changes || this.#ticks % ticksUntilOverview === 0;
    if (isNew) this.#tell("overview");
    if (mailChanges !== this.#seen.mailChanges) this.#tell("mails");
    if (!isNew && this.#ticks % ticksUntilBeat === 0) this.#tell("beat");
    this.#seen = { changes, mailChanges };
  }

  #tell(name: "overview" | "mails" | "beat"): void {
    for (const listener of [...this.#listeners]) listener(name);
  }
}
