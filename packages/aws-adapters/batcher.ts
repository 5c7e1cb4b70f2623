// Batcher: collects what single callers ask within a few milliseconds and sends it in one request, since a request to
// SQS for each entry costs ten times as much. Each caller hears of its own item only.

/** Runs `act` after some milliseconds; a fake one in tests. */
export type After = (ms: number, act: () => void) => void;

export type BatcherOptions<Item, Answer> = Readonly<{
  /** Items of one request. */
  limit: number;
  /** How long the first item of a request waits for others. */
  gatherMs: number;
  /** One answer for each item, in order. What it throws goes to all callers. */
  send: (items: readonly Item[]) => Promise<readonly Answer[]>;
  after?: After;
}>;

type Waiting<Item, Answer> = Readonly<{ item: Item; resolve: (answer: Answer) => void; reject: (error: unknown) => void }>;

const realAfter: After = (ms, act) => void setTimeout(act, ms);

/** Requests of one kind to one queue. */
export class Batcher<Item, Answer> {
  readonly #options: BatcherOptions<Item, Answer>;
  #waiting: Waiting<Item, Answer>[] = [];

  constructor(options: BatcherOptions<Item, Answer>) {
    this.#options = options;
  }

  /** Resolves when the request that takes the item is answered. */
  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#waiting.length >= this.#options.limit) this.#flush();
      else if (this.#waiting.length === 1) this.#flushLater(this.#waiting);
    });
  }

  #flushLater(batch: readonly Waiting<Item, Answer>[]): void {
    (this.#options.after ?? realAfter)(this.#options.gatherMs, () => {
      if (this.#waiting === batch) this.#flush(); // else it was full and has left
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
          reject(new Error("Cannot answer an item of a batch as each must have an answer: current value is undefined"));
        else resolve(answer);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
