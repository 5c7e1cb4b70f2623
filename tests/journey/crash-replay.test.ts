// Crash replay: whatever call of a port a worker dies at, before or after it took effect, and whatever call fails or
// delays, the entry comes back until it is acknowledged, and then nothing is lost, no reply went out twice, and of each
// copy too many the journal had said that it may come. Every single fault; pairs of faults by seeds.

import { describe, expect, test } from "bun:test";
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
class Replay extends TestWay {
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

type Scenario = Readonly<{
  make: () => Replay;
  /** Effects that must be done. */
  due: readonly string[];
  reply?: string;
  /** The trail; `null`: the mail is erased. */
  trail: Readonly<{ status: string; invalid_inboxes?: string }> | null;
}>;

const [alice, carol, gone] = ["alice@example.com", "carol@example.com", "gone@example.com"] as [Address, Address, Address];
const mail =
  "From: Bob <bob@remote.test>\r\nTo: alice@example.com, carol@example.com\r\nSubject: Hi\r\nMessage-ID: <1@remote.test>\r\n\r\nHello\r\n";
const delivered: Verdict = { action: "delivered", detail: "250" };
const noMailbox: Verdict = { action: "failed", status: "5.1.1", reason: "no-such-mailbox", scope: "recipient", detail: "550 5.1.1" };

function three(): Replay {
  const way = new Replay(mail, { recipients: [alice, carol, gone] });
  way.courier.script("mailbox", carol, delayed("try-later", "recipient", "450"), delivered);
  way.courier.script("mailbox", gone, noMailbox);
  return way;
}

function everything(): Replay {
  const way = new Replay(mail);
  way.directory.rule(alice, { ooo_active: true, ooo_message: "I am away", forwards: ["x@other.test", "y@another.test"] });
  return way;
}

const sesId = "0107018f3a2b4c5d-1a2b3c4d-5e6f-7a8b-9c0d-112233445566-000000";
const bounce =
  "Received: from a (a1.smtp-out.amazonses.com [1.2.3.4]) by x; Mon, 05 Jan 2026 12:00:00 +0000\r\nFrom: MAILER-DAEMON@amazonses.com\r\nTo: alice@example.com\r\n" +
  "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; gone@x.test\r\n" +
  `--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <${sesId}@email.amazonses.com>\r\n\r\nHi\r\n--b--\r\n`;

function bounced(): Replay {
  const way = new Replay(bounce, { source: "" });
  way.outbound.rows.set(sesId, { MessageId: sesId, original_source: alice, bouncedRecipients: ["gone@x.test"] });
  return way;
}

function blocked(): Replay {
  const way = new Replay(mail.replace(", carol@example.com", "")); // for carol another notice may come
  way.directory.block(alice, ["*@remote.test"]);
  return way;
}

const scenarios: Readonly<Record<string, Scenario>> = {
  "one recipient": { make: () => new Replay(mail), due: [`deliver ${alice}`], trail: { status: "delivered" } },
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
function faultsAt(point: string): readonly Fault[] {
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
async function wrongAfter(
  { make, due, reply, trail }: Scenario,
  faults: readonly Fault[],
): Promise<{ way: Replay; wrong: readonly string[] }> {
  const way = make();
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
  return { way, wrong: [...wrong, ...wrongTrail(way, trail, faults), ...wrongLines(way, faults)] };
}

function wrongTrail(way: Replay, trail: Scenario["trail"], faults: readonly Fault[]): readonly string[] {
  if (way.heard.some((event) => event.kind === "audit-failed")) return []; // it failed, and was said
  // Of an object that the store calls missing when the closed mail came back there can be no trail.
  const missing = faults.some(({ method, act }) => method === "open" && act.kind === "answer");
  if (missing && way.heard.some((event) => event.kind === "already-closed")) return [];
  const found = way.store.attributesOf(location);
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

async function pointsOf({ make }: Scenario): Promise<readonly string[]> {
  const way = make();
  await way.untilAcknowledged();
  return way.faults.points;
}

const textOf = (faults: readonly Fault[]) =>
  faults.map(({ port, method, call, act }) => `${act.kind} ${port}.${method}#${call}`).join(", ");

describe("handleEntry() keeps its promise", () => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    test(`with ${name}, whatever single call dies, fails or delays`, async () => {
      const points = await pointsOf(scenario);
      expect(points.length).toBeGreaterThan(6);
      for (const fault of points.flatMap(faultsAt)) {
        const { wrong } = await wrongAfter(scenario, [fault]);
        expect([textOf([fault]), wrong]).toEqual([textOf([fault]), []]);
      }
    }, 120_000);
  }

  const seeds = 400;
  test(`with any of ${seeds} pairs of faults`, async () => {
    const all = await Promise.all(Object.values(scenarios).map(async (scenario) => ({ scenario, points: await pointsOf(scenario) })));
    for (let seed = 0; seed < seeds; seed++) {
      const { scenario, points } = all[seed % all.length] as (typeof all)[number];
      const first = pick(seed, 1, points.flatMap(faultsAt));
      // The second one strikes what the first one brings about, too.
      const after = await wrongAfter(scenario, [first]);
      const second = pick(seed, 2, after.way.faults.points.flatMap(faultsAt));
      const { wrong } = await wrongAfter(scenario, [first, second]);
      expect([seed, textOf([first, second]), wrong]).toEqual([seed, textOf([first, second]), []]);
    }
  }, 120_000);

  test("X18 and no reply is lost by a worker that dies before it claimed, also while it waits for the rate of SES", async () => {
    const scenario = scenarios["a reply and two forwards"] as Scenario;
    const points = await pointsOf(scenario);
    const before = points.slice(0, points.indexOf("Ledger.claimReply#1"));
    expect(before).toContain("Courier.turn#1");
    for (const fault of before.flatMap((point) => ["die-before", "die-after"].map((kind) => faultAt(point, { kind } as FaultAct)))) {
      const { way } = await wrongAfter(scenario, [fault]);
      expect([textOf([fault]), way.copies().get(scenario.reply as EffectKey)]).toEqual([textOf([fault]), 1]);
    }
  });

  test("and the journal tells of the copies too many that a death makes", async () => {
    const scenario = scenarios["one recipient"] as Scenario;
    const { way } = await wrongAfter(scenario, [faultAt("Courier.send#1", { kind: "die-after" })]);
    expect([...way.copies().values()]).toEqual([2]);
    expect(way.heard.filter(({ kind }) => kind === "taken-over").length).toBe(1);
  });
});

test("handleEntry() mends no trail, and erases nothing, where the rules say otherwise by now", async () => {
  const way = new Replay(mail);
  way.faults = new FaultInjector([faultAt("MailStore.mark#1", { kind: "die-before" })]);
  await expect(way.receive()).resolves.toEqual({ kind: "ack" }); // says the dead one
  way.faults.revive();
  way.directory.block(alice, ["*@remote.test"]);
  await way.untilAcknowledged();
  expect(way.store.attributesOf(location)).toEqual({});
  way.directory.block(alice, []);
  await way.receive();
  expect(way.store.attributesOf(location)).toMatchObject({ status: "delivered" });
});

/** Which one a seed picks. */
function pick<T>(seed: number, turn: number, list: readonly T[]): T {
  return list[Number(BigInt.asUintN(31, BigInt(Bun.hash(`${seed} ${turn}`)))) % list.length] as T;
}
