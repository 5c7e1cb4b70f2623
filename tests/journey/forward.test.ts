// Forwards of large mail on their whole way: what is read of it, and what the target gets.

import { expect, test } from "bun:test";
import { type Address, delayed, type EffectKey, type Verdict } from "@sesame/core";
import { decodeFacts } from "../../apps/worker/facts-file.ts";
import { makeMetrics } from "../../apps/worker/metrics.ts";
import { sesMaxOctets } from "../../packages/core/ses/ses-limits.ts";
import { location, mailId, TestWay } from "./way.ts";

const header =
  "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\nMessage-ID: <1@remote.test>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
const alice = "alice@example.com" as Address;
const outside = "x@other.test" as Address;
const noMailbox: Verdict = { action: "failed", status: "5.1.1", reason: "no-such-mailbox", scope: "recipient", detail: "550 5.1.1" };

/** A mail of so many octets whose only attachment stands at its very end. */
function large(octets: number, file: string): Uint8Array {
  const end = `\r\n--b\r\nContent-Type: a/b; name="${file}"\r\n\r\nTVqQ\r\n--b--\r\n`;
  const mail = Buffer.alloc(octets, "0123456789\r\n");
  mail.write(`${header}--b\r\n\r\n`);
  mail.write(end, octets - end.length);
  return new Uint8Array(mail);
}

function wayWith(mail: Uint8Array, ...forwards: readonly string[]): TestWay {
  const way = new TestWay(mail);
  way.directory.rule(alice, { forwards });
  return way;
}
const textFor = (way: TestWay, to: Address) => way.courier.mailsFor(to).map((octets) => Buffer.from(octets).toString("latin1"));

test("handleEntry() finds an attachment that SES refuses at the end of a large mail, and tells the target", async () => {
  const mail = large(3_000_000, "setup.exe");
  const way = wayWith(mail, outside);
  expect(await way.receive()).toEqual({ kind: "ack" });
  expect(way.courier.mailsFor(alice)).toEqual([mail]);
  expect(textFor(way, outside)).toEqual([expect.stringContaining("\r\n  setup.exe\r\n")]);
  expect(way.store.restOpens).toBe(2); // to look for attachments, and to deliver
  expect(way.journal.events).toContainEqual(
    expect.objectContaining({ kind: "deed", effect: "forward", route: "ses", standIn: "forbidden-attachment" }),
  );
});

test("handleEntry() forwards every octet of a large mail whose attachments SES takes", async () => {
  const mail = large(3_000_000, "plan.pdf");
  const way = wayWith(mail, outside);
  await way.receive();
  const [sent] = way.courier.mailsFor(outside);
  expect(Buffer.from(sent?.subarray(sent.length - (mail.length - header.length)) ?? [])).toEqual(Buffer.from(mail.subarray(header.length)));
  expect(way.journal.events.filter((event) => event.kind === "deed" && event.standIn !== undefined)).toEqual([]);
});

test("handleEntry() reads no large mail for its attachments when no forward leaves by SES, or it is too large for SES anyway", async () => {
  const inside = wayWith(large(3_000_000, "setup.exe"), "carol@another.test");
  await inside.receive();
  expect([inside.store.restOpens, textFor(inside, "carol@another.test" as Address)[0]?.length]).toEqual([2, expect.any(Number)]); // delivery, forward
  const huge = wayWith(large(sesMaxOctets + 1000, "setup.exe"), outside);
  await huge.receive();
  expect([huge.store.restOpens, textFor(huge, outside)]).toEqual([1, [expect.stringContaining("It is too large: 40.1 MB")]]);
});

test("handleEntry() sends nothing and gives the mail back when the store breaks off during the search", async () => {
  const way = wayWith(large(3_000_000, "setup.exe"), outside);
  way.store.breakRest(location, 1_000_000);
  await expect(way.receive()).rejects.toThrow("broke off");
  expect(way.courier.sends).toBe(0);
  await way.untilDone();
  expect([way.courier.mailsFor(alice).length, textFor(way, outside).length]).toEqual([1, 1]);
  expect(way.journal.events.some(({ kind }) => kind === "taken-over")).toBe(false);
});

test("handleEntry() repeats no notice in a retry, and counts none as a delivery", async () => {
  const way = wayWith(large(3_000_000, "setup.exe"), outside, "carol@another.test");
  way.courier.script("mailbox", alice, noMailbox);
  way.courier.script("internal", "carol@another.test" as Address, delayed("try-later", "recipient", "451"), noMailbox);
  await way.untilDone();
  expect(textFor(way, outside).length).toBe(1);
  expect(way.store.attributesOf(location)).toMatchObject({ status: "all_invalid", invalid_inboxes: alice });
});

test("decodeFacts() finds the attachments that stand behind the head of a mail", () => {
  const facts = { domains: ["example.com"], envelope: { from: "bob@remote.test", recipients: [alice] } };
  const known = decodeFacts(facts, large(600_000, "setup.exe"));
  expect(known.ok && known.value.facts.attachments).toEqual(["setup.exe"]);
});

test("metrics count a notice under its reason, and not as a forward that was relayed", async () => {
  const metrics = makeMetrics("0");
  const journal = metrics.journal("example.com");
  const deed = { kind: "deed", mailId, effect: "forward", key: "k" as EffectKey, route: "ses" } as const;
  journal.note({ ...deed, verdict: { action: "relayed", detail: "" }, standIn: "too-large" });
  journal.note({ ...deed, verdict: { action: "relayed", detail: "" } });
  journal.note({ ...deed, verdict: delayed("throttled", "mail", ""), standIn: "too-large" });
  const text = await metrics.registry.metrics();
  for (const result of ["too-large", "relayed", "delayed"])
    expect(text).toContain(`sesame_forwards_total{domain="example.com",route="ses",result="${result}"} 1`);
});
