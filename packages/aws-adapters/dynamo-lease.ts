// Dynamo lease: who may work on a mail, and what has been done, in one row of the ledger table. Leases are compared with
// AWS's clock, and one without time left has run out. A late holder is fenced off by its name and by the number of
// crashes that it saw: that grows with each takeover, so even a name that is used again is told apart.
// Amazon DynamoDB Developer Guide, "Condition expressions", "Time to Live (TTL)", "Quotas" (400 KB a row).

import { type DynamoDBDocumentClient, UpdateCommand, type UpdateCommandInput } from "@aws-sdk/lib-dynamodb";
import { type Claim, type Clock, type EffectKey, type EpochMs, type Final, type Lease, type MailId } from "@sesame/core";
import { decodeMailRow, encodeFinals, type MailRow } from "./dynamo-mail-row.ts";
import { type ClaimWatch, isRefused, type Row, type RowKey, type Written, watchAttempts, writeIf } from "./dynamo-table.ts";
import { troubleOf } from "./trouble.ts";

export type DynamoLeasesOptions = Readonly<{
  documents: DynamoDBDocumentClient;
  clock: Clock;
  table: string;
  owner: string;
  rememberDays: number;
}>;

/** What becomes of a lease when finals are recorded. */
export type Then = "hold" | "release" | "close";

type Finals = ReadonlyMap<EffectKey, Final>;
type Values = Readonly<Record<string, unknown>>;
type Returned = "ALL_NEW" | "UPDATED_NEW";
type Expressions = Readonly<{ condition: string; update: string; values: Values }>;

const dayMs = 86_400_000;
const maxTurns = 5; // of a claim whose row changes under it

/** The row's attributes as expressions name them: any name may be a reserved word. */
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
  /** Mails that were perhaps taken over, by a write whose answer was lost; and the crashes that their rows count if so. */
  readonly #unheard = new Map<MailId, number>();

  constructor(options: DynamoLeasesOptions) {
    this.#options = options;
  }

  /** One write where nobody else holds the mail; a second one to take over. */
  async claim(mailId: MailId, leaseSeconds: number, watch: ClaimWatch, signal: AbortSignal): Promise<Claim> {
    const { owner } = this.#options;
    for (let turn = 0; turn < maxTurns; turn++) {
      const now = this.#now();
      const terms: Terms = { ":me": owner, ":now": now, ":until": now + leaseSeconds * 1000, ":expires": this.#expiry() };
      // What was perhaps taken over must not be given back: whoever has it next would not hear that somebody died.
      watch.undo = this.#unheard.has(mailId) ? null : (signal) => this.#giveBack(mailId, terms, signal);
      const held = await this.#write(mailId, holding(terms), "ALL_NEW", signal, watch);
      if (held.kind === "written") return this.#held(mailId, held.row, this.#unheard.get(mailId));
      watch.undo = null;
      const seen = decodeMailRow(held.row);
      if (seen === null || (!seen.closed && (seen.owner === null || seen.owner === owner))) continue; // it changed under us
      this.#unheard.delete(mailId); // whatever came of it, others have the mail now
      if (seen.closed) return { kind: "closed", finals: seen.finals };
      if (seen.until <= now) {
        const row = await this.#takeOver(mailId, seen, terms, signal);
        if (row !== null) return this.#held(mailId, row, seen.crashes + 1);
      } else return { kind: "busy", until: seen.until as EpochMs };
    }
    throw new Error(`the row of ${mailId} changed ${maxTurns} times meanwhile`);
  }

  /** The time of its expiry tells a claim from any other. */
  async #giveBack(mailId: MailId, { ":me": me, ":until": until }: Terms, signal: AbortSignal): Promise<void> {
    const values = { ":me": me, ":until": until };
    const condition = `${isOpen} AND #owner = :me AND #until = :until`;
    await this.#write(mailId, { condition, update: "SET #last = :me REMOVE #owner", values }, "UPDATED_NEW", signal);
  }

  /** The row, if it is ours now. A takeover whose answer is lost is one all the same, and the next claim that is heard says so. */
  async #takeOver(mailId: MailId, seen: MailRow, terms: Terms, signal: AbortSignal): Promise<Row | null> {
    this.#unheard.set(mailId, seen.crashes + 1);
    const taken = await this.#write(mailId, takingOver(terms), "ALL_NEW", signal);
    this.#unheard.delete(mailId);
    return taken.kind === "written" || isTakenByUs(decodeMailRow(taken.row), seen, terms) ? taken.row : null;
  }

  async extend(lease: Lease, leaseSeconds: number, signal: AbortSignal): Promise<"kept" | "lost"> {
    const values = { ...fenceOf(lease), ":until": this.#now() + leaseSeconds * 1000 };
    const input = this.#input(lease.mailId, { condition: isMine, update: "SET #until = :until", values });
    try {
      await this.#options.documents.send(new UpdateCommand(input), { abortSignal: signal });
      return "kept";
    } catch (error) {
      if (isRefused(error)) return "lost";
      throw error;
    }
  }

  async record(lease: Lease, finals: Finals, then: Then, signal: AbortSignal): Promise<"recorded" | "fenced"> {
    const write = (keep: "details" | "words") =>
      this.#write(lease.mailId, recording(lease, encodeFinals(finals, keep), then, this.#expiry()), "UPDATED_NEW", signal);
    const written = await write("details").catch((error: unknown) => {
      if (isTooLarge(error)) return write("words");
      throw error;
    });
    return written.kind === "written" || isDoneByUs(decodeMailRow(written.row), lease, finals, then) ? "recorded" : "fenced";
  }

  /** A claim needs the whole row, which may be long; any other write what it changed. */
  #write(mailId: MailId, expressions: Expressions, returned: Returned, signal: AbortSignal, watch?: ClaimWatch): Promise<Written> {
    const { documents } = this.#options;
    const input = { ...this.#input(mailId, expressions), ReturnValues: returned, ReturnValuesOnConditionCheckFailure: "ALL_OLD" } as const;
    const command = new UpdateCommand(input);
    if (watch) watchAttempts(command, watch);
    return writeIf({ documents, key: this.#at(mailId), signal }, () => documents.send(command, { abortSignal: signal }));
  }

  #input(mailId: MailId, { condition, update, values }: Expressions): UpdateCommandInput {
    const used = new Set(`${condition} ${update}`.match(/#\w+/g)); // DynamoDB refuses a name that nothing uses
    return {
      ...this.#at(mailId),
      ConditionExpression: condition,
      UpdateExpression: update,
      ExpressionAttributeNames: Object.fromEntries([...names].filter(([name]) => used.has(name))),
      ExpressionAttributeValues: values,
    };
  }

  /** `takeover`: the crashes that the row counts if it was taken over, by this claim or by one that was not heard. */
  #held(mailId: MailId, row: Row, takeover: number | undefined): Claim {
    this.#unheard.delete(mailId);
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

  /** In seconds, as Time to Live wants it. */
  #expiry(): number {
    return Math.ceil((this.#now() + this.#options.rememberDays * dayMs) / 1000);
  }
}

type Terms = Readonly<{ ":me": string; ":now": number; ":until": number; ":expires": number }>;

/** Holds a row that is absent, given back, or ours: who asks is alive, so a lease of its own that ran out was no crash. */
function holding(terms: Terms): Expressions {
  const { ":now": _, ...values } = terms;
  const update = "SET #owner = :me, #until = :until, #expires = :expires, #crashes = if_not_exists(#crashes, :zero)";
  return { condition: isFree, update, values: { ...values, ":zero": 0 } };
}

/** Takes a lease that ran out, and counts the crash in the same write. */
function takingOver(terms: Terms): Expressions {
  const update = "SET #owner = :me, #until = :until, #expires = :expires ADD #crashes :one";
  return { condition: hasRunOut, update, values: { ...terms, ":one": 1 } };
}

function recording(lease: Lease, added: readonly unknown[], then: Then, expires: number): Expressions {
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

// A write whose answer was lost is repeated by the SDK, and then refused because of its own effect.

function isTakenByUs(row: MailRow | null, before: MailRow, terms: Terms): boolean {
  return row !== null && !row.closed && row.owner === terms[":me"] && row.until === terms[":until"] && row.crashes === before.crashes + 1;
}

function isDoneByUs(row: MailRow | null, lease: Lease, finals: Finals, then: Then): boolean {
  if (row === null || then === "hold" || row.owner !== null || row.lastOwner !== lease.owner || row.crashes !== lease.crashes) return false;
  return row.closed === (then === "close") && [...finals.keys()].every((key) => row.finals.has(key));
}

function isTooLarge(error: unknown): boolean {
  return troubleOf(error).code === "ValidationException" && error instanceof Error && /item size/i.test(error.message);
}
