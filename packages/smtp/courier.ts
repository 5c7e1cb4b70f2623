// Courier: sends mail to the mail server by SMTP or LMTP and returns a verdict for each recipient. The routes "mailbox" and
// "internal" have one target each; targets with the same port share one pool.
// It does not send to Amazon SES. It retries only what a session left without an answer; all other retries are the queue's.

import { type Courier, type EffectKey, type MailTransaction, PortError, type Route, type Verdict } from "@sesame/core";
import { Caution } from "./caution.ts";
import { carriedBy } from "./exchange.ts";
import { loadSignOf } from "./load-sign.ts";
import { meansOf, openSession } from "./open-session.ts";
import { checkTarget, type SmtpOptions, type SmtpTarget, smtpOptions } from "./options.ts";
import { type Acquired, type Opened, type PoolGauge, SessionPool } from "./pool.ts";
import type { Capabilities, SmtpSession } from "./session.ts";
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
import { type WireMaker, wireOf } from "./wire.ts";

/** The servers of the two SMTP routes. */
export type SmtpTargets = Readonly<{ mailbox: SmtpTarget; internal: SmtpTarget }>;

/** Whether a server is ready to accept mail now. */
export type Reachability =
  | { readonly kind: "reachable"; readonly capabilities: Capabilities }
  | { readonly kind: "unreachable"; readonly verdict: Verdict };

type SmtpRoute = Exclude<Route, "ses">;
type RoutePool = Readonly<{ pool: SessionPool; success: Success }>;
/** One recipient of the transaction. Several effects may share it, because an LMTP server answers each RCPT (RFC 2033 §4.2). */
type Recipient = Readonly<{ path: string; needsUtf8: boolean; keys: EffectKey[] }>;
type ValidPath = Extract<Path, { readonly kind: "path" }>;
type Verdicts = Map<EffectKey, Verdict>;
type AcquiredSession = Extract<Acquired, { readonly kind: "open" }>;
type Work = Readonly<{ transaction: MailTransaction; from: string; recipients: readonly Recipient[] }>;

export class SmtpCourier implements Courier {
  readonly #routePools: Readonly<Record<SmtpRoute, RoutePool>>;

  /** Opens no connection yet. Throws `TypeError` if a target or an option is invalid. */
  constructor(targets: SmtpTargets, options: Partial<SmtpOptions> = {}, timers: Timers = wallTimers, wireMaker: WireMaker = wireOf) {
    const filled = smtpOptions(options);
    const common = meansOf(timers, wireMaker);
    const poolTo = (target: SmtpTarget) => {
      const own = { ...filled, ...target.security };
      const means = { ...common, caution: new Caution(timers) };
      return new SessionPool((signal) => openSession(target, own, timers, signal, means), own, timers);
    };
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

  /** Sessions that all pools may have now: each adapts to what its server bears. */
  get sessionLimit(): number {
    return this.#pools().reduce((sum, { limit }) => sum + limit, 0);
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
  const valid = new Map<string, Recipient>();
  for (const { address, key } of transaction.recipients) {
    const path = pathOf(address);
    if (path.kind === "invalid") verdicts.set(key, addressUnsupported(path.detail));
    else addPath(valid, path, key);
  }
  return [...valid.values()];
}

function addPath(valid: Map<string, Recipient>, { path, key, needsUtf8 }: ValidPath, effect: EffectKey): void {
  const same = valid.get(key);
  if (same) same.keys.push(effect);
  else valid.set(key, { path, needsUtf8, keys: [effect] });
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
  const isSupported = ({ needsUtf8 }: Recipient) => !needsUtf8 || session.capabilities.smtpUtf8;
  const supported = recipients.every(isSupported) ? recipients : recipients.filter(isSupported);
  if (supported !== recipients) for (const each of recipients) if (!isSupported(each)) setVerdict(verdicts, each, needsSmtpUtf8(each.path));
  if (supported.length === 0) return routePool.pool.release(session);
  await exchangeAll(routePool, acquired, { transaction, from: from.path, recipients: supported }, verdicts);
}

/** The verdict if the EHLO answer shows that the server cannot accept this mail at all. */
function refusedBySession(session: SmtpSession, from: ValidPath, size: number): Verdict | null {
  const { sizeLimit, smtpUtf8 } = session.capabilities;
  if (from.needsUtf8 && !smtpUtf8)
    return reversePathUnsupported(`the server does not offer SMTPUTF8, which the reverse-path ${JSON.stringify(from.path)} needs`);
  return sizeLimit !== null && size > sizeLimit ? tooBig(size, sizeLimit) : null;
}

/**
 * Sends a mail to all recipients, over as many sessions as it takes. What a session leaves without an answer goes over a fresh
 * one at once, if the server cannot have the mail: so one bad session delays nobody. Each further session follows one that
 * answered somebody, or one that was idle before; so this ends.
 */
async function exchangeAll(routePool: RoutePool, first: AcquiredSession, work: Work, verdicts: Verdicts): Promise<void> {
  const { pool, success } = routePool;
  let acquired: Acquired = first;
  let pending = work.recipients;
  while (acquired.kind === "open") {
    const { session, reused } = acquired;
    const isCarriedOn = pending.length < work.recipients.length;
    const envelope = { from: work.from, recipients: pending.map(({ path }) => path), isCarriedOn };
    const { content } = work.transaction;
    const exchange = await session.send(envelope, content);
    pool.noteLoad(loadSignOf(exchange, content.size, session.answerMs, !reused));
    const found = verdictsOf(exchange, success, content.size);
    for (let index = 0; index < found.length; index++) setVerdict(verdicts, pending[index] as Recipient, found[index] as Verdict);
    if (exchange.dotSent) return pool.release(session); // nothing goes out a second time
    const left = new Set(session.hasWorked ? carriedBy(exchange) : []);
    pending = pending.filter((_, index) => left.has(index) || (reused && isStale(found[index])));
    if (pending.length === 0) return pool.release(session);
    acquired = await pool.renew(session, exchange.mail === null);
  }
  setVerdicts(verdicts, pending, verdictOfRefusal(acquired));
}

/** What a session that was idle says about the whole host is not believed, because the server may have closed it meanwhile. */
function isStale(verdict: Verdict | undefined): boolean {
  return verdict?.action === "delayed" && verdict.scope === "host";
}

function verdictOfRefusal(acquired: Exclude<Opened, { readonly kind: "open" }>): Verdict {
  return acquired.kind === "closed" ? poolClosed() : verdictOfFailure(acquired.failure);
}

function setVerdicts(verdicts: Verdicts, recipients: readonly Recipient[], verdict: Verdict): void {
  for (const recipient of recipients) setVerdict(verdicts, recipient, verdict);
}

function setVerdict(verdicts: Verdicts, { keys }: Recipient, verdict: Verdict): void {
  for (const key of keys) verdicts.set(key, verdict);
}
