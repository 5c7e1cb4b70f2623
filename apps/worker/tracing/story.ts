// Story: all that is known of one mail, read from the places where its traces are. A place that cannot be read is a part of the
// story. story-text.ts tells it to people.

import { type Domain, type EffectKey, type EpochMs, type Final, type MailId, type ObjectLocation, openMail } from "@sesame/core";
import { type LedgerEnd, type LedgerEntry, type StoredMark, storedMark } from "@sesame/core/journey";
import { messageIdOf } from "@sesame/core/mail";
import { parseEffectKey } from "@sesame/core/plan";
import { decodeOutboundRow, type SesStamp, sesStamp } from "@sesame/core/ses";
import { type Failed, isFailed, looked, type Places, type QueueView } from "./places.ts";

/** One end, taken apart. `kind`: "other" for a key of another version. */
export type StoryEnd = Readonly<{
  kind: "deliver" | "forward" | "reply" | "other";
  /** The recipient, or the row of the rule that asked for a forward or reply. */
  of: string;
  /** The target of a forward; `null` for others. */
  to: string | null;
  final: Final;
  at: EpochMs | null;
  /** What the outbound table says of what SES took; `null` if SES did not take it. */
  sent: SentRow | null;
}>;

/** A row of the outbound table. `bounced`: recipients that failed. "unknown": the table cannot be read. */
export type SentRow = Readonly<{ row: "present" | "missing" | "unknown"; bounced: readonly string[] }>;

/** The stored mail, as far as its first octets tell. */
export type StoryObject = Readonly<{ size: number; stamp: SesStamp | null; messageId: string | null; mark: StoredMark | null }>;

/**
 * "done": closed, or marked. "in-work": a worker has it. "waits": recipients wait for another attempt. "untouched": stored, and no
 * worker has taken it. "unknown": it cannot be told, because a place cannot be read.
 */
export type StoryState = "done" | "in-work" | "waits" | "untouched" | "unknown";

export type Story = Readonly<{
  mailId: MailId;
  state: StoryState;
  entry: LedgerEntry | null | Failed;
  object: StoryObject | "missing" | "inline" | Failed;
  ends: readonly StoryEnd[];
  /** The queues in which a notice of the mail may wait; none where the mail is done. */
  queues: readonly (QueueView | Failed)[];
}>;

type StoryPlaces = Pick<Places, "book" | "store" | "outbound" | "areas" | "domains" | "queue">;

/** Reads the story of a mail; `null` if neither the ledger nor the store knows it. */
export async function readStory(mailId: MailId, places: StoryPlaces): Promise<Story | null> {
  const location = locationOf(mailId);
  const [entry, object] = await Promise.all([
    looked(places.book.read(mailId)),
    location === null ? ("inline" as const) : readObject(location, places),
  ]);
  if (entry === null && (object === "missing" || object === "inline")) return null;
  const known = isFailed(entry) ? null : entry;
  const state = stateOf(entry, object);
  const ends = await Promise.all((known?.ends ?? []).map((end) => endOf(end, places)));
  const queues = state === "done" ? [] : await Promise.all(domainsOf(mailId, places).map((domain) => looked(places.queue(domain))));
  return { mailId, state, entry, object, ends, queues };
}

/** Bucket and key; `null` for a mail that came inside its notice. */
export function locationOf(mailId: MailId): ObjectLocation | null {
  const slash = mailId.indexOf("/");
  const bucket = mailId.slice(0, slash);
  return bucket === "sns" ? null : { kind: "object", bucket, key: mailId.slice(slash + 1) };
}

/** The domains in whose area a mail is. */
export function domainsOf(mailId: MailId, { areas }: Pick<Places, "areas">): readonly Domain[] {
  const inside = areas.filter(({ bucket, prefix }) => mailId.startsWith(`${bucket}/${prefix}`));
  return [...new Set(inside.flatMap(({ domains }) => domains))];
}

async function readObject(location: ObjectLocation, { store }: StoryPlaces): Promise<Story["object"]> {
  const opened = await looked(store.open(location));
  if (opened === "missing" || isFailed(opened)) return opened;
  const mail = openMail(opened.head, opened.size);
  return { size: opened.size, stamp: sesStamp(mail), messageId: messageIdOf(mail), mark: storedMark(opened) };
}

function stateOf(entry: Story["entry"], object: Story["object"]): StoryState {
  const isMarked = objectIn(object)?.mark != null;
  if (isFailed(entry)) return isMarked ? "done" : "unknown";
  if (entry === null) return isMarked ? "done" : isFailed(object) ? "unknown" : "untouched";
  return entry.state === "closed" ? "done" : entry.state === "held" ? "in-work" : "waits";
}

async function endOf({ key, final, at }: LedgerEnd, places: StoryPlaces): Promise<StoryEnd> {
  const base = { final, at, sent: await sentRow(final, places) };
  const parsed = parseEffectKey(key);
  if (parsed !== null) return { ...base, kind: parsed.kind, of: parsed.recipient, to: parsed.to };
  return { ...base, ...ruleOf(key) };
}

/** `forward *@example.com me@private.test`: a row for all addresses of a domain is no address. */
function ruleOf(key: EffectKey): Pick<StoryEnd, "kind" | "of" | "to"> {
  const [, kind = "other", of = key, to] = /^(forward|reply) (\*@\S+)(?: (\S+))?$/.exec(key) ?? [];
  return { kind: kind as StoryEnd["kind"], of, to: to ?? null };
}

const sesId = /^[0-9a-f]{16}-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}-\d{6}$/i;

/** The first word of the detail of what SES took is the id that SES gave to it. */
async function sentRow(final: Final, { outbound }: StoryPlaces): Promise<SentRow | null> {
  const id = final.action === "relayed" ? final.detail.trim() : "";
  if (!sesId.test(id)) return null;
  const row = await looked(outbound.find([id]));
  if (isFailed(row)) return { row: "unknown", bounced: [] };
  return { row: row === null ? "missing" : "present", bounced: isBounce(row) ? (decodeOutboundRow(row)?.recipients ?? []) : [] };
}

/** The row of what we sent names its target from the start; an event of SES adds the type of the bounce. */
function isBounce(row: unknown): boolean {
  return typeof row === "object" && row !== null && "bounceType" in row;
}

/** The stored mail, if it could be read. */
export function objectIn(object: Story["object"]): StoryObject | null {
  return typeof object === "string" || isFailed(object) ? null : object;
}

/** How many recipients had which end. */
export function countsOf({ ends }: Pick<Story, "ends">): Readonly<{ delivered: number; blocked: number; failed: number }> {
  const deliveries = ends.filter(({ kind }) => kind === "deliver").map(({ final }) => final);
  const isBlocked = (final: Final) => final.action === "skipped" && (final.reason === "blocked" || final.reason === "dropped");
  return {
    delivered: deliveries.filter(({ action }) => action === "delivered" || action === "relayed").length,
    blocked: deliveries.filter(isBlocked).length,
    failed: deliveries.filter(({ action }) => action === "failed").length,
  };
}
