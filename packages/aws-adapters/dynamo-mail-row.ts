// Dynamo mail row: a mail's row of the ledger table, decoded, and finals in the form in which they are kept.
// Finals stand in a list in the order of their recording, and of two for one effect the first counts: so any number of
// them, whatever their keys are made of, is added by one short expression, and one that is recorded twice changes nothing.

import { type EffectKey, type Final } from "@sesame/core";
import { z } from "zod";
import type { Row } from "./dynamo-table.ts";
import { GarbledError } from "./trouble.ts";

/** What the ledger knows of a mail. `owner` is `null` while nobody holds it. */
export type MailRow = Readonly<{
  owner: string | null;
  /** Who gave it back or closed it last. */
  lastOwner: string | null;
  until: number;
  crashes: number;
  closed: boolean;
  finals: ReadonlyMap<EffectKey, Final>;
}>;

/** A final as a map of the list. */
export type StoredFinal = Readonly<{ key: string; action: string }> & Readonly<Record<string, string>>;

/** Characters of a detail that are kept. Details are for people; a row holds 400 KB for all recipients of a mail. */
const detailLimit = 200;

const text = z.string();
const storedFinal = z.discriminatedUnion("action", [
  z.object({ key: text, action: z.enum(["delivered", "relayed"]), detail: text.default("") }),
  z.object({ key: text, action: z.literal("failed"), status: text, reason: text, scope: text, detail: text.default("") }),
  z.object({ key: text, action: z.literal("skipped"), reason: text }),
]);
const mailRow = z.object({
  owner: text.nullish(),
  lastOwner: text.nullish(),
  until: z.number().default(0),
  crashes: z.number().default(0),
  closed: z.boolean().default(false),
  finals: z.array(storedFinal).default([]),
});

/** Decodes a row; `null` stays `null`. A row that is not ours throws: to read it as empty would repeat what was done. */
export function decodeMailRow(row: Row | null): MailRow | null {
  if (row === null) return null;
  const parsed = mailRow.safeParse(row);
  if (!parsed.success) throw new GarbledError(`a row of the ledger cannot be read: ${parsed.error.issues[0]?.path.join(".")}`);
  const { owner = null, lastOwner = null, until, crashes, closed, finals } = parsed.data;
  const first = new Map<EffectKey, Final>();
  for (const { key, ...final } of finals) if (!first.has(key as EffectKey)) first.set(key as EffectKey, final as Final);
  return { owner, lastOwner, until, crashes, closed, finals: first };
}

/** The list to append. `keep: "words"` leaves the details out, for a row that is full. */
export function encodeFinals(finals: ReadonlyMap<EffectKey, Final>, keep: "details" | "words" = "details"): readonly StoredFinal[] {
  return [...finals].map(([key, final]) => {
    if (final.action === "skipped") return { key, ...final };
    const { detail, ...words } = final;
    return { key, ...words, ...(keep === "details" && detail !== "" && { detail: cut(detail) }) };
  });
}

/** Half a character, which a text may come with or be cut to, would make DynamoDB refuse the whole write. */
function cut(detail: string): string {
  return detail.slice(0, detailLimit).replace(/\p{Surrogate}/gu, "\ufffd");
}
