// SES courier: sends mail through Amazon SES, one request for each recipient, not faster than the account's sending rate.
// Only a throttled send is retried here, a few times; everything else goes back to the queue. If the daily quota is used up
// or the account may not send, SES is not called for some minutes. A mail is in memory during its send; large mails are
// sent one at a time. A stop ends every wait; a running request may finish.
// SES Developer Guide, "Errors related to the sending quotas for your Amazon SES account".

import { GetSendQuotaCommand } from "@aws-sdk/client-ses";
import {
  type Address,
  type Content,
  type Courier,
  type Delayed,
  type EffectKey,
  type MailTransaction,
  PortError,
  type Route,
  type Stop,
  type Verdict,
} from "@sesame/core";
import { asciiAddress } from "@sesame/core/mail";
import { call } from "./call.ts";
import { SendRate, untilStopped } from "./ses-rate.ts";
import { type SesClients, type SesMail, sendOnce } from "./ses-send.ts";
import {
  addressUnsupported,
  contentUnreadable,
  largestMail,
  rateWaitTooLong,
  reversePathUnsupported,
  type SendResult,
  stopped,
  tooBig,
  verdictOf,
} from "./ses-verdict.ts";
import { type SendTimers, wallTimers } from "./timers.ts";

export type SesCourierOptions = SesClients &
  Readonly<{
    /** Recipients per second. Default: the sending rate of the account. */
    maxRate?: number;
    /** Milliseconds for one request. Default 30 s, and 10 min for a mail of more than 10 MB, which SES accepts slowly. */
    deadlineMs?: number;
    largeDeadlineMs?: number;
    timers?: SendTimers;
    /** Raised when the worker stops. Without it no wait ends early. */
    stop?: Stop;
  }>;

const throttleDelaysMs: readonly number[] = [1000, 2000, 4000]; // before each further attempt
const quotaDeadlineMs = 2000;
const stopCheckMs = 250; // interval of the checks for a stop
const suspensionMs = { "quota-used-up": 600_000, "sending-off": 300_000 } as const; // AWS advises up to ten minutes

export class SesCourier implements Courier {
  readonly #options: Required<Omit<SesCourierOptions, "maxRate" | "stop">>;
  readonly #stop: Stop | null;
  readonly #rate: SendRate;
  readonly #abort = new AbortController();
  /** SES is not called until then; `result` is its last answer. */
  #suspension: Readonly<{ until: number; result: Refusal }> | null = null;
  #large: Promise<unknown> = Promise.resolve();
  /** After a throttled send, turns wait until then; `times`: sends that were throttled in a row. */
  #calm: Readonly<{ until: number; times: number }> = { until: 0, times: 0 };

  constructor({ maxRate, stop, timers: given = wallTimers, ...options }: SesCourierOptions) {
    const timers = stop === undefined ? given : untilStopped(given, stop);
    this.#options = { deadlineMs: 30_000, largeDeadlineMs: 600_000, ...options, timers };
    this.#stop = stop ?? null;
    this.#rate = new SendRate({ ...(maxRate !== undefined && { perSecond: maxRate }), timers, readRate: () => this.#accountRate() });
  }

  /** Waits for the sending rate, so that `send` need not. */
  async turn(route: Route): Promise<"ready" | Delayed> {
    if (route !== "ses") throw wrongRoute("turn", route);
    const calmMs = this.#calm.until - this.#options.timers.now();
    if (calmMs > 0) await this.#options.timers.sleep(calmMs);
    return (await this.#waitForRate()) ?? "ready";
  }

  /** Returns a verdict for each recipient; `detail` of a relayed one is the SES id. Throws `PortError` only for another route. */
  async send(route: Route, transaction: MailTransaction): Promise<ReadonlyMap<EffectKey, Verdict>> {
    if (route !== "ses") throw wrongRoute("send", route);
    const verdicts = new Map<EffectKey, Verdict>();
    for (const { address, key } of transaction.recipients) verdicts.set(key, await this.#sendTo(transaction, address));
    return verdicts;
  }

  /** Ends all requests at once, when the shutdown time is over. Their verdicts are in doubt. */
  abort(): void {
    this.#abort.abort();
  }

  #sendTo({ from, content, hasTurn = false }: MailTransaction, address: Address): Verdict | Promise<Verdict> {
    const [source, to] = [from === null ? null : asciiAddress(from), asciiAddress(address)];
    if (source === null) return reversePathUnsupported(from);
    if (to === null) return addressUnsupported(address);
    if (content.size > largestMail.v2) return tooBig(content.size);
    const dispatch = () => this.#dispatch({ from: source, to, content, hasTurn });
    return content.size > largestMail.v1 ? this.#oneAtATime(dispatch) : dispatch();
  }

  /** Reads the content only when the send may begin, so that waiting mails hold no memory. */
  async #dispatch({ from, to, content, hasTurn }: Dispatch): Promise<Verdict> {
    let octets: Uint8Array | undefined;
    for (let attempt = 0; ; attempt++) {
      const refusal = hasTurn ? (this.#stopped() ?? this.#suspended()) : await this.#waitForRate();
      if (refusal !== null) return refusal;
      try {
        octets ??= await octetsOf(content);
      } catch (error) {
        return contentUnreadable(error instanceof Error ? error.message : String(error));
      }
      const result = await this.#request({ from, to, octets });
      const isThrottled = result.kind === "trouble" && result.trouble.kind === "throttled";
      if (isThrottled) this.#rate.drain();
      this.#calmAfter(isThrottled);
      const delayMs = throttleDelaysMs[attempt];
      // Who has a turn gives it back: the next one begins with a wait, in which nothing is claimed.
      if (!isThrottled || hasTurn || delayMs === undefined) return verdictOf(result);
      await this.#options.timers.sleep(delayMs * (0.5 + Math.random() / 2));
    }
  }

  #calmAfter(isThrottled: boolean): void {
    if (!isThrottled) this.#calm = { until: 0, times: 0 };
    else {
      const { times } = this.#calm;
      const delayMs = throttleDelaysMs[Math.min(times, throttleDelaysMs.length - 1)] ?? 0;
      this.#calm = { until: this.#options.timers.now() + delayMs * (0.5 + Math.random() / 2), times: times + 1 };
    }
  }

  async #request(mail: SesMail): Promise<SendResult> {
    const { deadlineMs, largeDeadlineMs } = this.#options;
    const clients = { ...this.#options, abort: this.#abort.signal };
    const small = mail.octets.length <= largestMail.v1 ? await sendOnce(mail, "v1", deadlineMs, clients) : null;
    // A mail that v1 finds too large may fit into v2.
    const isDone = small !== null && (small.kind === "sent" || small.trouble.kind !== "mail-too-large");
    const result = isDone ? small : await sendOnce(mail, "v2", largeDeadlineMs, clients);
    if (result.kind === "trouble" && (result.trouble.kind === "quota-used-up" || result.trouble.kind === "sending-off"))
      this.#suspension = { until: this.#options.timers.now() + suspensionMs[result.trouble.kind], result };
    return result;
  }

  /** Waits for the sending rate. Returns a verdict if SES must not be called now. */
  async #waitForRate(): Promise<Delayed | null> {
    const early = this.#stopped() ?? this.#suspended();
    if (early !== null) return early;
    return (await this.#rate.take()) ? (this.#stopped() ?? this.#suspended()) : rateWaitTooLong();
  }

  #stopped(): Delayed | null {
    return this.#stop?.stopped || this.#abort.signal.aborted ? stopped() : null;
  }

  #suspended(): Delayed | null {
    const seconds = this.#suspension === null ? 0 : Math.ceil((this.#suspension.until - this.#options.timers.now()) / 1000);
    return this.#suspension === null || seconds <= 0 ? null : repeatedRefusal(this.#suspension.result, seconds);
  }

  async #oneAtATime(work: () => Promise<Verdict>): Promise<Verdict> {
    let hasBegun = false;
    const turn = this.#large.then(() => {
      hasBegun = true;
      return work();
    });
    this.#large = turn.catch(() => {});
    // A caller that stops waiting here does not begin later, because a stop is never lowered.
    while (this.#stop !== null && !hasBegun) {
      if (this.#stop.stopped) return stopped();
      await Promise.race([turn, this.#options.timers.sleep(stopCheckMs)]);
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

type Dispatch = Readonly<{ from: string; to: string; content: Content; hasTurn: boolean }>;

function wrongRoute(operation: string, route: Route): PortError {
  return new PortError("Courier", operation, `Cannot send through SES: the route must be "ses", is ${JSON.stringify(route)}`);
}

type Refusal = Extract<SendResult, { readonly kind: "trouble" }>;

/** The refusal of an earlier mail, which holds for this mail too. */
function repeatedRefusal({ trouble }: Refusal, seconds: number): Delayed | null {
  const text = `${trouble.text}. SES said this about an earlier mail; it is called again in ${seconds} s`;
  const verdict = verdictOf({ kind: "trouble", trouble: { ...trouble, text }, certain: true });
  return verdict.action === "delayed" ? verdict : null; // no refusal of a mail suspends the others
}

/** The whole mail as one array, as SES's API needs it. */
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
