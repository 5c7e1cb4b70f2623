// Circuit of the mail server: while the server is unreachable or refuses us, no poller receives entries. So receive counts do
// not grow, and no mail gets closer to the dead-letter queue. It opens at the first verdict with scope "host", probes the
// server until it answers, and closes. A worker without mail probes too: it must not receive mail to find out. The window
// decides how fast work starts again.

import type { Courier, EffectKey, Verdict } from "@sesame/core";
import type { Timers } from "./timers.ts";

export type CircuitOptions = Readonly<{
  /** `null` if the server accepts mail now; else the reason why not. */
  probe(): Promise<string | null>;
  timers: Timers;
  /** Called at each change, for the log. */
  changed(state: CircuitState, detail: string): void;
  firstProbeMs?: number;
  longestProbeMs?: number;
  /** A server that showed nothing for so long is probed. */
  idleProbeMs?: number;
}>;

export type CircuitState = "closed" | "open";

export class Circuit {
  readonly #options: CircuitOptions;
  #state: CircuitState = "closed";
  #openings = 0;
  #probeDelayMs = 0;
  /** Whether the server gave a verdict about a mail since the circuit last opened. A successful probe is not enough. */
  #proven = true;
  #cancelProbe: () => void = () => {};
  #probeAt: number | null = null;
  #isProbing = false;
  #heardAt = Number.NEGATIVE_INFINITY;
  #isLooking = false;
  #ended = false;

  constructor(options: CircuitOptions) {
    this.#options = options;
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** How often the circuit has opened. A poller that sees a new number starts again with one mail. */
  get openings(): number {
    return this.#openings;
  }

  /** Whether the server was ever reached. */
  get reached(): boolean {
    return this.#heardAt > Number.NEGATIVE_INFINITY;
  }

  /** Milliseconds until the next probe of an open circuit; `null` if none waits. */
  get probeInMs(): number | null {
    return this.#probeAt === null ? null : Math.max(0, this.#probeAt - this.#options.timers.now());
  }

  /** Probes the server now if the circuit is open. False: it is not, or a probe is under way. */
  async probeNow(): Promise<boolean> {
    if (this.#state !== "open" || this.#ended || this.#isProbing) return false;
    this.#cancelProbe();
    await this.#probe();
    return true;
  }

  /** Probes the server if it has shown nothing for a while. Call it often. One probe at a time. */
  async lookIfQuiet(): Promise<void> {
    const { timers, probe, idleProbeMs = 20_000 } = this.#options;
    if (this.#isLooking || this.#state === "open" || this.#ended || timers.now() - this.#heardAt < idleProbeMs) return;
    this.#isLooking = true;
    const problem = await probe().catch((error: unknown) => String(error));
    this.#isLooking = false;
    if (problem === null) this.#heard();
    else this.#open(problem);
  }

  /** A courier whose mailbox verdicts are watched. Failures of the internal port or of SES do not open the circuit. */
  watch(courier: Courier): Required<Courier> {
    return {
      turn: async (route) => (await courier.turn?.(route)) ?? "ready",
      send: async (route, transaction) => {
        const verdicts = await courier.send(route, transaction);
        if (route === "mailbox") this.#inspect(verdicts);
        return verdicts;
      },
    };
  }

  /** Stops probing. The circuit stays as it is, also if a mail in work finds the server unreachable. */
  end(): void {
    this.#ended = true;
    this.#cancelProbe();
  }

  #heard(): void {
    this.#heardAt = this.#options.timers.now();
  }

  #inspect(verdicts: ReadonlyMap<EffectKey, Verdict>): void {
    for (const verdict of verdicts.values()) {
      if (verdict.action === "delayed" && verdict.scope === "host") this.#open(`${verdict.reason}: ${verdict.detail}`);
      else if (verdict.action !== "delayed" || verdict.scope === "recipient") {
        this.#proven = true;
        this.#heard();
      }
    }
  }

  #open(detail: string): void {
    if (this.#state === "open" || this.#ended) return;
    this.#state = "open";
    this.#openings++;
    const { firstProbeMs = 5_000, longestProbeMs = 30_000 } = this.#options;
    // Back off if the server accepts the probe and then refuses each mail: every closing of the circuit costs one attempt.
    this.#probeDelayMs = this.#proven ? firstProbeMs : Math.min(this.#probeDelayMs * 2, longestProbeMs);
    this.#proven = false;
    this.#options.changed("open", detail);
    this.#probeLater();
  }

  #probeLater(): void {
    this.#probeAt = this.#options.timers.now() + this.#probeDelayMs;
    this.#cancelProbe = this.#options.timers.after(this.#probeDelayMs, () => void this.#probe());
  }

  async #probe(): Promise<void> {
    this.#probeAt = null;
    this.#isProbing = true;
    const problem = await this.#options.probe().catch((error: unknown) => String(error));
    this.#isProbing = false;
    if (this.#ended) return;
    if (problem !== null) {
      this.#probeDelayMs = Math.min(this.#probeDelayMs * 2, this.#options.longestProbeMs ?? 30_000);
      return this.#probeLater();
    }
    this.#heard();
    this.#state = "closed";
    this.#options.changed("closed", "the mail server answers");
  }
}
