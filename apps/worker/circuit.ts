// Circuit: while the mail server is away or refuses us, no poller receives, so that receive counts stand still and no mail
// comes nearer to the dead-letter queue. It opens at the first verdict that speaks of the whole host, probes the server
// until it answers, and closes. How fast work begins again is the pollers' part.

import type { Courier, EffectKey, Verdict } from "@sesame/core";
import type { Timers } from "@sesame/smtp";

export type CircuitOptions = Readonly<{
  /** Whether the server takes mail now; the text says why not. */
  probe(): Promise<string | null>;
  timers: Timers;
  /** Told of each change, for the log. */
  changed(state: CircuitState, detail: string): void;
  firstProbeMs?: number;
  longestProbeMs?: number;
}>;

export type CircuitState = "closed" | "open";

export class Circuit {
  readonly #options: CircuitOptions;
  #state: CircuitState = "closed";
  #openings = 0;
  #pauseMs = 0;
  /** Whether the server dealt with a mail since the circuit opened last. A probe alone proves little. */
  #proven = true;
  #cancelProbe: () => void = () => {};
  #ended = false;

  constructor(options: CircuitOptions) {
    this.#options = options;
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** How often it has opened: a poller that sees a new number begins anew with one mail. */
  get openings(): number {
    return this.#openings;
  }

  /** A courier whose verdicts on mailboxes are watched. Trouble of the internal port or of SES stops no intake. */
  watch(courier: Courier): Courier {
    return {
      send: async (route, consignment) => {
        const verdicts = await courier.send(route, consignment);
        if (route === "mailbox") this.#look(verdicts);
        return verdicts;
      },
    };
  }

  /** Probes no more, also where a mail that is still in work finds the server away: nothing is received any more. */
  end(): void {
    this.#ended = true;
    this.#cancelProbe();
  }

  #look(verdicts: ReadonlyMap<EffectKey, Verdict>): void {
    for (const verdict of verdicts.values()) {
      if (verdict.action === "delayed" && verdict.scope === "host") this.#open(`${verdict.reason}: ${verdict.detail}`);
      else if (verdict.action !== "delayed" || verdict.scope === "recipient") this.#proven = true;
    }
  }

  #open(detail: string): void {
    if (this.#state === "open" || this.#ended) return;
    this.#state = "open";
    this.#openings++;
    const { firstProbeMs = 5_000, longestProbeMs = 30_000 } = this.#options;
    // A server that greets and then refuses each mail costs a mail for each time that the circuit closes.
    this.#pauseMs = this.#proven ? firstProbeMs : Math.min(this.#pauseMs * 2, longestProbeMs);
    this.#proven = false;
    this.#options.changed("open", detail);
    this.#probeLater();
  }

  #probeLater(): void {
    this.#cancelProbe = this.#options.timers.after(this.#pauseMs, () => void this.#probe());
  }

  async #probe(): Promise<void> {
    const trouble = await this.#options.probe().catch((error: unknown) => String(error));
    if (this.#ended) return;
    if (trouble !== null) {
      this.#pauseMs = Math.min(this.#pauseMs * 2, this.#options.longestProbeMs ?? 30_000);
      return this.#probeLater();
    }
    this.#state = "closed";
    this.#options.changed("closed", "the mail server answers");
  }
}
