// Pool: the sessions to one host and port. Opens them when they are needed and at most so many, serves who waits in
// order, probes what was idle, and keeps no session that broke, refused RSET or grew old.
// It knows nothing of mails; courier.ts does.

import type { Timers } from "./deadline.ts";
import type { Opening, OpeningFailure } from "./opening.ts";
import type { SmtpOptions } from "./options.ts";
import type { SmtpSession } from "./session.ts";

/** What came of opening a session; `closed`: the pool was, so nobody wants it any more. */
export type Opened = Opening | { readonly kind: "closed" };

/** What came of waiting for a session. `rested`: it waited in the pool, where the server may have closed it. */
export type Acquired = Exclude<Opened, { readonly kind: "open" }> | Readonly<{ kind: "open"; session: SmtpSession; rested: boolean }>;

export type PoolGauge = Readonly<{ idle: number; busy: number }>;

type Idle = Readonly<{ session: SmtpSession; since: number }>;
type Waiter = (acquired: Acquired) => void;

export class SessionPool {
  readonly #open: (signal: AbortSignal) => Promise<Opening>;
  readonly #options: SmtpOptions;
  readonly #timers: Timers;
  #idle: Idle[] = []; // the one used last stands last and is used first, so that a surplus grows old
  #taken = 0; // sessions being opened, used or reset
  readonly #used = new Set<SmtpSession>();
  #waiters: Waiter[] = [];
  /** Raised by the end of the pool: openings under way are given up. */
  readonly #end = new AbortController();
  #stopSweep: (() => void) | null = null;

  constructor(open: (signal: AbortSignal) => Promise<Opening>, options: SmtpOptions, timers: Timers) {
    this.#open = open;
    this.#options = options;
    this.#timers = timers;
  }

  /** Idle and busy sessions; one that is being opened is busy. */
  get gauge(): PoolGauge {
    return { idle: this.#living().length, busy: this.#taken };
  }

  /** Waits for a session. Whoever gets one gives it back with `release` or `renew`. */
  acquire(): Promise<Acquired> {
    if (this.#closed) return Promise.resolve({ kind: "closed" });
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      this.#pump();
    });
  }

  /** A session of its own, for a question: whoever asks cannot stand in line behind mails that hang. Nobody gives it back. */
  async ask(): Promise<Opened> {
    const opening = await this.#open(this.#end.signal);
    if (this.#closed && opening.kind === "open") void opening.session.quit();
    if (this.#closed) return { kind: "closed" };
    if (opening.kind === "open") this.#keep(opening.session);
    return opening;
  }

  /** Takes a session back. What it owes the server (RSET, QUIT) is done before its place is free. */
  release(session: SmtpSession): void {
    void this.#settle(session).then(() => this.#pump());
  }

  /**
   * Exchanges a session that proved stale for a fresh one, in the same place. The idle ones go too: if the server was
   * restarted, they are as dead.
   */
  async renew(stale: SmtpSession): Promise<Opened> {
    stale.close();
    void this.#dropIdle(() => true);
    this.#used.delete(stale);
    const opening = await this.#open(this.#end.signal);
    if (opening.kind === "failed") {
      this.#taken--;
      this.#pump();
    } else this.#used.add(opening.session);
    if (!this.#closed) return opening;
    if (opening.kind === "open") this.release(opening.session);
    return { kind: "closed" };
  }

  /** Says goodbye on every idle session, and on busy ones when they come back. Who waits is told, for an opening too. */
  async close(): Promise<void> {
    this.#end.abort();
    this.#stopSweep?.();
    for (const waiter of this.#waiters.splice(0)) waiter({ kind: "closed" });
    await this.#dropIdle(() => true);
  }

  /** Ends every session at once, also in mid-mail: whoever used one gets the verdict of a lost session. */
  async abort(): Promise<void> {
    for (const session of this.#used) session.close();
    await this.close();
  }

  get #closed(): boolean {
    return this.#end.signal.aborted;
  }

  /** Serves waiters as long as there are sessions, or places for them. */
  #pump(): void {
    while (this.#waiters.length > 0) {
      this.#idle = this.#living();
      const idle = this.#idle.pop();
      if (!idle && this.#taken >= this.#options.poolSize) return;
      const waiter = this.#waiters.shift();
      this.#taken++;
      if (waiter) void this.#serve(waiter, idle);
    }
  }

  async #serve(waiter: Waiter, idle: Idle | undefined): Promise<void> {
    if (idle) this.#used.add(idle.session);
    const isFit = idle !== undefined && (await this.#isFit(idle));
    if (idle && !isFit) this.#used.delete(idle.session);
    const opening: Opening = idle && isFit ? { kind: "open", session: idle.session } : await this.#open(this.#end.signal);
    if (opening.kind === "failed") return this.#refuse(waiter, opening.failure);
    this.#used.add(opening.session);
    if (!this.#closed) return waiter({ ...opening, rested: isFit });
    this.release(opening.session);
    waiter({ kind: "closed" });
  }

  /** Servers count RSET without a mail as junk (Postfix: smtpd_junk_command_limit), so only long idle sessions are probed. */
  async #isFit({ session, since }: Idle): Promise<boolean> {
    const idleMs = this.#timers.now() - since;
    if (idleMs > this.#options.idleLimitMs) await session.quit();
    else if (idleMs > this.#options.probeAfterMs) await session.reset(this.#options.probeTimeoutMs);
    return !session.dead;
  }

  /**
   * No session could be opened. While others work, the server is there and has enough of us: the waiter keeps its place
   * and gets the next one that is free. Else all who wait hear the same, so that a dead host stalls nobody twice.
   */
  #refuse(waiter: Waiter, failure: OpeningFailure): void {
    this.#taken--;
    if (this.#closed) return void waiter({ kind: "closed" });
    const [working, idle] = [this.#taken > 0, this.#living().length > 0];
    if (working || idle) this.#waiters.unshift(waiter);
    if (idle) this.#pump();
    if (working || idle) return;
    for (const each of [waiter, ...this.#waiters.splice(0)]) each({ kind: "failed", failure });
  }

  async #settle(session: SmtpSession): Promise<void> {
    if (!session.dead && session.needsReset && !(await session.reset())) session.close();
    const isOld = session.transactions >= this.#options.maxTransactions;
    if (!session.dead && (isOld || this.#closed)) await session.quit();
    this.#taken--;
    this.#used.delete(session);
    if (!session.dead) this.#rest(session);
  }

  /** A session that nobody used joins the idle ones where there is a place for it. */
  #keep(session: SmtpSession): void {
    if (this.#taken + this.#living().length >= this.#options.poolSize) return void session.quit();
    this.#rest(session);
    this.#pump();
  }

  #rest(session: SmtpSession): void {
    this.#idle.push({ session, since: this.#timers.now() });
    this.#sweepLater();
  }

  #living(): Idle[] {
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
    const dropped = this.#living().filter(which);
    this.#idle = this.#living().filter((idle) => !which(idle));
    return Promise.all(dropped.map(({ session }) => session.quit()));
  }
}
