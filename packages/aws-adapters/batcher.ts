// Batcher: collects items for a few milliseconds and sends them in one request, because one SQS request for each entry costs
// ten times as much. Each caller gets the answer to its own item only.

import { type After, realAfter } from "./timers.ts";

export type BatcherOptions<Item, Answer> = Readonly<{
  /** Largest number of items in one request. */
  limit: number;
  /** Milliseconds that the first item of a request waits for others. */
  gatherMs: number;
  /** Returns one answer for each item, in order. An error that it throws goes to all callers. */
  send: (items: readonly Item[]) => Promise<readonly Answer[]>;
  after?: After;
}>;

type Waiting<Item, Answer> = Readonly<{ item: Item; resolve: (answer: Answer) => void; reject: (error: unknown) => void }>;

/** Batches requests of one kind to one queue. */
export class Batcher<Item, Answer> {
  readonly #options: BatcherOptions<Item, Answer>;
  #waiting: Waiting<Item, Answer>[] = [];

  constructor(options: BatcherOptions<Item, Answer>) {
    this.#options = options;
  }

  /** Resolves when the request that contains the item is answered. */
  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#waiting.length >= this.#options.limit) this.#flush();
      else if (this.#waiting.length === 1) this.#flushLater(this.#waiting);
    });
  }

  #flushLater(batch: readonly Waiting<Item, Answer>[]): void {
    (this.#options.after ?? realAfter)(this.#options.gatherMs, () => {
      if (this.#waiting === batch) this.#flush(); // otherwise the batch was full and has been sent
    });
  }

  #flush(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    void this.#send(batch);
  }

  async #send(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#options.send(batch.map(({ item }) => item));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const answer = answers[index];
        if (answer === undefined)
          reject(new Error("Cannot answer an item of a batch: the number of answers is smaller than the number of items"));
        else resolve(answer);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
