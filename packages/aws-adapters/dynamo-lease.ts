// Dynamo lease: leases and finals of a mail, in one row of the ledger table. Leases use the clock of AWS; a lease without an
// expiry time counts as expired. A write must match the owner and the number of crashes of its lease. The number grows with
// each takeover, so a late holder is refused even if its name is used again.
// Amazon DynamoDB Developer Guide, "Condition expressions", "Time to Live (TTL)", "Quotas" (400 KB a row).

import { type DynamoDBDocumentClient, UpdateCommand, type UpdateCommandInput } from "@aws-sdk/lib-dynamodb";
import type { Claim, Clock, EffectKey, EpochMs, Final, Lease, MailId } from "@sesame/core";
import { decodeMailRow, encodeFinals, type MailRow } from "./dynamo-mail-row.ts";
import {
  type ClaimWatch,
  conditionalWrite,
  isConditionFailure,
  type Row,
  type RowKey,
  type WriteResult,
  watchAttempts,
} from "./dynamo-table.ts";
import { troubleOf } from "./trouble.ts";

export type DynamoLeasesOptions = Readonly<{
  documents: DynamoDBDocumentClient;
  clock: Clock;
  table: string;
  owner: string;
  rememberDays: number;
}>;

/** What happens to the lease when finals are recorded. */
export type AfterRecord = "hold" | "release" | "close";

type Finals = ReadonlyMap<EffectKey, Final>;
type Values = Readonly<Record<string, unknown>>;
type ReturnedValues = "ALL_NEW" | "UPDATED_NEW";
type Expressions = Readonly<{ condition: string; update: string; values: Values }>;

const dayMs = 86_400_000;
const maxAttempts = 5; // of a claim whose row changes meanwhile

/** Placeholders of the row's attributes, because an attribute name may be a reserved word. */
const names: ReadonlyMap<string, string> = new Map([
  ["#owner", "owner"],
  ["#last", "lastOwner"],
  ["#until", "until"],
  ["#crashes", "crashes"],
  ["#closed", "closed"],
  ["#finals", "finals"],
  ["#expires", "expires"],
]);
const isOpen = "attribute_not_exists(#closed)";
const isFree = `${isOpen} AND (attribute_not_exists(#owner) OR #owner = :me)`;
const hasRunOut = `${isOpen} AND attribute_exists(#owner) AND (attribute_not_exists(#until) OR #until <= :now)`;
const isMine = `${isOpen} AND #owner = :me AND #crashes = :crashes`;

export class DynamoLeases {
  readonly #options: DynamoLeasesOptions;
  /** Takeovers whose answer was lost: the mail, and the number of crashes in its row if the takeover was done. */
  readonly #unconfirmedTakeovers = new Map<MailId, number>();

  constructor(options: DynamoLeasesOptions) {
    this.#options = options;
  }

  /** Claims a mail: one write if no other owner holds it, a second write to take over an expired lease. */
  async claim(mailId: MailId, leaseSeconds: number, watch: ClaimWatch, signal: AbortSignal): Promise<Claim> {
    const { owner } = this.#options;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const now = this.#now();
      const claim: ClaimValues = { ":me": owner, ":now": now, ":until": now + leaseSeconds * 1000, ":expires": this.#expiry() };
      // An unconfirmed takeover is not undone: the next holder would not learn that a worker crashed.
      watch.undo = this.#unconfirmedTakeovers.has(mailId) ? null : (signal) => this.#release(mailId, claim, signal);
      const held = await this.#write(mailId, claimExpressions(claim), "ALL_NEW", signal, watch);
      if (held.kind === "written") return this.#held(mailId, held.row, this.#unconfirmedTakeovers.get(mailId));
      watch.undo = null;
      const seen = decodeMailRow(held.row);
      if (seen === null || (!seen.closed && (seen.owner === null || seen.owner === owner))) continue; // the row changed meanwhile
      this.#unconfirmedTakeovers.delete(mailId); // another owner has the mail, or it is closed
      if (seen.closed) return { kind: "closed", finals: seen.finals };
      if (seen.until <= now) {
        const row = await this.#takeOver(mailId, seen, claim, signal);
        if (row !== null) return this.#held(mailId, row, seen.crashes + 1);
      } else return { kind: "busy", until: seen.until as EpochMs };
    }
    throw new Error(`the row of ${mailId} changed during each of ${maxAttempts} attempts`);
  }

  /** Releases this claim only: its expiry time distinguishes it from other claims. */
  async #release(mailId: MailId, { ":me": me, ":until": until }: ClaimValues, signal: AbortSignal): Promise<void> {
    const values = { ":me": me, ":until": until };
    const condition = `${isOpen} AND #owner = :me AND #until = :until`;
    await this.#write(mailId, { condition, update: "SET #last = :me REMOVE #owner", values }, "UPDATED_NEW", signal);
  }

  /** Returns the row if this owner has it now. If the answer to a takeover is lost, the next claim reports the takeover. */
  async #takeOver(mailId: MailId, seen: MailRow, claim: ClaimValues, signal: AbortSignal): Promise<Row | null> {
    this.#unconfirmedTakeovers.set(mailId, seen.crashes + 1);
    const taken = await this.#write(mailId, takeoverExpressions(claim), "ALL_NEW", signal);
    this.#unconfirmedTakeovers.delete(mailId);
    return taken.kind === "written" || isTakenByUs(decodeMailRow(taken.row), seen, claim) ? taken.row : null;
  }

  async extend(lease: Lease, leaseSeconds: number, signal: AbortSignal): Promise<"kept" | "lost"> {
    const values = { ...fenceOf(lease), ":until": this.#now() + leaseSeconds * 1000 };
    const input = this.#input(lease.mailId, { condition: isMine, update: "SET #until = :until", values });
    try {
      await this.#options.documents.send(new UpdateCommand(input), { abortSignal: signal });
      return "kept";
    } catch (error) {
      if (isConditionFailure(error)) return "lost";
      throw error;
    }
  }

  async record(lease: Lease, finals: Finals, then: AfterRecord, signal: AbortSignal): Promise<"recorded" | "fenced"> {
    const write = (keep: "details" | "words") =>
      this.#write(lease.mailId, recordExpressions(lease, encodeFinals(finals, keep), then, this.#expiry()), "UPDATED_NEW", signal);
    const written = await write("details").catch((error: unknown) => {
      if (isTooLarge(error)) return write("words");
      throw error;
    });
    return written.kind === "written" || isRecordedByUs(decodeMailRow(written.row), lease, finals, then) ? "recorded" : "fenced";
  }

  /** A claim returns the whole row, which may be long; other writes return only the changed attributes. */
  #write(
    mailId: MailId,
    expressions: Expressions,
    returned: ReturnedValues,
    signal: AbortSignal,
    watch?: ClaimWatch,
  ): Promise<WriteResult> {
    const { documents } = this.#options;
    const input = { ...this.#input(mailId, expressions), ReturnValues: returned, ReturnValuesOnConditionCheckFailure: "ALL_OLD" } as const;
    const command = new UpdateCommand(input);
    if (watch) watchAttempts(command, watch);
    return conditionalWrite({ documents, key: this.#at(mailId), signal }, () => documents.send(command, { abortSignal: signal }));
  }

  #input(mailId: MailId, { condition, update, values }: Expressions): UpdateCommandInput {
    const used = new Set(`${condition} ${update}`.match(/#\w+/g)); // DynamoDB refuses a placeholder that is not used
    return {
      ...this.#at(mailId),
      ConditionExpression: condition,
      UpdateExpression: update,
      ExpressionAttributeNames: Object.fromEntries([...names].filter(([name]) => used.has(name))),
      ExpressionAttributeValues: values,
    };
  }

  /** `takeover`: the number of crashes in the row if it was taken over, by this claim or by an unconfirmed one. */
  #held(mailId: MailId, row: Row, takeover: number | undefined): Claim {
    this.#unconfirmedTakeovers.delete(mailId);
    const { until = 0, crashes = 0, finals = new Map() } = decodeMailRow(row) ?? {};
    const takenOver = crashes === takeover;
    return { kind: "held", lease: { mailId, owner: this.#options.owner, until: until as EpochMs, crashes, takenOver, finals } };
  }

  #at(id: string): RowKey {
    return { TableName: this.#options.table, Key: { id } };
  }

  #now(): number {
    return this.#options.clock.now();
  }

  /** Expiry of the row in seconds since 1970, for Time to Live. */
  #expiry(): number {
    return Math.ceil((this.#now() + this.#options.rememberDays * dayMs) / 1000);
  }
}

type ClaimValues = Readonly<{ ":me": string; ":now": number; ":until": number; ":expires": number }>;

/** Claims a row that is absent, released or already ours. A worker that re-claims its own expired lease did not crash. */
function claimExpressions(claim: ClaimValues): Expressions {
  const { ":now": _, ...values } = claim;
  const update = "SET #owner = :me, #until = :until, #expires = :expires, #crashes = if_not_exists(#crashes, :zero)";
  return { condition: isFree, update, values: { ...values, ":zero": 0 } };
}

/** Takes over an expired lease and counts the crash in the same write. */
function takeoverExpressions(claim: ClaimValues): Expressions {
  const update = "SET #owner = :me, #until = :until, #expires = :expires ADD #crashes :one";
  return { condition: hasRunOut, update, values: { ...claim, ":one": 1 } };
}

function recordExpressions(lease: Lease, added: readonly unknown[], then: AfterRecord, expires: number): Expressions {
  const sets = ["#expires = :expires"];
  const values: Record<string, unknown> = { ...fenceOf(lease), ":expires": expires };
  if (added.length > 0) {
    sets.push("#finals = list_append(if_not_exists(#finals, :none), :added)");
    Object.assign(values, { ":none": [], ":added": added });
  }
  if (then !== "hold") sets.push("#last = :me");
  if (then === "close") {
    sets.push("#closed = :true");
    Object.assign(values, { ":true": true });
  }
  return { condition: isMine, update: `SET ${sets.join(", ")}${then === "hold" ? "" : " REMOVE #owner"}`, values };
}

function fenceOf(lease: Lease): Values {
  return { ":me": lease.owner, ":crashes": lease.crashes };
}

// If the answer to a write is lost, the SDK repeats the write, and the write then fails its own condition.

function isTakenByUs(row: MailRow | null, before: MailRow, claim: ClaimValues): boolean {
  return row !== null && !row.closed && row.owner === claim[":me"] && row.until === claim[":until"] && row.crashes === before.crashes + 1;
}

function isRecordedByUs(row: MailRow | null, lease: Lease, finals: Finals, then: AfterRecord): boolean {
  if (row === null || then === "hold" || row.owner !== null || row.lastOwner !== lease.owner || row.crashes !== lease.crashes) return false;
  return row.closed === (then === "close") && [...finals.keys()].every((key) => row.finals.has(key));
}

function isTooLarge(error: unknown): boolean {
  return troubleOf(error).code === "ValidationException" && error instanceof Error && /item size/i.test(error.message);
}
