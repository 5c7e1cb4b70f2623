// Dynamo mail row: decodes the rows of a mail in the ledger table, says how large they are, and who waits in them. A mail has
// one row; if its finals outgrow that, they go on in further rows, which the first one names (`more`).
// Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats".

import { hash } from "node:crypto";
import { type AddressKey, addressKey, type EffectKey, type EpochMs, type Final, type MailId } from "@sesame/core";
import { parseEffectKey } from "@sesame/core/plan";
import { z } from "zod";
import { decodeFinals, formerFinal } from "./dynamo-finals.ts";
import type { Row } from "./dynamo-table.ts";
import { GarbledError } from "./trouble.ts";

/** A decoded row. `owner` is `null` if no worker holds the mail. */
export type MailRow = Readonly<{
  owner: string | null;
  /** Of the last claim. */
  nonce: string | null;
  until: number;
  crashes: number;
  closed: boolean;
  /** From when the object may be deleted; `null`: it is kept. */
  eraseAfter: number | null;
  /** Short hashes of the recipients that a notice named and who are not done. */
  waiting: ReadonlySet<string>;
  /** The further rows. */
  more: readonly string[];
  /** The finals in this row. */
  finals: ReadonlyMap<EffectKey, Final>;
  octets: number;
}>;

/** A decoded further row. */
export type FurtherRow = Pick<MailRow, "finals" | "octets">;

const text = z.string();
const texts = z.array(text).default([]);
const mailRow = z.object({
  id: text.default(""), // absent where a write returns the changed attributes only
  owner: text.nullish(),
  nonce: text.nullish(),
  until: z.number().default(0),
  crashes: z.number().default(0),
  closed: z.boolean().default(false),
  eraseAfter: z.number().nullish(),
  waiting: z.set(text).optional(),
  more: texts,
  finals: z.array(formerFinal).default([]),
  reopened: z.boolean().default(false),
  done: texts,
});
const furtherRow = z.object({ done: texts });

/** Decodes a row; `null` stays `null`. Throws if the row is invalid: to read it as empty would repeat deliveries. */
export function decodeMailRow(row: Row | null): MailRow | null {
  if (row === null) return null;
  const {
    id,
    owner = null,
    nonce = null,
    eraseAfter = null,
    waiting,
    more,
    finals: former,
    reopened,
    done,
    ...others
  } = parsed(mailRow, row);
  // Those whom an earlier version closed the mail for are done.
  const formerFinals = decodeFinals(reopened ? [] : former, []);
  return {
    ...others,
    owner,
    nonce,
    eraseAfter,
    waiting: new Set([...(waiting ?? []), ...recipientsIn(id, formerFinals)]),
    more: [...new Set(more)], // a write that the SDK repeated adds a name twice
    finals: decodeFinals(former, done),
    octets: octetsOf(row),
  };
}

/** Decodes a further row; an absent one is empty. */
export function decodeFurtherRow(row: Row | null): FurtherRow {
  return row === null
    ? { finals: new Map(), octets: 0 }
    : { finals: decodeFinals([], parsed(furtherRow, row).done), octets: octetsOf(row) };
}

function parsed<T>(shape: z.ZodType<T>, row: Row): T {
  const result = shape.safeParse(row);
  if (!result.success) throw new GarbledError(`a row of the ledger is invalid: ${result.error.issues[0]?.path.join(".")}`);
  return result.data;
}

/** The element of `times` that belongs to so many finals, recorded then. */
export function timeOf(finals: number, now: number | null): string {
  return `${now ?? "-"} ${finals}`;
}

/** The time of each of so many finals in `done`, in their order; `null` for those of earlier versions, which come first. */
export function timesOf(done: number, times: readonly string[]): readonly (EpochMs | null)[] {
  const found = times.flatMap((each): (EpochMs | null)[] => {
    const [, at = "-", count = "0"] = /^(-|\d{1,15}) (\d{1,5})$/.exec(each) ?? [];
    return Array.from({ length: Number(count) }, () => (at === "-" ? null : (Number(at) as EpochMs)));
  });
  return [...Array.from({ length: Math.max(0, done - found.length) }, () => null), ...found].slice(0, done);
}

/** The id of a further row. */
export function furtherRowId(mailId: MailId, name: string): string {
  return `${mailId}#finals#${name}`;
}

/**
 * The hash of a recipient in `waiting`. It depends on the mail, whose id a sender does not know in time: two recipients with equal
 * hashes would end each other's wait.
 */
export function waitingHash(mailId: string, recipient: AddressKey): string {
  return hash("sha256", JSON.stringify([mailId, recipient]), "hex").slice(0, 12);
}

/**
 * Earlier versions did not say who waits. Their row is not closed while its finals tell of recipients of another notice, which
 * may have more to do for them.
 */
function recipientsIn(mailId: string, finals: ReadonlyMap<EffectKey, Final>): readonly string[] {
  return [...finals.keys()].map((key) => {
    const effect = parseEffectKey(key);
    return effect === null ? key : waitingHash(mailId, addressKey(effect.recipient));
  });
}

/** The size that DynamoDB charges for, and a little more. */
export function octetsOf(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value) + 1;
  if (value instanceof Uint8Array) return value.length + 1;
  if (Array.isArray(value) || value instanceof Set) return [...value].reduce((sum: number, each) => sum + octetsOf(each) + 1, 3);
  if (typeof value === "object" && value !== null)
    return Object.entries(value).reduce((sum, [name, each]) => sum + octetsOf(name) + octetsOf(each), 3);
  return 21; // of a number; the others are smaller
}
