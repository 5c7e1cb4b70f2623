// Dynamo mail row: decodes the row of a mail in the ledger table, and encodes finals for it.
// Finals are a list in the order of recording. If there are two for one effect, the first counts. So any number of finals
// is added by one short expression, and recording a final twice has no effect.

import type { EffectKey, Final } from "@sesame/core";
import { z } from "zod";
import type { Row } from "./dynamo-table.ts";
import { GarbledError } from "./trouble.ts";

/** A decoded row. `owner` is `null` if no worker holds the mail. */
export type MailRow = Readonly<{
  owner: string | null;
  /** The owner that released or closed it last. */
  lastOwner: string | null;
  until: number;
  crashes: number;
  closed: boolean;
  finals: ReadonlyMap<EffectKey, Final>;
}>;

/** A final as an element of the list. */
export type StoredFinal = Readonly<{ key: string; action: string }> & Readonly<Record<string, string>>;

/** Characters of a detail that are kept. A row holds 400 KB for all recipients of a mail. */
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

/** Decodes a row; `null` stays `null`. Throws if the row is invalid: to read it as empty would repeat deliveries. */
export function decodeMailRow(row: Row | null): MailRow | null {
  if (row === null) return null;
  const parsed = mailRow.safeParse(row);
  if (!parsed.success) throw new GarbledError(`a row of the ledger is invalid: ${parsed.error.issues[0]?.path.join(".")}`);
  const { owner = null, lastOwner = null, until, crashes, closed, finals } = parsed.data;
  const first = new Map<EffectKey, Final>();
  for (const { key, ...final } of finals) if (!first.has(key as EffectKey)) first.set(key as EffectKey, final as Final);
  return { owner, lastOwner, until, crashes, closed, finals: first };
}

/** The list to append. `keep: "words"` omits the details, for a row that is full. */
export function encodeFinals(finals: ReadonlyMap<EffectKey, Final>, keep: "details" | "words" = "details"): readonly StoredFinal[] {
  return [...finals].map(([key, final]) => {
    if (final.action === "skipped") return { key, ...final };
    const { detail, ...words } = final;
    return { key, ...words, ...(keep === "details" && detail !== "" && { detail: cut(detail) }) };
  });
}

/** Replaces unpaired surrogates, in the text or made by the cut: DynamoDB would refuse the whole write. */
function cut(detail: string): string {
  return detail.slice(0, detailLimit).replace(/\p{Surrogate}/gu, "\ufffd");
}
