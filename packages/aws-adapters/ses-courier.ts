// SES courier: takes mail to Amazon SES, a request for each recipient, no faster than the account may. Only what SES
// throttled is tried again here, a few times; everything else goes back to the queue. After "not today" and "not this
// account" SES is left alone for some minutes. A mail is in memory whole while it is sent, and of the large ones only one.
// A stop ends every wait; a request that is under way is let answer.
// SES Developer Guide, "Errors related to the sending quotas for your Amazon SES account".

import { GetSendQuotaCommand } from "@aws-sdk/client-ses";
import { type Address, asciiAddress, type MailTransaction, type Content, type Courier, type EffectKey, PortError, type Route, type Stop, type Verdict } from "@sesame/core";
import { call } from "./call.ts";
import { SendRate, type SendTimers, untilStopped, wallTimers } from "./ses-rate.ts";
import { type Letter, type SesClients, sendOnce } from "./ses-send.ts";
import {
  addressUnsupported,
  largestMail,
  reversePathUnsupported,
  type SendEnd,
  sourceBroke,
  stopped,
  tooBig,
  turnTooFar,
  verdictOf,
} from "./ses-verdict.ts";

export type SesCourierOptions = SesClients &
  Readonly<{
    /** Recipients in a second; else what the account may. */
    maxRate?: number;
    /** Milliseconds for one request. Default 30 s, and 10 min for a mail of more than 10 MB, which SES takes slowly. */
    deadlineMs?: number;
    largeDeadlineMs?: number;
    timers?: SendTimers;
    /** Raised when the worker ends. Without it every wait lasts as long as it may. */
    stop?: Stop;
  }>;

const throttlePauses: readonly number[] = [1000, 2000, 4000]; // ms before each further try
const quotaDeadlineMs = 2000;
const lookMs = 250; // between looks for a stop
const restMs = { "quota-used-up": 600_000, "sending-off": 300_000 } as const; // AWS advises up to ten minutes

export class SesCourier implements Courier {
  readonly #options: Required<Omit<SesCourierOptions, "maxRate" | "stop">>;
  readonly #stop: Stop | null;
  readonly #rate: SendRate;
  readonly #abort = new AbortController();
  /** SES is not asked before that, and this is what it said. */
  #rest: Readonly<{ until: number; end: Refusal }> | null = null;
  #large: Promise<unknown> = Promise.resolve();

  constructor({ maxRate, stop, timers: given = wallTimers, ...options }: SesCourierOptions) {
    const timers = stop === undefined ? given : untilStopped(given, stop);
    this.#options = { deadlineMs: 30_000, largeDeadlineMs: 600_000, ...options, timers };
    this.#stop = stop ?? null;
    this.#rate = new SendRate({ ...(maxRate !== undefined && { perSecond: maxRate }), timers, readRate: () => this.#accountRate() });
  }

  /** A verdict for each recipient; `detail` of a relayed one is SES's id. Throws for other routes than "ses" only. */
  async send(route: Route, consignment: MailTransaction): Promise<ReadonlyMap<EffectKey, Verdict>> {
    if (route !== "ses") {
      const text = `Cannot send through SES as the route must be "ses": current value is ${JSON.stringify(route)}`;
      throw new PortError("Courier", "send", text);
    }
    const verdicts = new Map<EffectKey, Verdict>();
    for (const { address, key } of consignment.recipients) verdicts.set(key, await this.#carry(consignment, address));
    return verdicts;
  }

  /** Ends all requests at once. For a worker whose grace is over: what they did is in doubt then, and is recorded so. */
  abort(): void {
    this.#abort.abort();
  }

  #carry({ from, content }: MailTransaction, address: Address): Verdict | Promise<Verdict> {
    const [source, to] = [from === null ? null : asciiAddress(from), asciiAddress(address)];
    if (source === null) return reversePathUnsupported(from);
    if (to === null) return addressUnsupported(address);
    if (content.size > largestMail.v2) return tooBig(content.size);
    const dispatch = () => this.#dispatch(source, to, content);
    return content.size > largestMail.v1 ? this.#oneAtATime(dispatch) : dispatch();
  }

  /** The octets are collected when the turn has come, so that those who wait hold none. */
  async #dispatch(from: string, to: string, content: Content): Promise<Verdict> {
    let octets: Uint8Array | undefined;
    for (let attempt = 0; ; attempt++) {
      const turnedAway = await this.#turn();
      if (turnedAway !== null) return turnedAway;
      try {
        octets ??= await octetsOf(content);
      } catch (error) {
        return sourceBroke(error instanceof Error ? error.message : String(error));
      }
      const end = await this.#request({ from, to, octets });
      const pause = throttlePauses[attempt];
      if (end.kind === "sent" || end.trouble.kind !== "throttled" || pause === undefined) return verdictOf(end);
      this.#rate.drain();
      await this.#options.timers.sleep(pause * (0.5 + Math.random() / 2));
    }
  }

  async #request(letter: Letter): Promise<SendEnd> {
    const { deadlineMs, largeDeadlineMs } = this.#options;
    const clients = { ...this.#options, abort: this.#abort.signal };
    const small = letter.octets.length <= largestMail.v1 ? await sendOnce(letter, "v1", deadlineMs, clients) : null;
    // What v1 finds too large, however it counts, may fit into v2.
    const isDone = small !== null && (small.kind === "sent" || small.trouble.kind !== "mail-too-large");
    const end = isDone ? small : await sendOnce(letter, "v2", largeDeadlineMs, clients);
    if (end.kind === "trouble" && (end.trouble.kind === "quota-used-up" || end.trouble.kind === "sending-off"))
      this.#rest = { until: this.#options.timers.now() + restMs[end.trouble.kind], end };
    return end;
  }

  /** Waits until SES may be asked. A verdict: it may not for now. */
  async #turn(): Promise<Verdict | null> {
    const early = this.#stopped() ?? this.#resting();
    if (early !== null) return early;
    return (await this.#rate.take()) ? (this.#stopped() ?? this.#resting()) : turnTooFar();
  }

  #stopped(): Verdict | null {
    return this.#stop?.stopped || this.#abort.signal.aborted ? stopped() : null;
  }

  #resting(): Verdict | null {
    const seconds = this.#rest === null ? 0 : Math.ceil((this.#rest.until - this.#options.timers.now()) / 1000);
    return this.#rest === null || seconds <= 0 ? null : verdictOf(said(this.#rest.end, seconds));
  }

  async #oneAtATime(work: () => Promise<Verdict>): Promise<Verdict> {
    let hasBegun = false;
    const turn = this.#large.then(() => {
      hasBegun = true;
      return work();
    });
    this.#large = turn.catch(() => {});
    // Whoever stops waiting here begins nothing when his turn comes: a stop stays raised.
    while (this.#stop !== null && !hasBegun) {
      if (this.#stop.stopped) return stopped();
      await Promise.race([turn, this.#options.timers.sleep(lookMs)]);
    }
    return turn;
  }

  async #accountRate(): Promise<number> {
    const { ses, clock } = this.#options;
    const what = { port: "Courier", operation: "readRate", deadlineMs: quotaDeadlineMs, clock };
    const { MaxSendRate = 0 } = await call(what, (signal) => ses.send(new GetSendQuotaCommand({}), { abortSignal: signal }));
    return MaxSendRate;
  }
}

type Refusal = Extract<SendEnd, { readonly kind: "trouble" }>;

/** What SES said to an earlier mail, which holds for this one too. */
function said({ trouble }: Refusal, seconds: number): SendEnd {
  const text = `${trouble.text} (to an earlier mail; SES is asked again in ${seconds} s)`;
  return { kind: "trouble", trouble: { ...trouble, text }, certain: true };
}

/** The whole mail in one piece, which is what SES's API takes. */
async function octetsOf({ pieces, rest, size }: Content): Promise<Uint8Array> {
  const whole = new Uint8Array(size);
  let at = 0;
  const put = (piece: Uint8Array) => {
    if (at + piece.length > size) throw new Error(`the mail has more than its ${size} octets`);
    whole.set(piece, at);
    at += piece.length;
  };
  for (const piece of pieces) put(piece);
  if (rest !== null) for await (const piece of rest()) put(piece);
  if (at < size) throw new Error(`the mail ended after ${at} of ${size} octets`);
  return whole;
}
