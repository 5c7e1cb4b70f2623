// Pool: the sessions to one host and port. It opens sessions on demand up to a limit, serves waiters in order, probes idle
// sessions, and closes sessions that broke, refused RSET or are worn out.
// It knows no mail; courier.ts does.

import type { Opening, OpeningFailure } from "./open-session.ts";
import type { SmtpOptions } from "./options.ts";
import type { SmtpSession } from "./session.ts";
import type { Timers } from "./timers.ts";

/** The result of opening a session. `closed`: the pool was closed meanwhile. */
export type Opened = Opening | { readonly kind: "closed" };

/** The result of waiting for a session. `reused`: it was idle in the pool, so the server may have closed it. */
export type Acquired = Exclude<Opened, { readonly kind: "open" }> | Readonly<{ kind: "open"; session: SmtpSession; reused: boolean }>;

export type PoolGauge = Readonly<{ idle: number; busy: number }>;

type Idle = Readonly<{ session: SmtpSession; since: number }>;
type Waiter = (acquired: Acquired) => void;

export class SessionPool {
  readonly #open: (signal: AbortSignal) => Promise<Opening>;
  readonly #options: SmtpOptions;
  readonly #timers: Timers;
  #idle: Idle[] = []; // the last one was used most recently and is used first, so that surplus sessions reach the idle limit
  #busy = 0; // sessions that are being opened, used or reset
  readonly #used = new Set<SmtpSession>();
  #waiters: Waiter[] = [];
  /** Aborted when the pool closes: cancels the sessions that are being opened. */
  readonly #shutdown = new AbortController();
  #stopSweep: (() => void) | null = null;

  constructor(open: (signal: AbortSignal) => Promise<Opening>, options: SmtpOptions, timers: Timers) {
    this.#open = open;
    this.#options = options;
    this.#timers = timers;
  }

  /** Idle and busy sessions. A session that is being opened counts as busy. */
  get gauge(): PoolGauge {
    return { idle: this.#live().length, busy: this.#busy };
  }

  /** Waits for a session. The caller returns it with `release` or `renew`. */
  acquire(): Promise<Acquired> {
    if (this.#closed) return Promise.resolve({ kind: "closed" });
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
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
    const opening = await this.#open(this.#shutdown.signal);
    if (opening.kind === "failed") return new Promise((resolve) => this.#openingFailed(resolve, opening.failure));
    this.#used.add(opening.session);
    if (!this.#closed) return { ...opening, reused: false };
    this.release(opening.session);
    return { kind: "closed" };
  }

  /** Sends QUIT on every idle session, and on busy ones when they are returned. All waiters get `closed`. */
  async close(): Promise<void> {
    this.#shutdown.abort();
    this.#stopSweep?.();
    for (const waiter of this.#waiters.splice(0)) waiter({ kind: "closed" });
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

  /** Serves waiters while there are idle sessions or free places. */
  #serveWaiters(): void {
    while (this.#waiters.length > 0) {
      this.#idle = this.#live();
      const idle = this.#idle.pop();
      if (!idle && this.#busy >= this.#options.poolSize) return;
      const waiter = this.#waiters.shift();
      this.#busy++;
      if (waiter) void this.#serve(waiter, idle);
    }
  }

  async #serve(waiter: Waiter, idle: Idle | undefined): Promise<void> {
    if (idle) this.#used.add(idle.session);
    const isUsable = idle !== undefined && (await this.#isUsable(idle));
    if (idle && !isUsable) this.#used.delete(idle.session);
    const opening: Opening = idle && isUsable ? { kind: "open", session: idle.session } : await this.#open(this.#shutdown.signal);
    if (opening.kind === "failed") return this.#openingFailed(waiter, opening.failure);
    this.#used.add(opening.session);
    if (!this.#closed) return waiter({ ...opening, reused: isUsable });
    this.release(opening.session);
    waiter({ kind: "closed" });
  }

  /** Postfix counts RSET without a mail as a junk command (smtpd_junk_command_limit), so only long idle sessions are probed. */
  async #isUsable({ session, since }: Idle): Promise<boolean> {
    const idleMs = this.#timers.now() - since;
    if (idleMs > this.#options.idleLimitMs) await session.quit();
    else if (idleMs > this.#options.probeAfterMs) await session.reset(this.#options.probeTimeoutMs);
    return !session.dead;
  }

  /**
   * A session could not be opened. If other sessions exist, the server is up and limits connections: the waiter stays first
   * and gets the next free session. Otherwise all waiters get this failure, so that each does not wait for a dead host.
   */
  #openingFailed(waiter: Waiter, failure: OpeningFailure): void {
    this.#busy--;
    if (this.#closed) return void waiter({ kind: "closed" });
    const [working, idle] = [this.#busy > 0, this.#live().length > 0];
    if (working || idle) this.#waiters.unshift(waiter);
    if (idle) this.#serveWaiters();
    if (working || idle) return;
    for (const each of [waiter, ...this.#waiters.splice(0)]) each({ kind: "failed", failure });
  }

  async #finishUse(session: SmtpSession): Promise<void> {
    if (!session.dead && session.isWorn) await session.quit();
    if (!session.dead && session.needsReset && !(await session.reset())) session.close();
    if (!session.dead && this.#closed) await session.quit();
    this.#busy--;
    this.#used.delete(session);
    if (!session.dead) this.#addIdle(session);
  }

  /** Adds a session without a user to the idle ones, if the pool has a place for it. */
  #addUnused(session: SmtpSession): void {
    if (this.#busy + this.#live().length >= this.#options.poolSize) return void session.quit();
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
