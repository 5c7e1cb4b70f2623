// Courier: sends mail to the mail server by SMTP or LMTP and returns a verdict for each recipient. The routes "mailbox" and
// "internal" have one target each; equal targets share one pool.
// It does not send to Amazon SES. It does not retry a mail after MAIL was accepted: the queue does that.

import {
  type Address,
  addressKey,
  type Courier,
  type EffectKey,
  type MailTransaction,
  PortError,
  type Route,
  type Verdict,
} from "@sesame/core";
import type { Exchange } from "./exchange.ts";
import { openSession } from "./open-session.ts";
import { checkTarget, type SmtpOptions, type SmtpTarget, smtpOptions } from "./options.ts";
import { type Acquired, type Opened, type PoolGauge, SessionPool } from "./pool.ts";
import type { Capabilities, Envelope, SmtpSession } from "./session.ts";
import { type Path, pathOf, reversePathOf } from "./smtp-path.ts";
import { type Timers, wallTimers } from "./timers.ts";
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

/** The servers of the two SMTP routes. */
export type SmtpTargets = Readonly<{ mailbox: SmtpTarget; internal: SmtpTarget }>;

/** Whether a server is ready to accept mail now. */
export type Reachability =
  | { readonly kind: "reachable"; readonly capabilities: Capabilities }
  | { readonly kind: "unreachable"; readonly verdict: Verdict };

type SmtpRoute = Exclude<Route, "ses">;
type RoutePool = Readonly<{ pool: SessionPool; success: Success }>;
/** One recipient of the transaction. Several effects may share it, because an LMTP server answers each RCPT (RFC 2033 §4.2). */
type Recipient = Readonly<{ path: string; needsUtf8: boolean; keys: readonly EffectKey[] }>;
type ValidPath = Extract<Path, { readonly kind: "path" }>;
type Verdicts = Map<EffectKey, Verdict>;
type AcquiredSession = Extract<Acquired, { readonly kind: "open" }>;
type Outcome = Readonly<{ exchange: Exchange }> | Readonly<{ verdict: Verdict }>;

export class SmtpCourier implements Courier {
  readonly #routePools: Readonly<Record<SmtpRoute, RoutePool>>;

  /** Opens no connection yet. Throws `TypeError` if a target or an option is invalid. */
  constructor(targets: SmtpTargets, options: Partial<SmtpOptions> = {}, timers: Timers = wallTimers) {
    const filled = smtpOptions(options);
    const poolTo = (target: SmtpTarget) => new SessionPool((signal) => openSession(target, filled, timers, signal), filled, timers);
    const mailbox = poolTo(checkTarget(targets.mailbox));
    const internal = isSame(targets.mailbox, checkTarget(targets.internal)) ? mailbox : poolTo(targets.internal);
    this.#routePools = { mailbox: { pool: mailbox, success: "delivered" }, internal: { pool: internal, success: "relayed" } };
  }

  /** Returns a verdict for every recipient. Throws `PortError` only for the route "ses". */
  async send(route: Route, transaction: MailTransaction): Promise<ReadonlyMap<EffectKey, Verdict>> {
    const routePool = this.#routePool(route);
    const verdicts: Verdicts = new Map();
    const recipients = recipientsOf(transaction, verdicts);
    const from = reversePathOf(transaction.from);
    if (from.kind === "invalid") setVerdicts(verdicts, recipients, reversePathUnsupported(from.detail));
    else if (recipients.length > 0) await transact(routePool, transaction, from, recipients, verdicts);
    return verdicts;
  }

  /** Opens an extra session, even if the pool is full. For circuit probes, the readiness check and `sesame check`. */
  async probe(route: Route): Promise<Reachability> {
    const acquired = await this.#routePool(route).pool.openForProbe();
    if (acquired.kind !== "open") return { kind: "unreachable", verdict: verdictOfRefusal(acquired) };
    return { kind: "reachable", capabilities: acquired.session.capabilities };
  }

  /** Idle and busy sessions of all pools. */
  get gauge(): PoolGauge {
    const gauges = this.#pools().map((pool) => pool.gauge);
    return { idle: gauges.reduce((sum, { idle }) => sum + idle, 0), busy: gauges.reduce((sum, { busy }) => sum + busy, 0) };
  }

  /** Sends QUIT on all idle sessions. A busy session gets its QUIT when its transaction ends. */
  async close(): Promise<void> {
    await Promise.all(this.#pools().map((pool) => pool.close()));
  }

  /** Closes all connections at once, even during a transaction. For a worker whose shutdown time is over. */
  async abort(): Promise<void> {
    await Promise.all(this.#pools().map((pool) => pool.abort()));
  }

  #pools(): readonly SessionPool[] {
    return [...new Set([this.#routePools.mailbox.pool, this.#routePools.internal.pool])];
  }

  #routePool(route: Route): RoutePool {
    if (route !== "ses") return this.#routePools[route];
    throw new PortError("Courier", "send", `Cannot send by SMTP: the route must be "mailbox" or "internal", is "ses"`);
  }
}

function isSame(one: SmtpTarget, other: SmtpTarget): boolean {
  return one.host === other.host && one.port === other.port && one.protocol === other.protocol;
}

/** Groups the recipients by address. A recipient with an invalid address gets its verdict here, before any command is sent. */
function recipientsOf(transaction: MailTransaction, verdicts: Verdicts): readonly Recipient[] {
  const valid = new Map<string, { path: ValidPath; keys: EffectKey[] }>();
  for (const { address, key } of transaction.recipients) {
    const path = pathOf(address);
    if (path.kind === "invalid") verdicts.set(key, addressUnsupported(path.detail));
    else addPath(valid, address, path, key);
  }
  return [...valid.values()].map(({ path, keys }) => ({ path: path.path, needsUtf8: path.needsUtf8, keys }));
}

function addPath(valid: Map<string, { path: ValidPath; keys: EffectKey[] }>, address: Address, path: ValidPath, key: EffectKey): void {
  const same = valid.get(addressKey(address));
  if (same) same.keys.push(key);
  else valid.set(addressKey(address), { path, keys: [key] });
}

/** Sends to all recipients that this server supports, and stores every verdict. */
async function transact(
  routePool: RoutePool,
  transaction: MailTransaction,
  from: ValidPath,
  recipients: readonly Recipient[],
  verdicts: Verdicts,
): Promise<void> {
  const acquired = await routePool.pool.acquire();
  if (acquired.kind !== "open") return setVerdicts(verdicts, recipients, verdictOfRefusal(acquired));
  const { session } = acquired;
  const refusal = refusedBySession(session, from, transaction.content.size);
  if (refusal) {
    routePool.pool.release(session);
    return setVerdicts(verdicts, recipients, refusal);
  }
  const supported = recipients.filter(({ needsUtf8 }) => !needsUtf8 || session.capabilities.smtpUtf8);
  for (const each of recipients) if (!supported.includes(each)) setVerdicts(verdicts, [each], needsSmtpUtf8(each.path));
  if (supported.length === 0) return routePool.pool.release(session);
  const outcome = await exchangeOnce(routePool, acquired, { from: from.path, recipients: supported.map(({ path }) => path) }, transaction);
  if ("verdict" in outcome) return setVerdicts(verdicts, supported, outcome.verdict);
  for (const [index, verdict] of verdictsOf(outcome.exchange, routePool.success).entries())
    setVerdicts(verdicts, supported.slice(index, index + 1), verdict);
}

/** The verdict if the EHLO answer shows that the server cannot accept this mail at all. */
function refusedBySession(session: SmtpSession, from: ValidPath, size: number): Verdict | null {
  const { sizeLimit, smtpUtf8 } = session.capabilities;
  if (from.needsUtf8 && !smtpUtf8)
    return reversePathUnsupported(`the server does not offer SMTPUTF8, which the reverse-path ${JSON.stringify(from.path)} needs`);
  return sizeLimit !== null && size > sizeLimit ? tooBig(size, sizeLimit) : null;
}

/**
 * Runs one transaction. If a reused session breaks before MAIL is accepted, the server had closed the idle connection: the
 * mail is sent again over a fresh session. The server cannot have received it, so this makes no duplicate.
 */
async function exchangeOnce(
  routePool: RoutePool,
  { session, reused }: AcquiredSession,
  envelope: Envelope,
  { content }: MailTransaction,
): Promise<Outcome> {
  const first = await session.send(envelope, content);
  if (!(reused && isStale(first))) {
    routePool.pool.release(session);
    return { exchange: first };
  }
  const renewed = await routePool.pool.renew(session);
  if (renewed.kind !== "open") return { verdict: verdictOfRefusal(renewed) };
  const second = await renewed.session.send(envelope, content);
  routePool.pool.release(renewed.session);
  return { exchange: second };
}

function isStale({ mail, ending }: Exchange): boolean {
  return (mail === null || mail.code === 421) && (ending.kind === "lost" || ending.kind === "timeout" || ending.kind === "closing");
}

function verdictOfRefusal(acquired: Exclude<Opened, { readonly kind: "open" }>): Verdict {
  return acquired.kind === "closed" ? poolClosed() : verdictOfFailure(acquired.failure);
}

function setVerdicts(verdicts: Verdicts, recipients: readonly Recipient[], verdict: Verdict): void {
  for (const { keys } of recipients) for (const key of keys) verdicts.set(key, verdict);
}
