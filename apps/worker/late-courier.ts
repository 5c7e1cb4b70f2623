// Late courier: a courier whose code is loaded with its first mail. Many workers never send through SES.

import type { Courier, Delayed, EffectKey, MailTransaction, Route, Verdict } from "@sesame/core";

/** A courier that was loaded. */
export type Loaded = Required<Courier> & Readonly<{ /** Ends what runs, at once. */ abort(): void; close(): void }>;

export class LateCourier implements Required<Courier> {
  readonly #load: () => Promise<Loaded>;
  #loading: Promise<Loaded> | null = null;
  #loaded: Loaded | null = null;
  #isAborted = false;

  constructor(load: () => Promise<Loaded>) {
    this.#load = load;
  }

  async turn(route: Route): Promise<"ready" | Delayed> {
    return (await this.#courier()).turn(route);
  }

  async send(route: Route, transaction: MailTransaction): Promise<ReadonlyMap<EffectKey, Verdict>> {
    return (await this.#courier()).send(route, transaction);
  }

  abort(): void {
    this.#isAborted = true;
    this.#loaded?.abort();
  }

  /** No call may be running. */
  close(): void {
    this.#loaded?.close();
  }

  async #courier(): Promise<Loaded> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = null;
      throw error;
    });
    this.#loaded = await this.#loading;
    if (this.#isAborted) this.#loaded.abort();
    return this.#loaded;
  }
}
