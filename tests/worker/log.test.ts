import { expect, test } from "bun:test";
import { delayed, type JournalEvent, type MailId } from "@sesame/core";
import pino from "pino";
import { logJournal, maskAddresses } from "../../apps/worker/log.ts";

const rows: readonly [string, string][] = [
  ["alice@example.com", "a***@example.com"],
  ["deliver alice+tag@example.com", "deliver a***@example.com"],
  ["550 5.1.1 <bob@example.com> unknown", "550 5.1.1 <b***@example.com> unknown"],
  ['"john doe"@example.com', '"***@example.com'],
  ["jörg@example.com, b@x", "j***@example.com, b***@x"],
  ["no address here", "no address here"],
  ["a @ b", "a @ b"],
];
for (const [text, masked] of rows) {
  test(`maskAddresses() of ${text}`, () => {
    expect(maskAddresses(text)).toBe(masked);
  });
}

test("logJournal() masks every text of a line when asked to", () => {
  const lines: string[] = [];
  const journal = logJournal(pino({ level: "debug" }, { write: (line: string) => void lines.push(line) }), "example.com", "masked");
  const event: JournalEvent = {
    kind: "deed",
    mailId: "b/k" as MailId,
    effect: "deliver",
    key: "deliver canary@example.com" as never,
    route: "mailbox",
    verdict: delayed("try-later", "recipient", "450 <canary@example.com> later"),
  };
  journal.note(event);
  expect(lines.length).toBe(1);
  expect(lines.join("")).toContain("c***@example.com");
  expect(lines.join("")).not.toContain("canary");
});

test("logJournal() warns of possible duplicates, and only of those", () => {
  const lines: string[] = [];
  const journal = logJournal(pino({ level: "debug" }, { write: (line: string) => void lines.push(line) }), "example.com", "plain");
  const mailId = "b/k" as MailId;
  const delayedTwice = delayed("in-doubt", "mail", "", { possibleDuplicate: true });
  const deed = { kind: "deed", mailId, effect: "deliver", key: "deliver a@x" as never, route: "mailbox" } as const;
  const events: readonly JournalEvent[] = [
    { kind: "port-error", port: "Ledger", operation: "record", text: "no answer", mailId },
    { kind: "entry-undecodable", entryId: "e", text: "not JSON" },
    { kind: "audit-failed", mailId, operation: "mark", text: "no answer" },
    { ...deed, verdict: delayed("unreachable", "host", "") },
    { kind: "taken-over", mailId, crashes: 1 },
    { kind: "unrecorded", mailId, keys: [] },
    { ...deed, verdict: delayedTwice },
  ];
  for (const event of events) journal.note(event);
  expect(lines.map((line) => line.includes("may be delivered more than once"))).toEqual([false, false, false, false, true, true, true]);
});
