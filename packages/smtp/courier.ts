// Courier: takes mail to the mail server, by SMTP or LMTP, and brings back a verdict for each recipient. The routes
// "mailbox" and "internal" have a target each; equal targets share one pool.
// It sends nothing to Amazon SES, and it never tries a mail twice once MAIL was accepted: the queue does that.

import { type Address, addressKey, type MailTransaction, type Courier, type EffectKey, PortError, type Route, type Verdict } from "@sesame/core";
import { type Timers, wallTimers } from "./deadline.ts";
import type { Exchange } from "./exchange.ts";
import { openSession } from "./opening.ts";
import { checkTarget, type SmtpOptions, type SmtpTarget, smtpOptions } from "./options.ts";
import { type Path, pathOf, reversePathOf } from "./path.ts";
import { type Acquired, type Opened, type PoolGauge, SessionPool } from "./pool.ts";
import type { Capabilities, Envelope, SmtpSession } from "./session.ts";
import {
  addressUnsupported,
  needsSmtpUtf8,
  poolClosed,
  reversePathUnsupported,
  type Success,
  tooBig,
  verdictOfFailure,
  verdictsOf,
} from "./trouble.ts";

/** Where the two routes of this courier lead. */
export type SmtpTargets = Readonly<{ mailbox: SmtpTarget; internal: SmtpTarget }>;

/** Whether a server could take mail now. */
export type Reachability =
  | { readonly kind: "reachable"; readonly capabilities: Capabilities }
  | { readonly kind: "unreachable"; readonly verdict: Verdict };

type SmtpRoute = Exclude<Route, "ses">;
type Lane = Readonly<{ pool: SessionPool; success: Success }>;
/** One recipient as the server sees it. Several effects may share it: an LMTP server answers each RCPT (RFC 2033 §4.2). */
type Recipient = Readonly<{ path: string; needsUtf8: boolean; keys: readonly EffectKey[] }>;
type FitPath = Extract<Path, { readonly kind: "path" }>;
type SesVerdicts = Map<EffectKey, Verdict>;
type Held = Extract<Acquired, { readonly kind: "open" }>;
type Outcome = Readonly<{ exchange: Exchange }> | Readonly<{ verdict: Verdict }>;

export class SmtpCourier implements Courier {
  readonly #lanes: Readonly<Record<SmtpRoute, Lane>>;

  /** Opens no connection yet. Throws what configuration must never let through. */
  constructor(targets: SmtpTargets, options: Partial<SmtpOptions> = {}, timers: Timers = wallTimers) {
    const filled = smtpOptions(options);
    const poolTo = (target: SmtpTarget) => new SessionPool((signal) => openSession(target, filled, timers, signal), filled, timers);
    const mailbox = poolTo(checkTarget(targets.mailbox));
    const internal = isSame(targets.mailbox, checkTarget(targets.internal)) ? mailbox : poolTo(targets.internal);
    this.#lanes = { mailbox: { pool: mailbox, success: "delivered" }, internal: { pool: internal, success: "relayed" } };
  }

  /** A verdict for every recipient. Throws for the route "ses" only. */
  async send(route: Route, consignment: MailTransaction): Promise<ReadonlyMap<EffectKey, Verdict>> {
    const lane = this.#lane(route);
    const verdicts: SesVerdicts = new Map();
    const recipients = recipientsOf(consignment, verdicts);
    const from = reversePathOf(consignment.from);
    if (from.kind === "unfit") settleAll(verdicts, recipients, reversePathUnsupported(from.detail));
    else if (recipients.length > 0) await transact(lane, consignment, from, recipients, verdicts);
    return verdicts;
  }

  /** Opens a session, beyond all that are in use. For probing while the circuit is open, for readiness and the doctor. */
  async probe(route: Route): Promise<Reachability> {
    const acquired = await this.#lane(route).pool.ask();
    if (acquired.kind !== "open") return { kind: "unreachable", verdict: verdictOfRefusal(acquired) };
    return { kind: "reachable", capabilities: acquired.session.capabilities };
  }

  /** Sessions of all pools together. */
  get gauge(): PoolGauge {
    const gauges = this.#pools().map((pool) => pool.gauge);
    return { idle: gauges.reduce((sum, { idle }) => sum + idle, 0), busy: gauges.reduce((sum, { busy }) => sum + busy, 0) };
  }

  /** Says goodbye on all idle sessions; busy ones follow when their transaction ends. */
  async close(): Promise<void> {
    await Promise.all(this.#pools().map((pool) => pool.close()));
  }

  /** Ends all sessions at once, also in mid-mail. For a worker whose grace is over. */
  async abort(): Promise<void> {
    await Promise.all(this.#pools().map((pool) => pool.abort()));
  }

  #pools(): readonly SessionPool[] {
    return [...new Set([this.#lanes.mailbox.pool, this.#lanes.internal.pool])];
  }

  #lane(route: Route): Lane {
    if (route !== "ses") return this.#lanes[route];
    throw new PortError("Courier", "send", `Cannot send by SMTP as the route must be "mailbox" or "internal": current value is "ses"`);
  }
}

function isSame(one: SmtpTarget, other: SmtpTarget): boolean {
  return one.host === other.host && one.port === other.port && one.protocol === other.protocol;
}

/** The recipients that a command can name, each once; the others get their verdict before a socket sees them. */
function recipientsOf(consignment: MailTransaction, verdicts: SesVerdicts): readonly Recipient[] {
  const fit = new Map<string, { path: FitPath; keys: EffectKey[] }>();
  for (const { address, key } of consignment.recipients) {
    const path = pathOf(address);
    if (path.kind === "unfit") verdicts.set(key, addressUnsupported(path.detail));
    else remember(fit, address, path, key);
  }
  return [...fit.values()].map(({ path, keys }) => ({ path: path.path, needsUtf8: path.needsUtf8, keys }));
}

function remember(fit: Map<string, { path: FitPath; keys: EffectKey[] }>, address: Address, path: FitPath, key: EffectKey): void {
  const same = fit.get(addressKey(address));
  if (same) same.keys.push(key);
  else fit.set(addressKey(address), { path, keys: [key] });
}

/** Sends to those whom this server can take, and files every verdict. */
async function transact(
  lane: Lane,
  consignment: MailTransaction,
  from: FitPath,
  recipients: readonly Recipient[],
  verdicts: SesVerdicts,
): Promise<void> {
  const acquired = await lane.pool.acquire();
  if (acquired.kind !== "open") return settleAll(verdicts, recipients, verdictOfRefusal(acquired));
  const { session } = acquired;
  const refusal = refusedBySession(session, from, consignment.content.size);
  if (refusal) {
    lane.pool.release(session);
    return settleAll(verdicts, recipients, refusal);
  }
  const able = recipients.filter(({ needsUtf8 }) => !needsUtf8 || session.capabilities.smtpUtf8);
  for (const each of recipients) if (!able.includes(each)) settleAll(verdicts, [each], needsSmtpUtf8(each.path));
  if (able.length === 0) return lane.pool.release(session);
  const outcome = await exchangeOnce(lane, acquired, { from: from.path, recipients: able.map(({ path }) => path) }, consignment);
  if ("verdict" in outcome) return settleAll(verdicts, able, outcome.verdict);
  for (const [index, verdict] of verdictsOf(outcome.exchange, lane.success).entries())
    settleAll(verdicts, able.slice(index, index + 1), verdict);
}

/** What this server cannot take at all, known from its EHLO. */
function refusedBySession(session: SmtpSession, from: FitPath, size: number): Verdict | null {
  const { sizeLimit, smtpUtf8 } = session.capabilities;
  if (from.needsUtf8 && !smtpUtf8)
    return reversePathUnsupported(`the server does not offer SMTPUTF8, which the reverse-path ${JSON.stringify(from.path)} needs`);
  return sizeLimit !== null && size > sizeLimit ? tooBig(size, sizeLimit) : null;
}

/**
 * One exchange. A session that had waited in the pool and dies before MAIL was accepted says only that the server closed
 * it meanwhile: the mail goes out on a fresh one, and nothing of it can have arrived twice.
 */
async function exchangeOnce(lane: Lane, { session, rested }: Held, envelope: Envelope, { content }: MailTransaction): Promise<Outcome> {
  const first = await session.send(envelope, content);
  if (!(rested && isStale(first))) {
    lane.pool.release(session);
    return { exchange: first };
  }
  const renewed = await lane.pool.renew(session);
  if (renewed.kind !== "open") return { verdict: verdictOfRefusal(renewed) };
  const second = await renewed.session.send(envelope, content);
  lane.pool.release(renewed.session);
  return { exchange: second };
}

function isStale({ mail, ending }: Exchange): boolean {
  return (mail === null || mail.code === 421) && (ending.kind === "lost" || ending.kind === "silent" || ending.kind === "closing");
}

function verdictOfRefusal(acquired: Exclude<Opened, { readonly kind: "open" }>): Verdict {
  return acquired.kind === "closed" ? poolClosed() : verdictOfFailure(acquired.failure);
}

function settleAll(verdicts: SesVerdicts, recipients: readonly Recipient[], verdict: Verdict): void {
  for (const { keys } of recipients) for (const key of keys) verdicts.set(key, verdict);
}
