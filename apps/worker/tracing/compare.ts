// Compare: the stored mails against the ledger and the audit marks. A mail with neither may be forgotten: its notice is lost, or
// waits in a queue, which cannot be searched. It changes nothing.

import { type Domain, type EpochMs, type MailId, mailId } from "@sesame/core";
import { type LedgerState, type ShelvedMail, storedMark } from "@sesame/core/journey";
import type { MailArea } from "../mail-areas.ts";
import type { Progress } from "../progress.ts";
import { isFailed, looked, type Places, type QueueView } from "./places.ts";

/** A stored mail, the domains whose mail is stored there, and what the ledger says of it (`null`: nothing). */
export type Compared = Readonly<{ mail: ShelvedMail; domains: readonly Domain[]; state: LedgerState | null }>;

/** `why`: why its notice may still be in a queue; `null` if it is not there. */
export type Unfinished = Compared & Readonly<{ why: string | null }>;

/** `rows`: mails of which the ledger has a row. `unfinished`: those without row and mark, and those whose row is open. */
export type Comparison = Readonly<{ looked: number; rows: number; done: number; held: number; unfinished: readonly Unfinished[] }>;

type ComparePlaces = Pick<Places, "book" | "shelf" | "areas" | "queue" | "now">;

/** Which mails to look at. `prefix`: of the key, behind that of MAIL_OBJECTS. */
export type Choice = Readonly<{ since: EpochMs; prefix?: string }>;

const young = 3_600_000; // milliseconds: a notice may take some time on its way
const atOnce = 16; // calls for single objects

/** Compares all mails of a choice. The queues are asked last: what left them meanwhile has a row by then. */
export async function compare(places: ComparePlaces, choice: Choice, progress: Progress): Promise<Comparison> {
  const counts = { looked: 0, rows: 0, done: 0, held: 0 };
  const found: Compared[] = [];
  for await (const mails of pagesOf(places, choice)) {
    const states = await places.book.states(mails.map(({ mail }) => idOf(mail)));
    const compared = mails.map(({ mail, domains }) => ({ mail, domains, state: states.get(idOf(mail)) ?? null }));
    counts.looked += mails.length;
    counts.rows += states.size;
    counts.done += compared.filter(({ state }) => state === "closed").length;
    counts.held += compared.filter(({ state }) => state === "held").length;
    const without = await unmarked(
      compared.filter(({ state }) => state === null),
      places,
    );
    counts.done += compared.filter(({ state }) => state === null).length - without.length;
    found.push(...without, ...compared.filter(({ state }) => state === "open"));
    progress.step(mails.length);
  }
  const unfinished = await judged(found, places);
  const [closed, held] = ["closed", "held"].map((state) => unfinished.filter((each) => each.state === state).length);
  return {
    ...counts,
    done: counts.done + (closed ?? 0),
    held: counts.held + (held ?? 0),
    unfinished: unfinished.filter(({ state }) => state === null || state === "open"),
  };
}

/** The id of a stored mail in the ledger. */
export function idOf({ location }: ShelvedMail): MailId {
  return mailId(`${location.bucket}/${location.key}`);
}

/** Pages of mails with the domains of their area. Objects of SES and of `sesame check` that are no mail are left out. */
export async function* pagesOf(
  { areas, shelf }: ComparePlaces,
  { since, prefix = "" }: Choice,
): AsyncGenerator<readonly Omit<Compared, "state">[]> {
  for (const area of areas)
    for await (const page of shelf.list(area.bucket, `${area.prefix}${prefix}`)) {
      const mails = page.filter(({ location, storedAt }) => storedAt >= since && isMailKey(location.key, area));
      if (mails.length > 0) yield mails.map((mail) => ({ mail, domains: area.domains }));
    }
}

function isMailKey(key: string, { prefix }: MailArea): boolean {
  return key !== prefix && !key.endsWith("AMAZON_SES_SETUP_NOTIFICATION") && !key.startsWith("sesame-check/");
}

async function unmarked(mails: readonly Compared[], { shelf }: ComparePlaces): Promise<readonly Compared[]> {
  const kept: Compared[] = [];
  for (let at = 0; at < mails.length; at += atOnce) {
    const some = mails.slice(at, at + atOnce);
    const labels = await Promise.all(some.map(({ mail }) => shelf.look(mail.location)));
    // An object that is gone was deleted meanwhile: that is an end too.
    kept.push(...some.filter((_, index) => labels[index] !== "missing" && !hasMark(labels[index])));
  }
  return kept;
}

function hasMark(label: Awaited<ReturnType<Places["shelf"]["look"]>> | undefined): boolean {
  return label !== undefined && label !== "missing" && storedMark(label) !== null;
}

/** Asks the queues, and then the ledger again. */
async function judged(found: readonly Compared[], places: ComparePlaces): Promise<readonly Unfinished[]> {
  if (found.length === 0) return [];
  const waiting = await waitingIn(new Set(found.flatMap(({ domains }) => domains)), places);
  const states = await statesOf(found, places);
  const now = places.now();
  return found.map((each) => {
    const isYoung = now - each.mail.storedAt < young;
    const queue = each.domains.map((domain) => waiting.get(domain) ?? null).find((why) => why !== null) ?? null;
    return { ...each, state: states.get(idOf(each.mail)) ?? null, why: isYoung ? "it was stored less than an hour ago" : queue };
  });
}

async function statesOf(found: readonly Compared[], { book }: ComparePlaces): Promise<ReadonlyMap<MailId, LedgerState>> {
  const all = new Map<MailId, LedgerState>();
  const ids = found.map(({ mail }) => idOf(mail));
  for (let at = 0; at < ids.length; at += 1000) for (const [id, state] of await book.states(ids.slice(at, at + 1000))) all.set(id, state);
  return all;
}

/** For each domain, why a notice may wait in its queue; `null`: the queue and the dead-letter queue are empty. */
async function waitingIn(domains: ReadonlySet<Domain>, places: ComparePlaces): Promise<ReadonlyMap<Domain, string | null>> {
  const views = await Promise.all([...domains].map(async (domain) => [domain, await looked(places.queue(domain))] as const));
  return new Map(views.map(([domain, view]) => [domain, isFailed(view) ? `its queue cannot be read: ${view.trouble}` : whyWaiting(view)]));
}

function whyWaiting({ name, size: { visible, inFlight, delayed }, dead }: QueueView): string | null {
  const entries = visible + inFlight + delayed;
  if (entries > 0) return `its queue ${name} has about ${entries} entries`;
  if (dead === null) return `the dead-letter queue of ${name} cannot be read`;
  return dead > 0 ? `the dead-letter queue of ${name} has about ${dead} entries` : null;
}
