// Replay: which mails are not done although nothing is in a queue for them, and what is missing of each by the ledger. Nothing is
// done twice: a notice names only recipients who have not got the mail, and the ledger lets no end be made again. A refused delivery
// is tried anew: its end is taken back from the closed row.

import { type Address, addressKey, type EffectKey, type StoredMail } from "@sesame/core";
import { type LedgerEntry, type ShelvedMail, storedMark } from "@sesame/core/journey";
import { keyOf, parseEffectKey } from "@sesame/core/plan";
import type { Progress } from "../progress.ts";
import { type Choice, idOf, pagesOf, type Unfinished } from "./compare.ts";
import { findForgotten } from "./forgotten.ts";
import { noticeText, rebuildNotice } from "./rebuilt-notice.ts";
import type { Sending } from "./requeue.ts";

/**
 * "forgotten": no worker knows the mail. "open": a worker had it, and it is not done. The others are those of the audit mark: a
 * delivery failed for some or all.
 */
export type ReplayStatus = (typeof replayStatuses)[number];
export const replayStatuses = ["forgotten", "open", "partial", "rejected", "all_invalid"] as const;

/** A mail to be put into a queue. `takeBack`: failed deliveries that are tried anew. `doubtful`: why others may miss it too. */
export type Replay = Sending &
  Readonly<{
    mail: ShelvedMail;
    status: ReplayStatus;
    recipients: readonly Address[];
    doubtful: string | null;
    takeBack: readonly EffectKey[];
  }>;

/** A mail that cannot be put into a queue, and why. */
export type NotReplayed = Readonly<{ mail: ShelvedMail; status: ReplayStatus; why: string }>;

export type Replays = Readonly<{ looked: number; replays: readonly Replay[]; others: readonly NotReplayed[] }>;

type ReplayPlaces = Parameters<typeof findForgotten>[0];

/** Finds the mails of these states. `rows`: how many of them the ledger knows. */
export async function findReplays(
  places: ReplayPlaces,
  choice: Choice,
  statuses: ReadonlySet<ReplayStatus>,
  progress: Progress,
): Promise<Replays & Readonly<{ rows: number }>> {
  const found = await findForgotten(places, choice, progress);
  const replays: Replay[] = [];
  const others: NotReplayed[] = [];
  if (statuses.has("forgotten")) {
    for (const { of, doubtful, ...sending } of found.forgotten)
      replays.push({ ...sending, mail: of.mail, status: "forgotten", doubtful: doubtful ? moreNamed : null, takeBack: [] });
    others.push(...found.unnamed.map(({ mail }) => ({ mail, status: "forgotten" as const, why: "it names nobody of ours" })));
    others.push(...found.waiting.map(({ mail, why }) => ({ mail, status: "forgotten" as const, why: `perhaps waiting: ${why}` })));
  }
  if (statuses.has("open")) for (const of of found.stuck) add(await openReplay(of, places));
  const marks = new Set([...statuses].filter((status) => status !== "forgotten" && status !== "open"));
  if (marks.size > 0) for await (const of of markedMails(places, choice, marks)) add(await failedReplay(of, places));
  return { looked: found.looked, rows: found.rows, replays, others };

  function add(one: Replay | NotReplayed): void {
    if ("why" in one) others.push(one);
    else replays.push(one);
  }
}

const moreNamed = "its header names more recipients of ours than SES wrote down";

/** An open mail: those whom the header names and who are not done. */
async function openReplay({ mail, domains }: Unfinished, { book, store }: ReplayPlaces): Promise<Replay | NotReplayed> {
  const [entry, stored] = await Promise.all([book.read(idOf(mail)), store.open(mail.location)]);
  if (stored === "missing") return { mail, status: "open", why: "its object is gone" };
  const rebuilt = rebuildNotice(stored, domains);
  if (!("stamp" in rebuilt)) return { mail, status: "open", why: "nothing in it says for whom it is" };
  const done = new Set((entry?.ends ?? []).map(({ key }) => key));
  const recipients = rebuilt.recipients.filter((recipient) => !done.has(keyOf("deliver", recipient)));
  const [first] = recipients;
  if (first === undefined) return { mail, status: "open", why: "all whom it names are done, and somebody else waits" };
  const waiting = entry?.waiting ?? 0;
  const doubtful = waiting === recipients.length ? null : `${waiting} wait by the ledger, and its header names ${recipients.length}`;
  const notice = noticeText(stored, { ...rebuilt, recipients }, mail.storedAt);
  return { mail, status: "open", domain: rebuilt.domain, recipients, notice, doubtful, takeBack: [] };
}

type Marked = Readonly<{ mail: ShelvedMail; domains: Unfinished["domains"]; status: ReplayStatus }>;

/** Mails whose mark has one of these states. Each costs a request. */
async function* markedMails(places: ReplayPlaces, choice: Choice, statuses: ReadonlySet<ReplayStatus>): AsyncGenerator<Marked> {
  for await (const page of pagesOf(places, choice))
    for (const { mail, domains } of page) {
      const label = await places.shelf.look(mail.location);
      const status = label === "missing" ? undefined : (storedMark(label)?.status as ReplayStatus | undefined);
      if (status !== undefined && statuses.has(status)) yield { mail, domains, status };
    }
}

const closedSeconds = 30; // by then the ends are taken back; a notice that comes before finds a mail that is done

/** A closed mail: those whose delivery failed. The ledger knows them. */
async function failedReplay({ mail, domains, status }: Marked, { book, store }: ReplayPlaces): Promise<Replay | NotReplayed> {
  const [entry, stored] = await Promise.all([book.read(idOf(mail)), store.open(mail.location)]);
  if (stored === "missing") return { mail, status, why: "its object is gone" };
  if (entry === null) return { mail, status, why: "the ledger does not remember it, so nobody knows who has it" };
  if (entry.state !== "closed") return { mail, status, why: "a worker has it, or it waits in a queue" };
  return failedOf(entry, stored, { mail, domains, status });
}

function failedOf(entry: LedgerEntry, stored: StoredMail, { mail, domains, status }: Marked): Replay | NotReplayed {
  const failed = entry.ends.filter(({ final }) => final.action === "failed");
  const named = failed.flatMap(({ key }) => {
    const parsed = parseEffectKey(key);
    return parsed?.kind === "deliver" ? [{ key, recipient: parsed.recipient }] : [];
  });
  const recipients = [...new Map(named.map(({ recipient }) => [addressKey(recipient), recipient])).values()];
  const rebuilt = rebuildNotice(stored, domains);
  if (recipients.length === 0) return { mail, status, why: "no delivery of it failed" };
  if (!("stamp" in rebuilt)) return { mail, status, why: "it is no mail that SES stored under this key" };
  const notice = noticeText(stored, { ...rebuilt, recipients }, mail.storedAt);
  const takeBack = named.map(({ key }) => key);
  return { mail, status, domain: rebuilt.domain, recipients, notice, doubtful: null, takeBack, afterSeconds: closedSeconds };
}
