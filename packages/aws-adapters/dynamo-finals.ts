// Dynamo finals: the final verdicts of a mail as they stand in its rows. Each is one text, a JSON array that begins with the
// short form of its key. They are a list in the order of recording, and the first one for an effect counts. So any number is
// added by one short expression, and recording a final twice has no effect. Rows of earlier versions have a list of maps.

import type { EffectKey, Final } from "@sesame/core";
import { z } from "zod";
import { GarbledError } from "./trouble.ts";

type Finals = ReadonlyMap<EffectKey, Final>;

/** Characters of a detail that are kept. */
const detailLimit = 200;
/** Octets of the finals that one write adds, so that a row grows in small steps. */
const partLimit = 60_000;

const text = z.string();
const compactFinal = z.union([
  z.tuple([text, z.literal("D"), text]).transform(([key, , detail]) => [key, { action: "delivered", detail }] as const),
  z.tuple([text, z.literal("R"), text]).transform(([key, , detail]) => [key, { action: "relayed", detail }] as const),
  z.tuple([text, z.literal("N"), text]).transform(([key, , detail]) => [key, { action: "relayed", detail, standIn: true }] as const),
  z
    .tuple([text, z.literal("F"), text, text, text, text])
    .transform(([key, , status, reason, scope, detail]) => [key, { action: "failed", status, reason, scope, detail }] as const),
  z.tuple([text, z.literal("S"), text]).transform(([key, , reason]) => [key, { action: "skipped", reason }] as const),
  z.tuple([text, z.literal("S"), text, text]).transform(([key, , reason, detail]) => [key, { action: "skipped", reason, detail }] as const),
]);

/** The element of the list in rows of earlier versions. */
export type FormerFinal = Readonly<{ key: string; action: Final["action"] }>;

/** Reads such an element. */
export const formerFinal: z.ZodType<FormerFinal> = z.discriminatedUnion("action", [
  z.object({ key: text, action: z.enum(["delivered", "relayed"]), detail: text.default("") }),
  z.object({ key: text, action: z.literal("failed"), status: text, reason: text, scope: text, detail: text.default("") }),
  z.object({ key: text, action: z.literal("skipped"), reason: text }),
]);

/** Decodes finals. Throws if one is invalid or of a later version: to read it as absent would repeat what was done. */
export function decodeFinals(former: readonly FormerFinal[], encoded: readonly string[]): Finals {
  const first = new Map<EffectKey, Final>();
  const add = (key: string, final: unknown) => {
    if (!first.has(key as EffectKey)) first.set(key as EffectKey, final as Final);
  };
  for (const { key, ...final } of former) add(key, final);
  for (const each of encoded) {
    const [key, final] = decodeFinal(each);
    add(longKey(key), final);
  }
  return first;
}

function decodeFinal(encoded: string): z.infer<typeof compactFinal> {
  let value: unknown;
  try {
    value = JSON.parse(encoded);
  } catch {
    value = null;
  }
  const parsed = compactFinal.safeParse(value);
  if (!parsed.success) throw new GarbledError("a row of the ledger is invalid: done");
  return parsed.data;
}

/** The texts to append, in parts that one write can add. */
export function encodeFinals(finals: Finals): readonly (readonly string[])[] {
  const parts: string[][] = [];
  let octets = partLimit;
  for (const [key, final] of finals) {
    const encoded = encodeFinal(key, final);
    if (octets + encoded.length > partLimit) {
      parts.push([]);
      octets = 0;
    }
    parts.at(-1)?.push(encoded);
    octets += Buffer.byteLength(encoded);
  }
  return parts;
}

function encodeFinal(key: EffectKey, final: Final): string {
  const short = shortKey(key);
  switch (final.action) {
    case "delivered":
      return JSON.stringify([short, "D", cut(final.detail)]);
    case "relayed":
      return JSON.stringify([short, final.standIn ? "N" : "R", cut(final.detail)]);
    case "failed":
      return JSON.stringify([short, "F", final.status, final.reason, final.scope, cut(final.detail)]);
    case "skipped":
      return JSON.stringify([short, "S", final.reason, ...(final.detail === undefined ? [] : [cut(final.detail)])]);
    default:
      return final satisfies never;
  }
}

const kinds = ["deliver", "forward", "reply"];

/** `d alice@example.com` for `deliver alice@example.com`; a key of another form stands behind "=". */
function shortKey(key: string): string {
  const kind = kinds.find((each) => key.startsWith(`${each} `));
  return kind === undefined ? `=${key}` : `${kind[0]}${key.slice(kind.length)}`;
}

function longKey(short: string): string {
  const kind = kinds.find((each) => short.startsWith(`${each[0]} `));
  return kind === undefined ? short.slice(1) : `${kind}${short.slice(1)}`;
}

/** Replaces unpaired surrogates, in the text or made by the cut: DynamoDB would refuse the whole write. */
function cut(detail: string): string {
  return detail.slice(0, detailLimit).replace(/\p{Surrogate}/gu, "\ufffd");
}
