// Recent buckets: where the last mails of one queue were stored. They say whether more mail may be received while a bucket
// does not answer. The circuits of the buckets are in circuits.ts.

import type { MailStore } from "@sesame/core";
import type { Circuits } from "./circuits.ts";
import { withOpen } from "./with-open.ts";

const mostMails = 20;

export class RecentBuckets {
  readonly #circuits: Pick<Circuits, "stopsBucket" | "triesBucket">;
  /** The newest last. */
  #buckets: readonly string[] = [];

  constructor(circuits: Pick<Circuits, "stopsBucket" | "triesBucket">) {
    this.#circuits = circuits;
  }

  /** Whether all mail of the queue lies in buckets that do not answer. False before the first mail. */
  get areAway(): boolean {
    return this.#buckets.length > 0 && this.#buckets.every((bucket) => this.#circuits.stopsBucket(bucket));
  }

  /** Whether one mail shall try if a bucket answers again. */
  get needTrial(): boolean {
    return this.#buckets.some((bucket) => this.#circuits.triesBucket(bucket));
  }

  /** The same store; the bucket of each mail that is opened is noted. */
  watch(store: MailStore): MailStore {
    return withOpen(store, (location) => {
      this.#buckets = [...this.#buckets.slice(1 - mostMails), location.bucket];
      return store.open(location);
    });
  }
}
