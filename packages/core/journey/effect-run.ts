// Effect run: the state of one execution: the verdicts so far, and the finals that are not recorded yet. It has what every kind of
// effect needs: when it may run, the memory to compose it, the transaction, the record before the next one. It does not know
// the order of effects; execute.ts does. What a port throws becomes a `delayed` verdict here.

import { draftContent, type OpenedMail } from "../compose/content.ts";
import { composeDraft, draftOctets } from "../compose/recipe.ts";
import { finalsOfPlan } from "../plan/shared-effect.ts";
import type { Effect, EffectKey, Forward, Plan, Reply, Route, When } from "../plan/types.ts";
import { type Delayed, delayed, type Final, isFinal, type Verdict } from "../plan/verdict.ts";
import { err, ok, type Result } from "../result.ts";
import type { MailId } from "../ses/notice.ts";
import type { OutboundRow } from "../ses/outbound-row.ts";
import type { EpochMs } from "../time.ts";
import type { FirstRefusals } from "./known-mailbox.ts";
import { thrownEvent } from "./port-error.ts";
import type { JourneyPorts, Lease, MailTransaction } from "./ports.ts";

/** The ports that effects need. */
export type ExecutePorts = Pick<JourneyPorts, "ledger" | "courier" | "journal" | "clock" | "stop" | "budget" | "pause" | "mailboxes">;

/** A mail under its lease. */
export type Held = Readonly<{ lease: Lease; firstRefusals: FirstRefusals }>;

/** A plan that carries the mail to somebody. */
export type Carry = Extract<Plan, { readonly kind: "carry" }>;

/** What happened. `unrecorded`: the finals of the last transaction; close.ts records them together with the closing. */
export type Report = Readonly<{
  verdicts: ReadonlyMap<EffectKey, Verdict>;
  unrecorded: ReadonlyMap<EffectKey, Final>;
  /** Rows for the outbound table, for what left through SES. Written after its final is recorded. */
  outbound: readonly OutboundRow[];
  /** Another worker owns the mail now; this one must not send or record anything more. */
  fenced: boolean;
}>;

/** The verdict of an effect that was not begun, because the work on this mail must end. */
export const stopped: Verdict = delayed("stopped", "mail", "not begun");
/** The verdict for whom the courier named none. */
export const noAnswer: Verdict = delayed("protocol-error", "recipient", "the courier gave no verdict");
const noRoom: Verdict = delayed("no-room", "mail", "other mails use all of MAX_BYTES_IN_FLIGHT");

/** One execution of a plan. */
export class EffectRun {
  readonly mailId: MailId;
  readonly opened: OpenedMail;
  readonly ports: ExecutePorts;
  readonly firstRefusals: FirstRefusals;
  readonly #lease: Lease;
  readonly #verdicts: Map<EffectKey, Verdict>;
  #unrecorded = new Map<EffectKey, Final>();
  readonly #outbound: OutboundRow[] = [];
  #fenced = false;

  constructor({ mailId, courses }: Carry, { lease, firstRefusals }: Held, opened: OpenedMail, ports: ExecutePorts) {
    this.mailId = mailId;
    this.opened = opened;
    this.ports = ports;
    this.firstRefusals = firstRefusals;
    this.#lease = lease;
    this.#verdicts = new Map(finalsOfPlan(courses, lease.finals));
  }

  report(): Report {
    return { verdicts: this.#verdicts, unrecorded: this.#unrecorded, outbound: this.#outbound, fenced: this.#fenced };
  }

  /** Whether an effect has a verdict: of an earlier attempt, or of this one. */
  hasVerdict(key: EffectKey): boolean {
    return this.#verdicts.has(key);
  }

  /** The verdict of an effect that may not run now; `null`: it may. */
  whenSays({ anyOf, needs, waitsUntil, notAfter }: When): Verdict | null {
    const now: EpochMs = this.ports.clock.now();
    if (notAfter !== null && now >= notAfter) return { action: "skipped", reason: "too-late" };
    const deliveries = anyOf.map((key) => this.#verdicts.get(key));
    if (deliveries.some((delivery) => permits(delivery, needs))) return null;
    if (deliveries.some((delivery) => delivery === undefined || !isFinal(delivery))) {
      return waitsUntil !== null && now >= waitsUntil ? null : delayed("waits-for-delivery", "recipient", "its delivery is not final");
    }
    if (needs === "delivered") return { action: "skipped", reason: "not-delivered" };
    const skipped = deliveries.find((delivery) => delivery?.action === "skipped"); // blocked or dropped by an earlier visit
    return skipped ?? { action: "skipped", reason: "delivery-refused" };
  }

  /** Reserves the memory that composing takes. */
  async withRoom(effect: Forward | Reply, work: () => Promise<Verdict>): Promise<Verdict> {
    await this.ports.pause();
    const octets = draftOctets(effect.recipe);
    if (!(await this.ports.budget.take(octets))) return noRoom;
    try {
      return await work();
    } finally {
      this.ports.budget.give(octets);
    }
  }

  async composeAndSend(effect: Forward | Reply, more: Pick<MailTransaction, "hasTurn"> = {}): Promise<Verdict> {
    const content = draftContent(this.opened, composeDraft(effect.recipe));
    const recipients = [{ address: effect.to, key: effect.key }];
    const verdicts = await this.transact(effect.route, { mailId: this.mailId, from: effect.from, recipients, content, ...more });
    const verdict = verdicts.get(effect.key) ?? noAnswer;
    if (verdict.action === "relayed" && effect.route === "ses") this.#outbound.push(outboundRow(effect, verdict.detail));
    return verdict;
  }

  /** Gives a transaction to the courier after the finals so far are recorded, unless work shall stop. */
  async transact(route: Route, transaction: MailTransaction): Promise<ReadonlyMap<EffectKey, Verdict>> {
    const all = (verdict: Verdict) => new Map(transaction.recipients.map(({ key }) => [key, verdict]));
    if (!(await this.recordSoFar())) return all(stopped);
    const sent = await this.guard(() => this.ports.courier.send(route, transaction));
    // A courier that threw may have sent the mail before.
    return sent.ok ? sent.value : all({ ...sent.error, possibleDuplicate: true });
  }

  /** Records the finals so far, so that a crash in the next transaction does not repeat them. */
  async recordSoFar(): Promise<boolean> {
    if (this.#fenced || this.ports.stop.stopped) return false;
    if (this.#unrecorded.size === 0) return true;
    const recorded = await this.guard(() => this.ports.ledger.record(this.#lease, this.#unrecorded, "hold"));
    if (!recorded.ok) return false;
    if (recorded.value === "recorded") this.#unrecorded = new Map();
    else this.#fenced = true;
    return recorded.value === "recorded";
  }

  /** The one place that catches what a port throws while an effect runs: it delays, and the journal notes it. */
  async guard<T>(call: () => Promise<T>): Promise<Result<T, Delayed>> {
    try {
      return ok(await call());
    } catch (error) {
      const event = thrownEvent(error, this.mailId);
      this.ports.journal.note(event);
      return err(delayed("port-error", "mail", event.text));
    }
  }

  /** Records a final with the next ones, without a verdict of its own. */
  remember(key: EffectKey, final: Final): void {
    this.#unrecorded.set(key, final);
  }

  /** Keeps verdicts, and tells the journal of them. */
  note(effect: Effect["kind"], route: Route, verdicts: ReadonlyMap<EffectKey, Verdict>, standIn: Forward["standIn"] = null): void {
    for (const [key, verdict] of verdicts) {
      this.#verdicts.set(key, verdict);
      if (isFinal(verdict))
        this.#unrecorded.set(key, verdict.action === "relayed" && standIn !== null ? { ...verdict, standIn: true } : verdict);
      this.ports.journal.note({ kind: "deed", mailId: this.mailId, effect, key, route, verdict, ...(standIn !== null && { standIn }) });
    }
  }
}

/** The row by which a later bounce of this mail is recognised. `sesId`: the id that SES gave it. */
function outboundRow({ kind, from, to }: Forward | Reply, sesId: string): OutboundRow {
  return { MessageId: sesId, original_source: from ?? "", bouncedRecipients: [to], kind };
}

/** Whether a delivery that ended so lets a reply or forward run. */
function permits(delivery: Verdict | undefined, needs: When["needs"]): boolean {
  if (delivery === undefined || !isFinal(delivery)) return false;
  if (needs === "delivered") return delivery.action === "delivered";
  if (delivery.action === "failed") return delivery.reason !== "content-refused" && delivery.reason !== "policy-refused";
  return delivery.action !== "skipped";
}
