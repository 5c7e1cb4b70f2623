// Execute: carries out the plan and decides nothing. Deliveries first, then auto-replies, then forwards. The final verdict of an
// effect is recorded in the ledger before the next effect begins. Deliveries and forwards send, then record (at least once);
// an auto-reply waits for its turn and is counted, then claims, then sends (at most once). What a port throws becomes a `delayed`
// verdict.

import { deliveryContent, draftContent, type OpenedMail } from "../compose/content.ts";
import { composeDraft, draftOctets } from "../compose/recipe.ts";
import { finalsOfPlan } from "../plan/shared-effect.ts";
import type { Deliver, Effect, EffectKey, Forward, Plan, Reply, Route, Serve, When } from "../plan/types.ts";
import { type Delayed, delayed, type Final, isFinal, type Verdict } from "../plan/verdict.ts";
import { err, ok, type Result } from "../result.ts";
import type { MailId } from "../ses/notice.ts";
import type { OutboundRow } from "../ses/outbound-row.ts";
import type { EpochMs } from "../time.ts";
import { awaitsSecondTry, type FirstRefusals, firstRefusal, isTooEarly, needsSecondTry } from "./known-mailbox.ts";
import { thrownEvent } from "./port-error.ts";
import type { JourneyPorts, Lease, MailTransaction, ReplyRow } from "./ports.ts";

type ExecutePorts = Pick<JourneyPorts, "ledger" | "courier" | "journal" | "clock" | "stop" | "budget" | "pause" | "mailboxes">;

/** What happened. `unrecorded`: the finals of the last transaction; close.ts records them together with the closing. */
export type Report = Readonly<{
  verdicts: ReadonlyMap<EffectKey, Verdict>;
  unrecorded: ReadonlyMap<EffectKey, Final>;
  /** Rows for the outbound table, for what left through SES. Written after its final is recorded. */
  outbound: readonly OutboundRow[];
  /** Another worker owns the mail now; this one must not send or record anything more. */
  fenced: boolean;
}>;

/** The report where there was nothing to do. */
export const nothingDone: Report = { verdicts: new Map(), unrecorded: new Map(), outbound: [], fenced: false };

/** A mail under its lease. */
type Held = Readonly<{ lease: Lease; firstRefusals: FirstRefusals }>;
type Carry = Extract<Plan, { readonly kind: "carry" }>;

const maxGroup = 50; // recipients of one transaction
const replyAttempts = 4; // of a reply that SES throttles, each with a new turn and a new claim
const refusalsAlone = 2; // equal refusals in a row, after which the others are not tried alone

/** Runs all effects that have no final yet. */
export async function execute(plan: Carry, held: Held, opened: OpenedMail, ports: ExecutePorts): Promise<Report> {
  const run = new Run(plan, held, opened, ports);
  const served = plan.courses.filter((course): course is Serve => course.kind === "serve");
  for (const group of groupDeliveries(run.due(served))) await run.deliver(group);
  for (const course of served) {
    for (const effect of course.effects) if (effect.kind === "reply") await run.reply(effect);
  }
  for (const course of served) {
    for (const effect of course.effects) if (effect.kind === "forward") await run.forward(effect);
  }
  return run.report();
}

type Delivery = Readonly<{ course: Serve; effect: Deliver }>;

/** Deliveries of the same octets from the same path go in one transaction. */
function groupDeliveries(deliveries: readonly Delivery[]): readonly (readonly Delivery[])[] {
  const groups = new Map<string, Delivery[][]>();
  for (const delivery of deliveries) {
    const alike = JSON.stringify([delivery.effect.from, delivery.effect.edits]);
    const list = groups.get(alike) ?? [];
    groups.set(alike, list);
    const last = list.at(-1);
    if (last && last.length < maxGroup) last.push(delivery);
    else list.push([delivery]);
  }
  return [...groups.values()].flat();
}

/** One execution: the verdicts so far, and the finals that are not recorded yet. */
class Run {
  readonly #verdicts = new Map<EffectKey, Verdict>();
  #unrecorded = new Map<EffectKey, Final>();
  readonly #outbound: OutboundRow[] = [];
  #fenced = false;
  readonly #mailId: MailId;
  readonly #lease: Lease;
  readonly #firstRefusals: FirstRefusals;
  readonly #opened: OpenedMail;
  readonly #ports: ExecutePorts;

  constructor({ mailId, courses }: Carry, { lease, firstRefusals }: Held, opened: OpenedMail, ports: ExecutePorts) {
    this.#mailId = mailId;
    this.#lease = lease;
    this.#firstRefusals = firstRefusals;
    this.#opened = opened;
    this.#ports = ports;
    for (const [key, final] of finalsOfPlan(courses, lease.finals)) this.#verdicts.set(key, final);
  }

  report(): Report {
    return { verdicts: this.#verdicts, unrecorded: this.#unrecorded, outbound: this.#outbound, fenced: this.#fenced };
  }

  /** The deliveries without a final that may be tried now. */
  due(served: readonly Serve[]): readonly Delivery[] {
    const all = served.flatMap((course) =>
      course.effects.flatMap((effect): Delivery[] =>
        effect.kind === "deliver" && !this.#verdicts.has(effect.key) ? [{ course, effect }] : [],
      ),
    );
    const now = this.#ports.clock.now();
    const early = all.filter(({ effect }) => isTooEarly(this.#firstRefusals.get(effect.key), now));
    this.#note("deliver", "mailbox", new Map(early.map(({ effect }) => [effect.key, awaitsSecondTry])));
    return all.filter((delivery) => !early.includes(delivery));
  }

  async deliver(group: readonly Delivery[]): Promise<void> {
    const verdicts = await this.#sendGroup(group);
    const refused = group.length > 1 ? group.filter(({ effect }) => refusesAll(verdicts.get(effect.key))) : [];
    const settled = group.filter((delivery) => !refused.includes(delivery));
    this.#noteDeliveries(settled, ({ effect }) => verdicts.get(effect.key) ?? noAnswer);
    await this.#deliverAlone(refused);
  }

  /**
   * One SMTP reply refused a whole transaction: its recipients are tried alone before that is final for them. The reason may lie
   * with one of them; when two in a row are refused alike, it lies with the mail, and the others get the same verdict.
   */
  async #deliverAlone(refused: readonly Delivery[]): Promise<void> {
    let alike: readonly Verdict[] = [];
    for (const [index, delivery] of refused.entries()) {
      const verdict = (await this.#sendGroup([delivery])).get(delivery.effect.key) ?? noAnswer;
      this.#noteDeliveries([delivery], () => verdict);
      alike = refusesAll(verdict) && isAlike(alike.at(-1), verdict) ? [...alike, verdict] : [verdict];
      if (alike.length === refusalsAlone) return this.#noteDeliveries(refused.slice(index + 1), () => verdict);
    }
  }

  #noteDeliveries(deliveries: readonly Delivery[], verdictOf: (delivery: Delivery) => Verdict): void {
    this.#note("deliver", "mailbox", new Map(deliveries.map((each) => [each.effect.key, this.#believed(each, verdictOf(each))])));
  }

  /** A known mailbox is believed to be gone only when the server has said so twice. */
  #believed({ course, effect }: Delivery, verdict: Verdict): Verdict {
    const { mailboxes, clock } = this.#ports;
    if (verdict.action === "delivered") mailboxes.tookMail(course.recipient);
    if (this.#firstRefusals.has(effect.key) || !needsSecondTry(verdict, course.recipient, course.row, mailboxes)) return verdict;
    this.#unrecorded.set(...firstRefusal(effect.key, clock.now(), verdict));
    return awaitsSecondTry;
  }

  async #sendGroup(group: readonly Delivery[]): Promise<ReadonlyMap<EffectKey, Verdict>> {
    const [first] = group;
    if (!first) return new Map();
    const content = deliveryContent(this.#opened, first.effect.edits);
    const recipients = group.map(({ course, effect }) => ({ address: course.recipient, key: effect.key }));
    return this.#transact("mailbox", { mailId: this.#mailId, from: first.effect.from, recipients, content });
  }

  async reply(effect: Reply): Promise<void> {
    if (this.#verdicts.has(effect.key)) return;
    const row: ReplyRow = {
      recipient: effect.mailbox,
      sender: effect.rememberAs,
      effect: effect.key,
      textHash: effect.textHash,
      mailId: this.#mailId,
      until: effect.rememberUntil,
    };
    const verdict = this.#whenSays(effect.when) ?? (await this.#withRoom(effect, () => this.#answer(effect, row)));
    this.#note("reply", effect.route, new Map([[effect.key, verdict]]));
  }

  /** What may wait comes before the claim, so that a worker that dies while it waits loses no reply. */
  async #answer(effect: Reply, row: ReplyRow): Promise<Verdict> {
    for (let attempt = 1; ; attempt++) {
      const notNow = await this.#whyNotNow(effect);
      if (notNow !== null) return notNow;
      const sent = await this.#claimAndReply(effect, row);
      if (sent.action !== "delayed" || sent.reason !== "throttled" || attempt === replyAttempts) return sent;
    }
  }

  /** Waits for the turn of a reply, then counts it. `null`: it may be sent. */
  async #whyNotNow({ key: effect, route, mailbox, limits }: Reply): Promise<Verdict | null> {
    const { courier, ledger, stop } = this.#ports;
    if (!(await this.#recordSoFar())) return stopped;
    const turn = await this.#guard(async () => (await courier.turn?.(route)) ?? "ready");
    if (!turn.ok) return turn.error;
    if (turn.value !== "ready") return turn.value;
    if (stop.stopped) return stopped;
    const counted = await this.#guard(() => ledger.countReply({ ...limits, mailbox, mailId: this.#mailId, effect }));
    if (!counted.ok) return counted.error;
    return counted.value === "exhausted" ? { action: "skipped", reason: "reply-limit" } : null;
  }

  async #claimAndReply(effect: Reply, row: ReplyRow): Promise<Verdict> {
    const claim = await this.#guard(() => this.#ports.ledger.claimReply(row));
    if (!claim.ok) return claim.error;
    if (claim.value === "answered") return { action: "skipped", reason: "already-answered" };
    if (claim.value === "in-doubt") return { action: "skipped", reason: "reply-in-doubt" };
    const sent = await this.#composeAndSend(effect, { hasTurn: true });
    if (isFinal(sent)) return sent;
    // Another attempt may send it only if it is certain that nothing was sent.
    if (sent.possibleDuplicate || sent.reason === "port-error") return { action: "skipped", reason: "reply-in-doubt" };
    const released = await this.#guard(() => this.#ports.ledger.releaseReply(row));
    return released.ok ? sent : { action: "skipped", reason: "reply-in-doubt" };
  }

  async forward(effect: Forward): Promise<void> {
    if (this.#verdicts.has(effect.key)) return;
    const verdict = this.#whenSays(effect.when) ?? (await this.#withRoom(effect, () => this.#composeAndSend(effect)));
    this.#note("forward", effect.route, new Map([[effect.key, verdict]]), effect.standIn);
  }

  /** The verdict of an effect that may not run now; `null`: it may. */
  #whenSays({ anyOf, needs, waitsUntil, notAfter }: When): Verdict | null {
    const now: EpochMs = this.#ports.clock.now();
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
  async #withRoom(effect: Forward | Reply, work: () => Promise<Verdict>): Promise<Verdict> {
    await this.#ports.pause();
    const octets = draftOctets(effect.recipe);
    if (!(await this.#ports.budget.take(octets))) return noRoom;
    try {
      return await work();
    } finally {
      this.#ports.budget.give(octets);
    }
  }

  async #composeAndSend(effect: Forward | Reply, more: Pick<MailTransaction, "hasTurn"> = {}): Promise<Verdict> {
    const content = draftContent(this.#opened, composeDraft(effect.recipe));
    const recipients = [{ address: effect.to, key: effect.key }];
    const verdicts = await this.#transact(effect.route, { mailId: this.#mailId, from: effect.from, recipients, content, ...more });
    const verdict = verdicts.get(effect.key) ?? noAnswer;
    if (verdict.action === "relayed" && effect.route === "ses") this.#outbound.push(outboundRow(effect, verdict.detail));
    return verdict;
  }

  /** Gives a transaction to the courier after the finals so far are recorded, unless work shall stop. */
  async #transact(route: Route, transaction: MailTransaction): Promise<ReadonlyMap<EffectKey, Verdict>> {
    const all = (verdict: Verdict) => new Map(transaction.recipients.map(({ key }) => [key, verdict]));
    if (!(await this.#recordSoFar())) return all(stopped);
    const sent = await this.#guard(() => this.#ports.courier.send(route, transaction));
    // A courier that threw may have sent the mail before.
    return sent.ok ? sent.value : all({ ...sent.error, possibleDuplicate: true });
  }

  /** Records the finals so far, so that a crash in the next transaction does not repeat them. */
  async #recordSoFar(): Promise<boolean> {
    if (this.#fenced || this.#ports.stop.stopped) return false;
    if (this.#unrecorded.size === 0) return true;
    const recorded = await this.#guard(() => this.#ports.ledger.record(this.#lease, this.#unrecorded, "hold"));
    if (!recorded.ok) return false;
    if (recorded.value === "recorded") this.#unrecorded = new Map();
    else this.#fenced = true;
    return recorded.value === "recorded";
  }

  /** The one place that catches what a port throws while an effect runs: it delays, and the journal notes it. */
  async #guard<T>(call: () => Promise<T>): Promise<Result<T, Delayed>> {
    try {
      return ok(await call());
    } catch (error) {
      const event = thrownEvent(error, this.#mailId);
      this.#ports.journal.note(event);
      return err(delayed("port-error", "mail", event.text));
    }
  }

  #note(effect: Effect["kind"], route: Route, verdicts: ReadonlyMap<EffectKey, Verdict>, standIn: Forward["standIn"] = null): void {
    for (const [key, verdict] of verdicts) {
      this.#verdicts.set(key, verdict);
      if (isFinal(verdict))
        this.#unrecorded.set(key, verdict.action === "relayed" && standIn !== null ? { ...verdict, standIn: true } : verdict);
      this.#ports.journal.note({ kind: "deed", mailId: this.#mailId, effect, key, route, verdict, ...(standIn !== null && { standIn }) });
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

const noAnswer: Verdict = delayed("protocol-error", "recipient", "the courier gave no verdict");
const stopped: Verdict = delayed("stopped", "mail", "not begun");
const noRoom: Verdict = delayed("no-room", "mail", "other mails use all of MAX_BYTES_IN_FLIGHT");

function refusesAll(verdict: Verdict | undefined): boolean {
  return verdict?.action === "failed" && verdict.scope === "mail";
}

function isAlike(before: Verdict | undefined, verdict: Verdict): boolean {
  return before?.action === "failed" && verdict.action === "failed" && before.status === verdict.status && before.reason === verdict.reason;
}
