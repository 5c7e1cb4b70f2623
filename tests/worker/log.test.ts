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
