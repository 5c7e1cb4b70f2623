// Mail search: finds mails by what a person knows of them: the key or its beginning, the Message-ID, or a recipient.

import { addressKey, domainOf, err, type MailId, mailId, ok, parseAddress, quote, type Result } from "@sesame/core";
import { type LedgerFound, type LedgerLimits, messageHash, recipientHash } from "@sesame/core/journey";
import { idsIn, withoutTag } from "@sesame/core/mail";
import type { Places } from "./places.ts";

/** What to look for. */
export type Sought =
  | { readonly kind: "key"; readonly begin: string }
  | { readonly kind: "message"; readonly id: string }
  | { readonly kind: "recipient"; readonly address: string };

/** The mails that were found. `looked`: how the ledger was searched; `null` where it was not. `more`: there may be others. */
export type Found = Readonly<{ mails: readonly MailId[]; more: boolean; looked: LedgerFound | null }>;

const leastKey = 4; // characters: a shorter beginning names too many mails
const longKey = 16; // characters from which the text may be a whole key, whose object is gone

type SearchPlaces = Pick<Places, "book" | "shelf" | "areas" | "domains">;

/** Reads an argument: `<…>` is a Message-ID, and so is an address in a domain that is not served. */
export function soughtIn(text: string, domains: Places["domains"]): Result<Sought> {
  const [id] = idsIn(text);
  if (id !== undefined) return ok({ kind: "message", id });
  if (text.includes("@")) {
    const parsed = parseAddress(text);
    if (parsed.ok && domains.includes(domainOf(parsed.value))) return ok({ kind: "recipient", address: parsed.value });
    const [bare] = idsIn(`<${text}>`);
    return bare === undefined
      ? err(`Cannot look for ${quote(text)}: must be an address or a Message-ID`)
      : ok({ kind: "message", id: bare });
  }
  if (text.length >= leastKey) return ok({ kind: "key", begin: text });
  return err(`Cannot look for a key that begins with ${quote(text)}: must have at least ${leastKey} characters`);
}

/** Looks for mails. An error if the ledger cannot be asked for what is sought. */
export async function findMails(sought: Sought, places: SearchPlaces, limits: LedgerLimits): Promise<Result<Found>> {
  if (sought.kind === "key") return ok(await byKey(sought.begin, places, limits.most));
  const key = await places.book.key();
  if (key === null) return err("Cannot look for a mail in the ledger: it has no loop key yet, so no worker has taken a mail. Give its key");
  const looked = await places.book.search(questionOf(sought, key), limits);
  return ok({ mails: looked.mails, more: !looked.complete, looked });
}

function questionOf(sought: Exclude<Sought, { readonly kind: "key" }>, key: Uint8Array): Parameters<Places["book"]["search"]>[0] {
  if (sought.kind === "message") return { kind: "message", hash: messageHash(key, sought.id) };
  const parsed = parseAddress(sought.address);
  if (!parsed.ok) throw new TypeError(parsed.error);
  const recipient = addressKey(parsed.value);
  return { kind: "recipient", hash: recipientHash(key, recipient), mailbox: recipientHash(key, withoutTag(recipient)) };
}

/** By listing: a key needs no search of the ledger. Of a mail whose object is gone, the ledger knows the whole key. */
async function byKey(begin: string, { book, shelf, areas }: SearchPlaces, most: number): Promise<Found> {
  const found = new Set<MailId>();
  for (const { bucket, prefix } of areas) {
    const id = `${bucket}/${prefix}`;
    const rest = begin.startsWith(id) ? begin.slice(id.length) : begin;
    for (const exact of [begin, `${id}${rest}`])
      if (exact.includes("/") && rest.length >= longKey && (await book.read(mailId(exact))) !== null) found.add(mailId(exact));
    for await (const page of shelf.list(bucket, `${prefix}${rest}`)) {
      for (const { location } of page) found.add(mailId(`${location.bucket}/${location.key}`));
      if (found.size > most) break;
    }
  }
  return { mails: [...found].slice(0, most), more: found.size > most, looked: null };
}
