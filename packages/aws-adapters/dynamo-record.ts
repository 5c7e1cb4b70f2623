// Dynamo record: adds finals to the rows of a mail. A mail has one row. Before that is full, a further row is reserved in it,
// under the fence and before anything more is done, so that there is always room for what was just done. A further row belongs to
// the claim whose nonce is its `holder`; each later claim takes it over, and a late writer is refused there too.
// Amazon DynamoDB Developer Guide, "Quotas" (400 KB a row).

import { randomBytes } from "node:crypto";
import type { EffectKey, EpochMs, Final, Lease } from "@sesame/core";
import { type AfterRecord, type Recorded, reopenAfterMs } from "@sesame/core/journey";
import { encodeFinals } from "./dynamo-finals.ts";
import { decodeFurtherRow, decodeMailRow, furtherRowId, type MailRow, octetsOf, timeOf, waitingHash } from "./dynamo-mail-row.ts";
import { type Expressions, fenceOf, isMine, type MailRows, type Values } from "./dynamo-mail-rows.ts";

type Finals = ReadonlyMap<EffectKey, Final>;
type Fence = Pick<Lease, "mailId" | "owner" | "crashes" | "nonce">;
type Recording = Readonly<{ lease: Lease; end: AfterRecord; eraseAfter: EpochMs | undefined }>;

/** One write adds at most 60 KB, so a row stays far below 400 KB. It is no larger because each write costs as much as its whole row. */
export const rowLimitOctets = 100_000;

/** The rows of a mail while a claim holds it. */
export class HeldRows {
  readonly more: string[];
  /** Size of the row that takes finals now. */
  octets: number;

  constructor(more: readonly string[] = [], octets: number = 0) {
    this.more = [...more];
    this.octets = octets;
  }

  /** The further row that takes finals now; `null`: the mail's own row does. */
  get last(): string | null {
    return this.more.at(-1) ?? null;
  }
}

export class DynamoRecords {
  readonly #rows: MailRows;
  readonly #rowLimit: number;

  constructor(rows: MailRows, rowLimit: number) {
    this.#rows = rows;
    this.#rowLimit = rowLimit;
  }

  async record(lease: Lease, finals: Finals, then: AfterRecord, eraseAfter: EpochMs | undefined, signal: AbortSignal): Promise<Recorded> {
    const held = lease.rows instanceof HeldRows ? lease.rows : new HeldRows();
    const recording = { lease, end: then, eraseAfter };
    const parts = encodeFinals(finals);
    const fitsInOne = parts.length === 1 && held.last === null && !this.#isFull(held);
    if (parts.length === 0 || (then !== "hold" && fitsInOne)) return this.#write(recording, parts[0] ?? [], signal);
    // What must not be lost first, the end of the work last.
    for (const part of parts) if (!(await this.#add(lease, held, part, signal))) return "fenced";
    return then === "hold" ? "recorded" : this.#write(recording, [], signal);
  }

  /** Takes over the further rows of a mail that was just claimed, so that nobody else can write to them. Their finals, in order. */
  async takeFurtherRows(lease: Fence, held: HeldRows, signal: AbortSignal): Promise<readonly Finals[]> {
    const values = { ":nonce": lease.nonce, ":expires": this.#rows.expiry() };
    const update = "SET #holder = :nonce, #expires = :expires";
    const found = await Promise.all(
      held.more.map(async (name) => {
        const id = furtherRowId(lease.mailId, name);
        return decodeFurtherRow((await this.#rows.write(id, { condition: "", update, values }, "ALL_NEW", signal)).row);
      }),
    );
    held.octets = found.at(-1)?.octets ?? held.octets;
    if (!(await this.#makeRoom(lease, held, signal))) throw new Error(`the row of ${lease.mailId} changed while it was claimed`);
    return found.map(({ finals }) => finals);
  }

  /** The finals in the further rows of a closed mail. */
  readFurtherRows(mailId: Lease["mailId"], more: readonly string[], signal: AbortSignal): Promise<readonly Finals[]> {
    return Promise.all(more.map(async (name) => decodeFurtherRow(await this.#rows.read(furtherRowId(mailId, name), signal)).finals));
  }

  /** Adds finals to the row that takes them now, and makes room for the next ones. False: fenced. */
  async #add(lease: Lease, held: HeldRows, added: readonly string[], signal: AbortSignal): Promise<boolean> {
    if (!(await this.#makeRoom(lease, held, signal))) return false;
    const isAdded =
      held.last === null
        ? (await this.#write({ lease, end: "hold", eraseAfter: undefined }, added, signal)) !== "fenced"
        : await this.#writeFurther(lease, held.last, added, signal);
    if (!isAdded) return false;
    held.octets += octetsOf(added);
    return this.#makeRoom(lease, held, signal);
  }

  #isFull({ octets }: HeldRows): boolean {
    return octets > this.#rowLimit;
  }

  /** Reserves a further row when the one in use is full. False: fenced. */
  async #makeRoom(fence: Fence, held: HeldRows, signal: AbortSignal): Promise<boolean> {
    if (!this.#isFull(held)) return true;
    const name = randomBytes(9).toString("base64url");
    const update = "SET #more = list_append(if_not_exists(#more, :none), :name)";
    const values = { ...fenceOf(fence), ":none": [], ":name": [name] };
    const reserved = await this.#rows.write(fence.mailId, { condition: isMine, update, values }, "UPDATED_NEW", signal);
    if (reserved.kind === "refused") return false;
    held.more.push(name);
    held.octets = 0;
    return true;
  }

  /** Adds finals to a further row, which the first write makes. False: fenced. */
  async #writeFurther({ mailId, nonce }: Fence, name: string, added: readonly string[], signal: AbortSignal): Promise<boolean> {
    const values = { ":nonce": nonce, ":expires": this.#rows.expiry(), ...finalsValues(added, this.#rows.now()) };
    const update = `SET #holder = :nonce, #expires = :expires, ${addingFinals}`;
    const condition = "attribute_not_exists(#holder) OR #holder = :nonce";
    return (await this.#rows.write(furtherRowId(mailId, name), { condition, update, values }, "UPDATED_NEW", signal)).kind === "written";
  }

  /** One write of the mail's own row. */
  async #write(recording: Recording, added: readonly string[], signal: AbortSignal): Promise<Recorded> {
    const expressions = recordExpressions(recording, added, this.#rows.expiry(), this.#rows.now());
    const written = await this.#rows.write(recording.lease.mailId, expressions, "UPDATED_NEW", signal);
    if (written.kind === "refused" && !isRecordedByUs(decodeMailRow(written.row), recording)) return "fenced";
    return closes(recording) ? "closed" : "recorded";
  }
}

/** Appends finals to those of a row, and when they were recorded. */
export const addingFinals =
  "#done = list_append(if_not_exists(#done, :none), :added), #times = list_append(if_not_exists(#times, :none), :at)";

/** Values of `addingFinals`. `now`: `null` if it is not known when. */
export function finalsValues(added: readonly string[], now: number | null): Values {
  return { ":none": [], ":added": added, ":at": [timeOf(added.length, now)] };
}

function closes({ lease, end }: Recording): boolean {
  return end === "close" && !lease.othersWait;
}

function recordExpressions(recording: Recording, added: readonly string[], expires: number, now: number): Expressions {
  const { lease, end, eraseAfter } = recording;
  const sets = ["#expires = :expires"];
  const removes = end === "hold" ? [] : ["#owner"];
  const values: Record<string, unknown> = { ...fenceOf(lease), ":expires": expires };
  let deletes = "";
  if (added.length > 0) {
    sets.push(addingFinals);
    Object.assign(values, finalsValues(added, now));
  }
  if (closes(recording)) {
    sets.push("#closed = :true", "#until = :until");
    removes.push("#waiting");
    Object.assign(values, { ":true": true, ":until": now + reopenAfterMs });
    if (eraseAfter !== undefined) {
      sets.push("#erase = :erase");
      values[":erase"] = eraseAfter;
    }
  } else if (end === "close" && lease.recipients.length > 0) {
    deletes = " DELETE #waiting :waiting";
    values[":waiting"] = new Set(lease.recipients.map((each) => waitingHash(lease.mailId, each)));
  }
  const removing = removes.length > 0 ? ` REMOVE ${removes.join(", ")}` : "";
  return { condition: isMine, update: `SET ${sets.join(", ")}${removing}${deletes}`, values };
}

/** If the answer to a write is lost, the SDK repeats the write, and the write then fails its own condition. */
function isRecordedByUs(row: MailRow | null, recording: Recording): boolean {
  if (row === null || recording.end === "hold" || row.owner !== null || row.nonce !== recording.lease.nonce) return false;
  return row.closed === closes(recording);
}
