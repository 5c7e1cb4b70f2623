// Pool: the sessions to one host and port. It opens sessions on demand up to a limit that adapts to the server, serves waiters
// in order, probes idle sessions, and closes sessions that broke, refused RSET, are worn out or above the limit.
// It knows no mail; courier.ts does. session-limit.ts says how many sessions there may be.

import type { LoadSign } from "./load-sign.ts";
import type { Opening, OpeningFailure } from "./open-session.ts";
import type { SmtpOptions } from "./options.ts";
import type { SmtpSession } from "./session.ts";
import { SessionLimit } from "./session-limit.ts";
import type { Timers } from "./timers.ts";

/** The result of opening a session. `closed`: the pool was closed meanwhile. */
export type Opened = Opening | { readonly kind: "closed" };

/** The result of waiting for a session. `reused`: it was idle in the pool, so the server may have closed it. */
export type Acquired = Exclude<Opened, { readonly kind: "open" }> | Readonly<{ kind: "open"; session: SmtpSession; reused: boolean }>;

export type PoolGauge = Readonly<{ idle: number; busy: number }>;

type Idle = Readonly<{ session: SmtpSession; since: number }>;
type Waiter = Readonly<{ resolve: (acquired: Acquired) => void; since: number }>;

const stallMs = 100; // a timer that is later than this shows that this process had no time to read a greeting
const patienceMs = 1_000; // of a mail that waits; and the pause after a session was refused

export class SessionPool {
  readonly #open: (signal: AbortSignal) => Promise<Opening>;
  readonly #options: SmtpOptions;
  readonly #timers: Timers;
  readonly #limit: SessionLimit;
  #idle: Idle[] = []; // the last one was used most recently and is used first, so that surplus sessions reach the idle limit
  #busy = 0; // sessions that are used, reset or ended
  #leaving = 0; // of these: sessions that are ended
  readonly #used = new Set<SmtpSession>();
  /** Sessions that are being opened: each serves the waiter who is first when it is open. */
  readonly #openings = new Set<AbortController>();
  #renewals = 0; // sessions that are being opened for one mail
  #waiters: Waiter[] = [];
  #refusedUntil = Number.NEGATIVE_INFINITY;
  /** Aborted when the pool closes: cancels the sessions that are being opened. */
  readonly #shutdown = new AbortController();
  #stopSweep: (() => void) | null = null;
  #stopNudge: (() => void) | null = null;

  constructor(open: (signal: AbortSignal) => Promise<Opening>, options: SmtpOptions, timers: Timers) {
    this.#open = open;
    this.#options = options;
    this.#timers = timers;
    this.#limit = new SessionLimit(options, timers);
  }

  /** Idle and busy sessions. A session that is being opened counts as busy. */
  get gauge(): PoolGauge {
    return { idle: this.#live().length, busy: this.#busy + this.#openings.size + this.#renewals };
  }

  /** Sessions that there may be now. */
  get limit(): number {
    return this.#limit.current;
  }

  /** Waits for a session. The caller returns it with `release` or `renew`. */
  acquire(): Promise<Acquired> {
    if (this.#closed) return Promise.resolve({ kind: "closed" });
    return new Promise((resolve) => {
      this.#waiters.push({ resolve, since: this.#timers.now() });
      this.#serveWaiters();
    });
  }

  /** Opens an extra session without waiting, because a probe must not wait behind mails that hang. The caller does not return it. */
  async openForProbe(): Promise<Opened> {
    const opening = await this.#open(this.#shutdown.signal);
    if (this.#closed && opening.kind === "open") void opening.session.quit();
    if (this.#closed) return { kind: "closed" };
    if (opening.kind === "open") this.#addUnused(opening.session);
    return opening;
  }

  /** Takes what a transaction said about the load of the server. To be called before its session is returned. */
  noteLoad(sign: LoadSign): void {
    const open = this.#greeted();
    const isFull = this.#waiters.length > 0 && this.#openings.size === 0 && open >= this.#limit.current;
    this.#limit.take(sign, open, isFull);
    this.#dropSurplus();
  }

  /** Takes a session back. Its place becomes free after RSET or QUIT, if it needs one. */
  release(session: SmtpSession): void {
    void this.#finishUse(session).then(() => this.#serveWaiters());
  }

  /**
   * Replaces a session by a fresh one in the same place. If none can be opened and others work, waits for one of those.
   * `andIdle`: also closes the idle sessions, because a server that was restarted has broken them as well.
   */
  async renew(session: SmtpSession, andIdle: boolean): Promise<Acquired> {
    void session.quit();
    if (andIdle) void this.#dropIdle(() => true);
    this.#used.delete(session);
    this.#busy--;
    this.#renewals++;
    const opening = await this.#open(this.#shutdown.signal);
    this.#renewals--;
    if (opening.kind === "failed")
      return new Promise((resolve) => this.#openingFailed({ resolve, since: this.#timers.now() }, opening.failure));
    this.#use(opening.session);
    if (!this.#closed) return { ...opening, reused: false };
    this.release(opening.session);
    return { kind: "closed" };
  }

  /** Sends QUIT on every idle session, and on busy ones when they are returned. All waiters get `closed`. */
  async close(): Promise<void> {
    this.#shutdown.abort();
    for (const opening of this.#openings) opening.abort();
    this.#stopSweep?.();
    this.#stopNudge?.();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ kind: "closed" });
    await this.#dropIdle(() => true);
  }

  /** Closes every connection at once, even during a transaction, whose verdict is then that of a lost session. */
  async abort(): Promise<void> {
    for (const session of this.#used) session.close();
    await this.close();
  }

  get #closed(): boolean {
    return this.#shutdown.signal.aborted;
  }

  /** Sessions that the server has greeted. */
  #greeted(): number {
    return this.#busy + this.#live().length;
  }

  #total(): number {
    return this.#greeted() + this.#openings.size + this.#renewals;
  }

  /** Sessions above the limit that nothing ends yet. */
  #surplus(): number {
    return this.#total() - this.#leaving - this.#limit.current;
  }

  /** Gives idle sessions to waiters, and opens a session for each of the others if there is a place for it. */
  #serveWaiters(): void {
    if (this.#closed) return;
    this.#idle = this.#live();
    while (this.#waiters.length > 0) {
      const idle = this.#idle.pop();
      if (!idle) break;
      this.#use(idle.session);
      void this.#serveIdle(this.#waiters.shift() as Waiter, idle);
    }
    while (this.#openings.size < this.#waiters.length && this.#mayOpen()) void this.#openOne();
    this.#nudgeLater();
  }

  #mayOpen(): boolean {
    const total = this.#total();
    return total === 0 || (total < this.#limit.current && this.#timers.now() >= this.#refusedUntil);
  }

  async #serveIdle(waiter: Waiter, idle: Idle): Promise<void> {
    if (await this.#isUsable(idle)) return waiter.resolve({ kind: "open", session: idle.session, reused: true });
    this.#used.delete(idle.session);
    this.#busy--;
    if (this.#closed) return waiter.resolve({ kind: "closed" });
    this.#waiters.unshift(waiter);
    this.#serveWaiters();
  }

  /** Opens a session for whoever is first when it is open: its waiter may get another session meanwhile. */
  async #openOne(): Promise<void> {
    const cancel = new AbortController();
    this.#openings.add(cancel);
    const begun = this.#timers.now();
    const stopWatch = this.#watchOpening();
    const opening = await this.#open(cancel.signal);
    stopWatch();
    this.#openings.delete(cancel);
    if (cancel.signal.aborted) {
      if (opening.kind === "open") void opening.session.quit();
      return this.#serveWaiters();
    }
    if (opening.kind === "failed") return this.#openingFailed(null, opening.failure);
    this.#limit.opened(this.#timers.now() - begun);
    this.#addOpened(opening.session);
  }

  #addOpened(session: SmtpSession): void {
    const waiter = this.#waiters.shift();
    if (!waiter) {
      this.#addUnused(session);
      return;
    }
    this.#use(session);
    waiter.resolve({ kind: "open", session, reused: false });
    this.#serveWaiters();
  }

  /** Waits until an opening is slow. Returns a function that ends the wait. */
  #watchOpening(): () => void {
    const slowMs = this.#limit.slowOpeningMs;
    if (slowMs === null) return () => {};
    const dueAt = this.#timers.now() + slowMs;
    let stop = this.#timers.after(slowMs, () => {
      if (this.#timers.now() - dueAt > stallMs) stop = this.#watchOpening();
      else this.#openedSlowly();
    });
    return () => stop();
  }

  #openedSlowly(): void {
    this.#limit.openedSlowly(this.#greeted());
    this.#dropSurplus();
  }

  /** Postfix counts RSET without a mail as a junk command (smtpd_junk_command_limit), so only long idle sessions are probed. */
  async #isUsable({ session, since }: Idle): Promise<boolean> {
    const idleMs = this.#timers.now() - since;
    if (idleMs > this.#options.idleLimitMs) await session.quit();
    else if (idleMs > this.#options.probeAfterMs) await session.reset(this.#options.probeTimeoutMs);
    return !session.dead;
  }

  /**
   * A session could not be opened. If other sessions exist, the server is up and limits connections: the waiters get the
   * next free session. Otherwise all waiters get this failure, so that each does not wait for a dead host.
   * `waiter`: who needed a fresh session, and is first from now on.
   */
  #openingFailed(waiter: Waiter | null, failure: OpeningFailure): void {
    if (this.#closed) return void waiter?.resolve({ kind: "closed" });
    if (waiter) this.#waiters.unshift(waiter);
    if (this.#total() === 0) {
      this.#limit.unreachable();
      for (const each of this.#waiters.splice(0)) each.resolve({ kind: "failed", failure });
      return;
    }
    this.#limit.refused(this.#greeted());
    this.#refusedUntil = this.#timers.now() + patienceMs;
    this.#dropSurplus();
    this.#serveWaiters();
  }

  #use(session: SmtpSession): void {
    this.#busy++;
    this.#used.add(session);
  }

  async #finishUse(session: SmtpSession): Promise<void> {
    if (!session.dead && (session.isWorn || this.#surplus() > 0)) await this.#leave(session);
    if (!session.dead && session.needsReset && !(await session.reset())) session.close();
    if (!session.dead && this.#closed) await session.quit();
    this.#busy--;
    this.#used.delete(session);
    if (!session.dead) this.#addIdle(session);
  }

  async #leave(session: SmtpSession): Promise<void> {
    this.#leaving++;
    await session.quit();
    this.#leaving--;
  }

  /** Adds a session without a user to the idle ones, if the pool has a place for it. */
  #addUnused(session: SmtpSession): void {
    if (this.#total() >= this.#limit.current) return void session.quit();
    this.#addIdle(session);
    this.#serveWaiters();
  }

  #addIdle(session: SmtpSession): void {
    this.#idle.push({ session, since: this.#timers.now() });
    this.#sweepLater();
  }

  #live(): Idle[] {
    return this.#idle.filter(({ session }) => !session.dead);
  }

  /** Gives up what is above the limit: first what is not open yet, then what is idle. Busy sessions end when they are returned. */
  #dropSurplus(): void {
    let surplus = this.#surplus();
    if (surplus <= 0) return;
    for (const opening of [...this.#openings].slice(-surplus)) {
      this.#openings.delete(opening);
      opening.abort();
      surplus--;
    }
    const dropped = new Set(this.#live().slice(0, Math.max(0, surplus)));
    void this.#dropIdle((idle) => dropped.has(idle));
  }

  /** A mail that waits for long, because others take their time, lets the pool grow too. */
  #nudgeLater(): void {
    if (this.#stopNudge || this.#waiters.length === 0) return;
    this.#stopNudge = this.#timers.after(patienceMs, () => {
      this.#stopNudge = null;
      const [first] = this.#waiters;
      const hasWaited = first !== undefined && this.#timers.now() - first.since >= patienceMs;
      if (hasWaited && this.#openings.size === 0 && this.#greeted() >= this.#limit.current) this.#limit.waited();
      this.#serveWaiters();
    });
  }

  #sweepLater(): void {
    const oldest = this.#idle[0];
    if (!oldest || this.#stopSweep) return;
    const dueMs = Math.max(0, oldest.since + this.#options.idleLimitMs - this.#timers.now());
    this.#stopSweep = this.#timers.after(dueMs, () => {
      this.#stopSweep = null;
      void this.#dropIdle(({ since }) => this.#timers.now() - since >= this.#options.idleLimitMs);
      this.#sweepLater();
    });
  }

  #dropIdle(which: (idle: Idle) => boolean): Promise<unknown> {
    const dropped = this.#live().filter(which);
    this.#idle = this.#live().filter((idle) => !which(idle));
    return Promise.all(dropped.map(({ session }) => session.quit()));
  }
}
