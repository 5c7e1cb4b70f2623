// Replay: a mail that is received again and again while calls of ports die, fail or delay, until it is acknowledged, and what is
// wrong then. The stores are fakes, or those of a class that extends it.

import {
  type Address,
  delayed,
  type EffectKey,
  type EntryOutcome,
  type JournalEvent,
  type JourneyPorts,
  type MailTransaction,
  type Verdict,
} from "@sesame/core";
import { type Fault, type FaultAct, FaultInjector, faultAt } from "../fakes/faults.ts";
import { location, TestWay } from "./way.ts";

/** A way whose journal is silent while its worker is dead. */
export class Replay extends TestWay {
  readonly heard: JournalEvent[] = [];

  override way(): JourneyPorts {
    const note = (event: JournalEvent) => void (this.faults.dead || this.heard.push(event));
    return { ...super.way(), journal: { note } };
  }

  /** Receives again and again, as the queue brings the entry back, until one acknowledgement came through. */
  async untilAcknowledged(): Promise<void> {
    for (let turn = 0; turn < 12; turn++) {
      const outcome = await this.#turn().catch((): EntryOutcome => ({ kind: "leave" }));
      if (outcome.kind === "ack") return;
      this.faults.revive();
      this.clock.advance(outcome.kind === "retry" ? Math.max(outcome.afterSeconds, 121) : 121);
    }
    throw new Error("it never ends");
  }

  /** The metadata of the object; `undefined`: there is none. */
  async trail(): Promise<Readonly<Record<string, string>> | undefined> {
    return this.store.attributesOf(location);
  }

  async #turn(): Promise<EntryOutcome> {
    const queue = this.faults.wrap("MailQueue", { receive: async () => {}, ack: async () => {} });
    await queue.receive();
    const outcome = await this.receive();
    if (outcome.kind === "ack") await queue.ack(); // a dead worker says nothing
    return outcome;
  }

  /** How often each effect got through. */
  copies(): ReadonlyMap<EffectKey, number> {
    const counts = new Map<EffectKey, number>();
    for (const { recipients, verdicts } of this.courier.sent) {
      for (const { key } of recipients) {
        if (["delivered", "relayed"].includes(verdicts.get(key)?.action ?? "")) counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    return counts;
  }

  /** How often the journal said of an effect that it may be done twice. */
  announcements(key: EffectKey): number {
    return this.heard.filter((event) => {
      if (event.kind === "taken-over") return true;
      if (event.kind === "unrecorded") return event.keys.includes(key);
      return event.kind === "deed" && event.key === key && event.verdict.action === "delayed" && event.verdict.possibleDuplicate;
    }).length;
  }
}

export type Scenario = Readonly<{
  /** On the stores of a kind of replay. */
  make: (Kind: typeof Replay) => Replay;
  /** Effects that must be done. */
  due: readonly string[];
  reply?: string;
  /** The trail; `null`: the mail is erased. */
  trail: Readonly<{ status: string; invalid_inboxes?: string }> | null;
}>;

export const alice: Address = "alice@example.com" as Address;
const [carol, gone] = ["carol@example.com", "gone@example.com"] as [Address, Address];
export const mail: string =
  "From: Bob <bob@remote.test>\r\nTo: alice@example.com, carol@example.com\r\nSubject: Hi\r\nMessage-ID: <1@remote.test>\r\n\r\nHello\r\n";
const delivered: Verdict = { action: "delivered", detail: "250" };
const noMailbox: Verdict = { action: "failed", status: "5.1.1", reason: "no-such-mailbox", scope: "recipient", detail: "550 5.1.1" };

function three(Kind: typeof Replay): Replay {
  const way = new Kind(mail, { recipients: [alice, carol, gone] });
  way.courier.script("mailbox", carol, delayed("try-later", "recipient", "450"), delivered);
  way.courier.script("mailbox", gone, noMailbox);
  return way;
}

function everything(Kind: typeof Replay): Replay {
  const way = new Kind(mail);
  way.directory.rule(alice, { ooo_active: true, ooo_message: "I am away", forwards: ["x@other.test", "y@another.test"] });
  return way;
}

const sesId = "0107018f3a2b4c5d-1a2b3c4d-5e6f-7a8b-9c0d-112233445566-000000";
const bounce =
  "Received: from a (a1.smtp-out.amazonses.com [1.2.3.4]) by x; Mon, 05 Jan 2026 12:00:00 +0000\r\nFrom: MAILER-DAEMON@amazonses.com\r\nTo: alice@example.com\r\n" +
  "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; gone@x.test\r\n" +
  `--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <${sesId}@email.amazonses.com>\r\n\r\nHi\r\n--b--\r\n`;

function bounced(Kind: typeof Replay): Replay {
  const way = new Kind(bounce, { source: "" });
  way.outbound.rows.set(sesId, { MessageId: sesId, original_source: alice, bouncedRecipients: ["gone@x.test"] });
  return way;
}

function blocked(Kind: typeof Replay): Replay {
  const way = new Kind(mail.replace(", carol@example.com", "")); // for carol another notice may come
  way.directory.block(alice, ["*@remote.test"]);
  return way;
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  "one recipient": { make: (Kind) => new Kind(mail), due: [`deliver ${alice}`], trail: { status: "delivered" } },
  "three recipients that answer 250, 450 and 550": {
    make: three,
    due: [`deliver ${alice}`, `deliver ${carol}`],
    trail: { status: "partial", invalid_inboxes: gone },
  },
  "a reply and two forwards": {
    make: everything,
    due: [`deliver ${alice}`, `forward ${alice} x@other.test`, `forward ${alice} y@another.test`],
    reply: `reply ${alice}`,
    trail: { status: "delivered" },
  },
  "a bounce": { make: bounced, due: [`deliver ${alice}`], trail: { status: "delivered" } },
  "a blocked sender": { make: blocked, due: [], trail: null },
};

const simple = ["die-before", "die-after", "throw-before", "throw-after"] as const;

/** A fault of each way at a point; an answer that delays where the port has one. */
export function faultsAt(point: string): readonly Fault[] {
  const answers: Readonly<Record<string, FaultAct>> = {
    "Courier.send": { kind: "answer-by", make: (_, transaction) => delayAll(transaction as MailTransaction) },
    "MailStore.open": { kind: "answer", value: "missing" },
    "Ledger.claim": { kind: "answer", value: { kind: "busy", until: Date.parse("2026-01-05T12:00:10Z") } },
  };
  const answer = answers[point.replace(/#.*/, "")];
  return [...simple.map((kind): FaultAct => ({ kind })), ...(answer ? [answer] : [])].map((act) => faultAt(point, act));
}

function delayAll({ recipients }: MailTransaction): ReadonlyMap<EffectKey, Verdict> {
  return new Map(recipients.map(({ key }) => [key, delayed("try-later", "mail", "451 try again later")]));
}

/** What is wrong at the end of a journey with these faults, in words. */
export async function wrongAfter(
  Kind: typeof Replay,
  { make, due, reply, trail }: Scenario,
  faults: readonly Fault[],
): Promise<{ way: Replay; wrong: readonly string[] }> {
  const way = make(Kind);
  way.faults = new FaultInjector(faults);
  await way.untilAcknowledged();
  const wrong: string[] = [];
  const copies = way.copies();
  for (const key of due as readonly EffectKey[]) {
    const count = copies.get(key) ?? 0;
    if (count === 0) wrong.push(`lost: ${key}`);
    if (count > 1 + faults.length) wrong.push(`done ${count} times: ${key}`);
    if (count > 1 + way.announcements(key)) wrong.push(`done ${count} times, announced ${way.announcements(key)} times: ${key}`);
  }
  for (const [key, count] of copies) if (!due.includes(key) && (key !== reply || count > 1)) wrong.push(`done ${count} times: ${key}`);
  return { way, wrong: [...wrong, ...(await wrongTrail(way, trail, faults)), ...wrongLines(way, faults)] };
}

async function wrongTrail(way: Replay, trail: Scenario["trail"], faults: readonly Fault[]): Promise<readonly string[]> {
  if (way.heard.some((event) => event.kind === "audit-failed")) return []; // it failed, and was said
  // Of an object that the store calls missing when the closed mail came back there can be no trail.
  const missing = faults.some(({ method, act }) => method === "open" && act.kind === "answer");
  if (missing && way.heard.some((event) => event.kind === "already-closed")) return [];
  const found = await way.trail();
  if (trail === null) return found === undefined ? [] : ["the mail is not erased"];
  const { status, invalid_inboxes } = trail;
  return found?.["status"] === status && found["invalid_inboxes"] === invalid_inboxes ? [] : [`the trail says ${JSON.stringify(found)}`];
}

/** One closing line, but where the worker never heard that it had closed the mail. */
function wrongLines(way: Replay, faults: readonly Fault[]): readonly string[] {
  const lines = way.heard.filter((event) => event.kind === "mail" && event.settlement.kind === "close").length;
  const unheard = faults.some(({ port, method, act }) => `${port}.${method}` === "Ledger.record" && act.kind.endsWith("after"));
  return lines === 1 || (lines === 0 && unheard) ? [] : [`${lines} closing lines`];
}

export async function pointsOf(Kind: typeof Replay, { make }: Scenario): Promise<readonly string[]> {
  const way = make(Kind);
  await way.untilAcknowledged();
  return way.faults.points;
}

export const textOf = (faults: readonly Fault[]): string =>
  faults.map(({ port, method, call, act }) => `${act.kind} ${port}.${method}#${call}`).join(", ");
