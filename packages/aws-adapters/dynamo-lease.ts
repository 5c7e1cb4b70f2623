// Dynamo lease: who may work on a mail, in its row of the ledger table. Leases use the clock of AWS; a lease without an expiry
// time counts as expired. A write must match the owner, the number of crashes and the nonce of its claim, so a late write is refused,
// also one of an earlier claim by the same worker. The finals are in dynamo-record.ts.
// Amazon DynamoDB Developer Guide, "Condition expressions", "Time to Live (TTL)".

import { randomBytes } from "node:crypto";
import type { AddressKey, Claim, EffectKey, EpochMs, Final, Lease, MailId } from "@sesame/core";
import { type ClosedMail, reopenAfterMs, type TraceHashes } from "@sesame/core/journey";
import { encodeFinals } from "./dynamo-finals.ts";
import { decodeMailRow, type MailRow, waitingHash } from "./dynamo-mail-row.ts";
import { type Expressions, fenceOf, isMine, isOpen, isTooLarge, MailRows, type MailRowsOptions, type Values } from "./dynamo-mail-rows.ts";
import { addingFinals, DynamoRecords, finalsValues, HeldRows } from "./dynamo-record.ts";
import { type ClaimWatch, isConditionFailure, type Row } from "./dynamo-table.ts";

export type DynamoLeasesOptions = MailRowsOptions & Readonly<{ owner: string; rowLimit: number }>;

/** A claim that runs: what is asked for, and what becomes of it. */
type Claiming = Readonly<{
  mailId: MailId;
  leaseSeconds: number;
  recipients: readonly AddressKey[];
  trace: TraceHashes | undefined;
  nonce: string;
  /** A closed mail is claimed too, and these finals of an earlier version are added. */
  reopening: Readonly<{ finals: ReadonlyMap<EffectKey, Final> }> | null;
  watch: ClaimWatch;
  signal: AbortSignal;
}>;

/** What a claim asks for. */
export type ClaimRequest = Pick<Claiming, "mailId" | "leaseSeconds" | "recipients" | "trace">;

const maxAttempts = 5; // of a claim whose row changes meanwhile

/** An owner may claim its own row again, but not by a claim that is older than what stands there: that one arrives late. */
const isFree = "(attribute_not_exists(#owner) OR (#owner = :me AND (attribute_not_exists(#until) OR #until <= :until)))";
const hasRunOut = `${isOpen} AND attribute_exists(#owner) AND (attribute_not_exists(#until) OR #until <= :now)`;

export class DynamoLeases {
  readonly #owner: string;
  readonly #rows: MailRows;
  readonly #records: DynamoRecords;
  /** Takeovers whose answer was lost: the mail, and the number of crashes in its row if the takeover was done. */
  readonly #unconfirmedTakeovers = new Map<MailId, number>();

  constructor({ owner, rowLimit, ...options }: DynamoLeasesOptions) {
    this.#owner = owner;
    this.#rows = new MailRows(options);
    this.#records = new DynamoRecords(this.#rows, rowLimit);
  }

  /** Claims a mail: one write if no other owner holds it, a second write to take over an expired lease. */
  claim(request: ClaimRequest, watch: ClaimWatch, signal: AbortSignal): Promise<Claim> {
    return this.#claim({ ...request, nonce: makeNonce(), reopening: null, watch, signal });
  }

  /** Claims a closed mail: a read of the row that an earlier version may have written for these recipients, and one write. */
  async reopen(request: ClaimRequest, former: MailId, watch: ClaimWatch, signal: AbortSignal): Promise<Claim> {
    const before = decodeMailRow(await this.#rows.read(former, signal));
    if (before?.owner != null && before.until > this.#rows.now()) return { kind: "busy", until: before.until as EpochMs };
    const reopening = { finals: before?.finals ?? new Map<EffectKey, Final>() };
    const claim = await this.#claim({ ...request, nonce: makeNonce(), reopening, watch, signal });
    const isCrash = claim.kind === "held" && before?.owner != null; // its holder may have got further than the row knows
    return isCrash ? { ...claim, lease: { ...claim.lease, takenOver: true } } : claim;
  }

  async #claim(claiming: Claiming): Promise<Claim> {
    const { mailId, watch, signal } = claiming;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const values = this.#values(claiming);
      watch.undo = (signal) => this.#release(mailId, values, signal);
      const held = await this.#writeClaim(claiming, values);
      if (held.kind === "written" || isHeldBy(decodeMailRow(held.row), values)) return this.#held(claiming, held.row);
      watch.undo = null;
      const seen = decodeMailRow(held.row);
      const changed = seen === null || (!seen.closed && (seen.owner === null || seen.owner === this.#owner));
      if (changed) continue;
      this.#unconfirmedTakeovers.delete(mailId); // another owner has the mail, or it is closed
      if (seen.closed && claiming.reopening === null) return this.#closed(mailId, seen, signal);
      if (seen.until > values[":now"]) return { kind: "busy", until: seen.until as EpochMs };
      if (seen.closed) continue;
      const row = await this.#takeOver(claiming, seen, values);
      if (row !== null) return this.#held(claiming, row);
    }
    throw new Error(`the row of ${mailId} changed during each of ${maxAttempts} attempts`);
  }

  #values({ leaseSeconds, nonce }: Claiming): ClaimValues {
    const now = this.#rows.now();
    return { ":me": this.#owner, ":nonce": nonce, ":now": now, ":until": now + leaseSeconds * 1000, ":expires": this.#rows.expiry() };
  }

  /** A row of an earlier version may have no room for the recipients. Then it goes without them, and nobody waits in it. */
  async #writeClaim(claiming: Claiming, values: ClaimValues) {
    const { mailId, reopening, watch, signal } = claiming;
    const expressions = (named: Named) =>
      reopening === null ? claimExpressions(values, named) : reopenExpressions(values, named, reopening.finals);
    try {
      return await this.#rows.write(mailId, expressions(claiming), "ALL_NEW", signal, watch);
    } catch (error) {
      const nobody = { mailId, recipients: [], trace: undefined };
      if (isTooLarge(error)) return this.#rows.write(mailId, expressions(nobody), "ALL_NEW", signal, watch);
      throw error;
    }
  }

  /** Releases this claim only, and not after a takeover that was not confirmed: the next holder would not learn that a worker crashed. */
  async #release(mailId: MailId, { ":me": me, ":nonce": nonce }: ClaimValues, signal: AbortSignal): Promise<void> {
    const taken = this.#unconfirmedTakeovers.get(mailId);
    const condition = `${isOpen} AND #owner = :me AND #nonce = :nonce${taken === undefined ? "" : " AND #crashes <> :taken"}`;
    const values = { ":me": me, ":nonce": nonce, ...(taken !== undefined && { ":taken": taken }) };
    await this.#rows.write(mailId, { condition, update: "REMOVE #owner", values }, "UPDATED_NEW", signal);
  }

  /** Returns the row if this owner has it now. If the answer to a takeover is lost, the next claim reports the takeover. */
  async #takeOver(claiming: Claiming, seen: MailRow, values: ClaimValues): Promise<Row | null> {
    const { mailId, signal } = claiming;
    this.#unconfirmedTakeovers.set(mailId, seen.crashes + 1);
    const taken = await this.#rows.write(mailId, takeoverExpressions(values, claiming), "ALL_NEW", signal);
    if (taken.kind === "written" || isHeldBy(decodeMailRow(taken.row), values)) return taken.row;
    this.#unconfirmedTakeovers.delete(mailId);
    return null;
  }

  /** Moves on the time before which a closed mail is not opened again. */
  keepClosed(mailId: MailId, { nonce }: Pick<ClosedMail, "nonce">, signal: AbortSignal): Promise<"kept" | "lost"> {
    const same = nonce === null ? "attribute_not_exists(#nonce)" : "#nonce = :nonce";
    const values = { ":until": this.#rows.now() + reopenAfterMs, ...(nonce !== null && { ":nonce": nonce }) };
    return this.#setUntil(mailId, { condition: `attribute_exists(#closed) AND ${same}`, values }, signal);
  }

  extend(lease: Lease, leaseSeconds: number, signal: AbortSignal): Promise<"kept" | "lost"> {
    const values = { ...fenceOf(lease), ":until": this.#rows.now() + leaseSeconds * 1000 };
    return this.#setUntil(lease.mailId, { condition: isMine, values }, signal);
  }

  async #setUntil(mailId: MailId, write: Omit<Expressions, "update">, signal: AbortSignal): Promise<"kept" | "lost"> {
    const input = this.#rows.input(mailId, { ...write, update: "SET #until = :until" });
    try {
      await this.#rows.hot.updateItem(input, signal);
      return "kept";
    } catch (error) {
      if (isConditionFailure(error)) return "lost";
      throw error;
    }
  }

  record: DynamoRecords["record"] = (...recording) => this.#records.record(...recording);

  async #held(claiming: Claiming, row: Row | null): Promise<Claim> {
    const { mailId, recipients, nonce, watch, signal } = claiming;
    watch.inDoubt = true; // the row is ours: if a further call fails, it must be given back
    const { until = 0, crashes = 0, more = [], waiting = [], finals = [], octets = 0 } = decodeMailRow(row) ?? {};
    const mine = new Set(recipients.map((each) => waitingHash(mailId, each)));
    const lease = {
      mailId,
      owner: this.#owner,
      nonce,
      until: until as EpochMs,
      crashes,
      takenOver: crashes === this.#unconfirmedTakeovers.get(mailId), // taken over by this claim or by an unconfirmed one
      recipients,
      othersWait: [...waiting].some((hash) => !mine.has(hash)),
    };
    const rows = new HeldRows(more, octets);
    const further = await this.#records.takeFurtherRows(lease, rows, signal);
    this.#unconfirmedTakeovers.delete(mailId);
    return { kind: "held", lease: { ...lease, finals: firstOf([finals, ...further]), rows } };
  }

  async #closed(mailId: MailId, seen: MailRow, signal: AbortSignal): Promise<Claim> {
    const further = await this.#records.readFurtherRows(mailId, seen.more, signal);
    const { nonce, eraseAfter } = seen;
    return { kind: "closed", nonce, finals: firstOf([seen.finals, ...further]), eraseAfter: eraseAfter as EpochMs | null };
  }
}

type ClaimValues = Readonly<{ ":me": string; ":nonce": string; ":now": number; ":until": number; ":expires": number }>;

function makeNonce(): string {
  return randomBytes(9).toString("base64url");
}

/** The finals of several rows. The first one for an effect counts. */
function firstOf(rows: readonly Iterable<readonly [EffectKey, Final]>[]): ReadonlyMap<EffectKey, Final> {
  return new Map(rows.toReversed().flatMap((finals) => [...finals]));
}

type Named = Pick<Claiming, "mailId" | "recipients" | "trace">;
type NamedIn = Readonly<{ sets: string; adds: readonly string[]; values: Values }>;

function holdValues({ ":now": _, ...values }: ClaimValues): Values {
  return values;
}

const hold = "#owner = :me, #nonce = :nonce, #until = :until, #expires = :expires";

/** Claims a row that is absent, released or already ours. A worker that re-claims its own expired lease did not crash. */
function claimExpressions(values: ClaimValues, named: Named): Expressions {
  const { sets, adds, values: added } = namedIn(named, values);
  return {
    condition: `${isOpen} AND ${isFree}`,
    update: `SET ${hold}, #crashes = if_not_exists(#crashes, :zero)${sets} REMOVE #last${adds.length === 0 ? "" : ` ADD ${adds.join(", ")}`}`,
    values: { ...holdValues(values), ":zero": 0, ...added },
  };
}

/** Claims a row that is closed, or that may be claimed. */
function reopenExpressions(values: ClaimValues, named: Named, finals: ReadonlyMap<EffectKey, Final>): Expressions {
  const claiming = claimExpressions(values, named);
  const added = encodeFinals(finals).flat();
  const adding = added.length === 0 ? "" : `, ${addingFinals}`;
  return {
    condition: `(attribute_exists(#closed) AND (attribute_not_exists(#until) OR #until <= :now)) OR (${isOpen} AND ${isFree})`,
    update: claiming.update.replace(" REMOVE #last", `, #reopened = :true${adding} REMOVE #last, #closed, #erase`),
    values: { ...claiming.values, ":now": values[":now"], ":true": true, ...(added.length > 0 && finalsValues(added, null)) },
  };
}

/** Takes over an expired lease and counts the crash in the same write. */
function takeoverExpressions(values: ClaimValues, named: Named): Expressions {
  const { sets, adds, values: added } = namedIn(named, values);
  const update = `SET ${hold}${sets} REMOVE #last ADD ${["#crashes :one", ...adds].join(", ")}`;
  return { condition: hasRunOut, update, values: { ...values, ":one": 1, ...added } };
}

/** What a claim writes about the mail itself: who waits, when it was first taken, and by what it is found again. */
function namedIn({ mailId, recipients, trace }: Named, { ":now": now }: ClaimValues): NamedIn {
  const waiting = waitingOf(mailId, recipients);
  const message = trace?.message ?? null;
  const hashes = trace?.recipients ?? [];
  const sets = [
    ...(trace === undefined ? [] : ["#since = if_not_exists(#since, :since)"]),
    ...(message === null ? [] : ["#message = :message"]),
    ...(hashes.length === 0 ? [] : ["#mailbox = if_not_exists(#mailbox, :mailbox)"]),
  ];
  return {
    sets: sets.map((each) => `, ${each}`).join(""),
    adds: [...(waiting === null ? [] : ["#waiting :waiting"]), ...(hashes.length === 0 ? [] : ["#named :named"])],
    values: {
      ...waiting,
      ...(trace !== undefined && { ":since": now }),
      ...(message !== null && { ":message": message }),
      ...(hashes.length > 0 && { ":mailbox": hashes[0], ":named": new Set(hashes) }),
    },
  };
}

/** `null` for nobody: DynamoDB has no empty set. */
function waitingOf(mailId: MailId, recipients: readonly AddressKey[]): Values | null {
  return recipients.length === 0 ? null : { ":waiting": new Set(recipients.map((each) => waitingHash(mailId, each))) };
}

/** If the answer to a write is lost, the SDK repeats the write, and the write then fails its own condition. */
function isHeldBy(row: MailRow | null, { ":me": me, ":nonce": nonce }: ClaimValues): boolean {
  return row !== null && !row.closed && row.owner === me && row.nonce === nonce;
}
