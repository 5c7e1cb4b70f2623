// Entry: one queue entry from its receipt to its outcome. An entry may hold several records, and each has its own way: mail
// goes through journey.ts, SES's events become rows of the outbound table, and what cannot be read stays in the queue. The
// caller owns the entry: it extends it while this runs, and acknowledges it or gives it back as the outcome says.

import type { MailId, Notice } from "../ses/notice.ts";
import { decodeEntry, type NoticeItem } from "../ses/queue-entry.ts";
import type { SendingEvent } from "../ses/sending-event.ts";
import type { EpochMs } from "../time.ts";
import { runJourney } from "./journey.ts";
import type { EntryOutcome } from "./outcome.ts";
import { thrownEvent } from "./port-error.ts";
import type { JourneyPorts, QueueEntry } from "./ports.ts";
import { backOff, sameMailDelay } from "./retry-delay.ts";
import { stageTimer } from "./stage-timer.ts";

/** Takes one entry all the way. What a port throws here is thrown on: the entry stays queued. */
export async function handleEntry(entry: QueueEntry, ports: JourneyPorts): Promise<EntryOutcome> {
  const stage = stageTimer(ports.clock, ports.journal);
  const items = decodeEntry(entry.body, entry.sentAt);
  if (!items.ok) return leaveUndecoded(items.error, entry, ports);
  stage("decode");
  let latest: EntryOutcome = { kind: "ack" };
  let failure: { readonly thrown: unknown } | null = null;
  const last = items.value.at(-1);
  for (const item of items.value) {
    try {
      latest = laterOf(latest, await handleItem(item, entry, item === last ? ports : { ...ports, onRecorded: () => {} }));
    } catch (thrown) {
      // The other records are still handled; the caller notes what is thrown on.
      if (failure === null) failure = { thrown };
      else ports.journal.note(thrownEvent(thrown, null));
    }
  }
  if (failure !== null) throw failure.thrown;
  return latest;
}

/** An entry is acknowledged only when all its records are done. */
function laterOf(a: EntryOutcome, b: EntryOutcome): EntryOutcome {
  if (a.kind === "leave" || b.kind === "leave") return { kind: "leave" };
  if (a.kind === "ack") return b;
  return b.kind === "ack" || b.afterSeconds < a.afterSeconds ? a : b;
}

async function handleItem(item: NoticeItem, entry: QueueEntry, ports: JourneyPorts): Promise<EntryOutcome> {
  switch (item.kind) {
    case "ignored":
      ports.journal.note({ kind: "entry-ignored", entryId: entry.id, reason: item.reason });
      return { kind: "ack" };
    case "event":
      return noteEvent(item.event, ports);
    case "mail":
      return handleOneAtATime(item.notice, entry, ports);
    case "undecodable":
      return leaveUndecoded(item.error, entry, ports);
    default:
      return item satisfies never;
  }
}

/** What cannot be read stays in the queue, until somebody looks into the dead-letter queue. */
function leaveUndecoded(text: string, entry: QueueEntry, { journal }: Pick<JourneyPorts, "journal">): EntryOutcome {
  journal.note({ kind: "entry-undecodable", entryId: entry.id, text });
  return { kind: "retry", afterSeconds: backOff(entry.id, entry.receiveCount) };
}

async function noteEvent(
  { kind, row }: SendingEvent,
  { outbound, journal }: Pick<JourneyPorts, "outbound" | "journal">,
): Promise<EntryOutcome> {
  await outbound.note(row);
  journal.note({ kind: "event-noted", news: kind, sesId: row.MessageId });
  return { kind: "ack" };
}

/** Another entry of the same mail waits for the first; the ledger then says that it is done. */
async function handleOneAtATime(notice: Notice, entry: QueueEntry, ports: JourneyPorts): Promise<EntryOutcome> {
  const { mailId } = notice;
  if (ports.inWork.has(mailId)) return waitForOther(mailId, entry, ports);
  ports.inWork.add(mailId);
  try {
    return await runJourney(notice, entry, ports);
  } finally {
    ports.inWork.delete(mailId);
  }
}

function waitForOther(
  mailId: MailId,
  entry: QueueEntry,
  { journal, clock, resting }: Pick<JourneyPorts, "journal" | "clock" | "resting">,
): EntryOutcome {
  const afterSeconds = sameMailDelay(entry.id, entry.receiveCount);
  resting.hides(afterSeconds);
  journal.note({ kind: "busy-elsewhere", mailId, until: (clock.now() + afterSeconds * 1000) as EpochMs });
  return { kind: "retry", afterSeconds };
}
