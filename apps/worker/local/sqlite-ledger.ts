// SQLite ledger: Ledger in eight tables. Every method is one transaction that takes the write lock first; this has the effect of
// a conditional write in DynamoDB. Only one process may use it; releaseAll() relies on that.

import type { Database } from "bun:sqlite";
import { randomBytes } from "node:crypto";
import type { Ledger, MailId, ReplyMemory } from "@sesame/core";
import { type AddressKey, addressKey, type Claim, type Clock, type EffectKey, type EpochMs, type Final, type Lease } from "@sesame/core";
import {
  type AfterRecord,
  type ClosedMail,
  type Recorded,
  type ReplyCount,
  type ReplyRow,
  reopenAfterMs,
  replyCounters,
  type TraceHashes,
} from "@sesame/core/journey";
import { parseEffectKey } from "@sesame/core/plan";
import { portCall } from "./trouble.ts";

export type SqliteLedgerOptions = Readonly<{
  database: Database;
  /** The name of this owner; unique for each process. */
  owner: string;
  clock: Clock;
  /** Days that a mail is kept after its last change. Default 35. */
  rememberDays?: number;
  /** The configured key of the loop mark; if not set, the database holds one. */
  loopKey?: Uint8Array;
}>;

type MailRow = {
  owner: string | null;
  nonce: string | null;
  until: EpochMs;
  crashes: number;
  closed: number;
  erase_after: EpochMs | null;
};
type ClaimRequest = Readonly<{
  mailId: MailId;
  leaseSeconds: number;
  recipients: readonly AddressKey[];
  trace: TraceHashes | undefined;
}>;
type Finals = ReadonlyMap<EffectKey, Final>;
type StoredReply = { recipient: AddressKey; text_hash: string; mail_id: MailId; until: EpochMs };

const dayMs = 86_400_000;

/** One owner's ledger in the data folder. */
export class SqliteLedger implements Ledger {
  readonly #options: Required<Omit<SqliteLedgerOptions, "loopKey">>;
  readonly #loopKey: Uint8Array | undefined;

  constructor({ loopKey, ...options }: SqliteLedgerOptions) {
    this.#loopKey = loopKey;
    this.#options = { rememberDays: 35, ...options };
  }

  /** Expires every open lease, so that the next claim counts a crash. Only for the start, when no other process runs. */
  releaseAll(): void {
    this.#run("UPDATE ledger_mails SET until = 0 WHERE owner IS NOT NULL AND closed = 0");
  }

  /** Deletes expired mails, replies, claims and counts. */
  forget(): void {
    this.#run("DELETE FROM ledger_mails WHERE expires <= ?", this.#now());
    this.#run("DELETE FROM ledger_replies WHERE until <= ?", this.#now());
    this.#run("DELETE FROM ledger_reply_claims WHERE expires <= ?", this.#now());
    this.#run("DELETE FROM ledger_reply_counts WHERE expires <= ?", this.#now());
  }

  claim(mailId: MailId, leaseSeconds: number, recipients: readonly AddressKey[], trace?: TraceHashes): Promise<Claim> {
    return this.#transact("claim", () => this.#claim({ mailId, leaseSeconds, recipients, trace }, "leave"));
  }

  reopen(mailId: MailId, leaseSeconds: number, recipients: readonly AddressKey[], former: MailId, trace?: TraceHashes): Promise<Claim> {
    return this.#transact("reopen", () => {
      const before = this.#rowOf(former);
      const isHeld = before !== null && before.owner !== null;
      if (isHeld && before.until > this.#now()) return { kind: "busy", until: before.until };
      const claim = this.#claim({ mailId, leaseSeconds, recipients, trace }, "reopen");
      if (claim.kind !== "held" || before === null) return claim;
      this.#addFinals(mailId, this.#finalsOf(former), null);
      return { kind: "held", lease: { ...claim.lease, finals: this.#finalsOf(mailId), takenOver: claim.lease.takenOver || isHeld } };
    });
  }

  keepClosed(mailId: MailId, { nonce }: Pick<ClosedMail, "nonce">): Promise<"kept" | "lost"> {
    return this.#transact("keepClosed", () => {
      const sql = "UPDATE ledger_mails SET until = ? WHERE mail_id = ? AND nonce IS ? AND closed = 1";
      return this.#run(sql, this.#now() + reopenAfterMs, mailId, nonce) > 0 ? "kept" : "lost";
    });
  }

  extend(lease: Lease, leaseSeconds: number): Promise<"kept" | "lost"> {
    return this.#transact("extend", () => {
      const sql = "UPDATE ledger_mails SET until = ? WHERE mail_id = ? AND nonce = ? AND owner IS NOT NULL AND closed = 0";
      return this.#run(sql, this.#now() + leaseSeconds * 1000, lease.mailId, lease.nonce) > 0 ? "kept" : "lost";
    });
  }

  record(lease: Lease, finals: Finals, then: AfterRecord, eraseAfter?: EpochMs): Promise<Recorded> {
    return this.#transact("record", () => {
      const { mailId, nonce, recipients, othersWait } = lease;
      const closes = then === "close" && !othersWait;
      const sql = `UPDATE ledger_mails SET owner = iif(?, owner, NULL), closed = ?, until = iif(?, ?, until), erase_after = ?, expires = ?
        WHERE mail_id = ? AND nonce = ? AND owner IS NOT NULL AND closed = 0`;
      const closed = closes ? 1 : 0;
      const erase = closes && eraseAfter !== undefined ? eraseAfter : null;
      if (
        this.#run(sql, then === "hold" ? 1 : 0, ...[closed, closed, this.#now() + reopenAfterMs], erase, this.#expiry(), mailId, nonce) ===
        0
      )
        return "fenced";
      this.#addFinals(mailId, finals, this.#now());
      if (then === "close")
        for (const recipient of recipients) this.#run("DELETE FROM ledger_waiting WHERE mail_id = ? AND recipient = ?", mailId, recipient);
      return closes ? "closed" : "recorded";
    });
  }

  recall(recipients: readonly AddressKey[], sender: AddressKey): Promise<ReadonlyMap<AddressKey, ReplyMemory>> {
    return portCall("Ledger", "recall", () => {
      const sql = `SELECT recipient, text_hash, mail_id, until FROM ledger_replies
        WHERE sender = ? AND until > ? AND recipient IN (SELECT value FROM json_each(?))`;
      const query = this.#options.database.query<StoredReply, [string, number, string]>(sql);
      const rows = query.all(sender, this.#now(), JSON.stringify(recipients));
      return new Map(rows.map((row) => [row.recipient, { textHash: row.text_hash, mailId: row.mail_id, until: row.until }]));
    });
  }

  countReply(count: ReplyCount): Promise<"granted" | "exhausted"> {
    return this.#transact("countReply", () => {
      for (const { id, entry, limit, expiresAt } of replyCounters(count)) {
        const sql = "SELECT count(*) AS size, count(iif(entry = ?, 1, NULL)) AS mine FROM ledger_reply_counts WHERE counter = ?";
        const found = this.#options.database.query<{ size: number; mine: number }, [string, string]>(sql).get(entry, id);
        if (found?.mine === 0 && found.size >= limit) return "exhausted";
        this.#run("INSERT INTO ledger_reply_counts VALUES (?, ?, ?) ON CONFLICT DO NOTHING", id, entry, expiresAt);
      }
      return "granted";
    });
  }

  claimReply(row: ReplyRow): Promise<"claimed" | "in-doubt" | "answered"> {
    return this.#transact("claimReply", () => {
      const sql = "SELECT recipient, text_hash, mail_id, until FROM ledger_replies WHERE recipient = ? AND sender = ?";
      const earlier = this.#options.database.query<StoredReply, [string, string]>(sql).get(row.recipient, row.sender);
      // This very mail comes first: whatever its text is now, an earlier attempt may have sent the reply.
      if (earlier?.mail_id === row.mailId) return "in-doubt";
      if (earlier !== null && earlier.until > this.#now() && earlier.text_hash === row.textHash) return "answered";
      // Another mail may have replaced the row since this mail claimed it.
      const claim = "INSERT INTO ledger_reply_claims VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
      if (this.#run(claim, row.mailId, row.effect, row.until) === 0) return "in-doubt";
      const insert = "INSERT OR REPLACE INTO ledger_replies (recipient, sender, text_hash, mail_id, until) VALUES (?, ?, ?, ?, ?)";
      this.#run(insert, row.recipient, row.sender, row.textHash, row.mailId, row.until);
      return "claimed";
    });
  }

  releaseReply({ recipient, sender, mailId, effect }: ReplyRow): Promise<void> {
    return this.#transact("releaseReply", () => {
      this.#run("DELETE FROM ledger_replies WHERE recipient = ? AND sender = ? AND mail_id = ?", recipient, sender, mailId);
      this.#run("DELETE FROM ledger_reply_claims WHERE mail_id = ? AND effect_key = ?", mailId, effect);
    });
  }

  async loopKey(): Promise<Uint8Array> {
    if (this.#loopKey) return this.#loopKey;
    return this.#transact("loopKey", () => {
      this.#run("INSERT INTO ledger_secrets VALUES ('loop-key', ?) ON CONFLICT DO NOTHING", randomBytes(32));
      const query = this.#options.database.query<{ octets: Uint8Array }, []>("SELECT octets FROM ledger_secrets WHERE name = 'loop-key'");
      const found = query.get();
      if (found === null) throw new Error("Cannot read the loop key: the row just written is missing");
      return new Uint8Array(found.octets);
    });
  }

  #rowOf(mailId: MailId): MailRow | null {
    const sql = "SELECT owner, nonce, until, crashes, closed, erase_after FROM ledger_mails WHERE mail_id = ?";
    return this.#options.database.query<MailRow, [string]>(sql).get(mailId);
  }

  #claim({ mailId, leaseSeconds, recipients, trace }: ClaimRequest, closed: "leave" | "reopen"): Claim {
    const row = this.#rowOf(mailId);
    if (row?.closed && closed === "leave")
      return { kind: "closed", nonce: row.nonce, finals: this.#finalsOf(mailId), eraseAfter: row.erase_after };
    // An owner that claims its own expired lease has not crashed.
    const isForeign = row !== null && row.owner !== null && row.owner !== this.#options.owner;
    if ((isForeign || row?.closed) && row.until > this.#now()) return { kind: "busy", until: row.until };
    const lease = this.#hold(mailId, leaseSeconds, row?.crashes ?? 0, isForeign);
    if (row !== null && row.nonce === null && !row.closed) this.#waitFor(mailId, recipientsIn(lease.finals));
    this.#waitFor(mailId, recipients);
    if (trace !== undefined) this.#name(mailId, trace);
    const others = "SELECT 1 FROM ledger_waiting WHERE mail_id = ? AND recipient NOT IN (SELECT value FROM json_each(?))";
    const othersWait = this.#options.database.query(others).get(mailId, JSON.stringify(recipients)) !== null;
    return { kind: "held", lease: { ...lease, recipients, othersWait } };
  }

  #waitFor(mailId: MailId, recipients: readonly string[]): void {
    for (const recipient of recipients) this.#run("INSERT INTO ledger_waiting VALUES (?, ?) ON CONFLICT DO NOTHING", mailId, recipient);
  }

  #name(mailId: MailId, { message, recipients }: TraceHashes): void {
    const sql = "UPDATE ledger_mails SET since = ifnull(since, ?), message = ifnull(?, message) WHERE mail_id = ?";
    this.#run(sql, this.#now(), message, mailId);
    for (const hash of recipients) this.#run("INSERT INTO ledger_named VALUES (?, ?) ON CONFLICT DO NOTHING", hash, mailId);
  }

  #hold(mailId: MailId, leaseSeconds: number, crashesBefore: number, takenOver: boolean): Omit<Lease, "recipients" | "othersWait"> {
    const { owner } = this.#options;
    const until = (this.#now() + leaseSeconds * 1000) as EpochMs;
    const crashes = crashesBefore + (takenOver ? 1 : 0);
    const nonce = crypto.randomUUID();
    const sql = `INSERT INTO ledger_mails (mail_id, owner, nonce, until, crashes, expires) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
      SET owner = excluded.owner, nonce = excluded.nonce, until = excluded.until, crashes = excluded.crashes,
      expires = excluded.expires, closed = 0, erase_after = NULL`;
    this.#run(sql, mailId, owner, nonce, until, crashes, this.#expiry());
    return { mailId, owner, nonce, until, crashes, takenOver, finals: this.#finalsOf(mailId) };
  }

  #addFinals(mailId: MailId, finals: Finals, at: number | null): void {
    for (const [key, final] of finals)
      this.#run("INSERT INTO ledger_finals VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", mailId, key, JSON.stringify(final), at);
  }

  #finalsOf(mailId: MailId): Finals {
    const sql = "SELECT effect_key, final FROM ledger_finals WHERE mail_id = ?";
    const rows = this.#options.database.query<{ effect_key: EffectKey; final: string }, [string]>(sql).all(mailId);
    return new Map(rows.map(({ effect_key, final }) => [effect_key, JSON.parse(final) as Final]));
  }

  #now(): number {
    return this.#options.clock.now();
  }

  #expiry(): number {
    return this.#now() + this.#options.rememberDays * dayMs;
  }

  #run(sql: string, ...values: readonly (string | number | Uint8Array | null)[]): number {
    return this.#options.database.query(sql).run(...values).changes;
  }

  #transact<T>(operation: string, work: () => T): Promise<T> {
    return portCall("Ledger", operation, () => this.#options.database.transaction(work).immediate());
  }
}

/**
 * Earlier versions did not say who waits. Their row is not closed while its finals tell of recipients of another notice, which
 * may have more to do for them.
 */
function recipientsIn(finals: Finals): readonly string[] {
  return [...finals.keys()].map((key) => {
    const effect = parseEffectKey(key);
    return effect === null ? key : addressKey(effect.recipient);
  });
}
