// One answer to a sender: what the reply memory remembers, for how long, and under which name.

import { expect, test } from "bun:test";
import { type AddressKey, type EpochMs, type MailId, openMail, parseAddress } from "@sesame/core";
import { rememberedSenderOf } from "../../../packages/core/rules/sender.ts";
import { away, factsOf, personal, replyOf, serveOf } from "../sample.ts";

test("plan() answers a sender once in the period for one text", async () => {
  const until = (text: string) => Date.parse(text) as EpochMs;
  const facts = factsOf({ rules: { "alice@example.com": away } });
  const effect = (await serveOf({ rules: { "alice@example.com": away } })).effects.find(({ kind }) => kind === "reply");
  if (effect?.kind !== "reply") throw new Error("no reply");
  expect(effect.rememberUntil - facts.receivedAt).toBe(7 * 86_400_000);
  const remembered = (textHash: string, end: string, mailId = "another") =>
    replyOf({
      facts: { answered: new Map([["alice@example.com" as AddressKey, { mailId: mailId as MailId, textHash, until: until(end) }]]) },
    });
  expect(await remembered(effect.textHash, "2026-01-09T00:00:00Z")).toBe("already-answered");
  expect(await remembered(effect.textHash, "2026-01-05T12:00:00Z")).toBe("reply"); // it ends with this very instant
  expect(await remembered("of another text", "2026-01-09T00:00:00Z")).toBe("reply");
  expect(await remembered(effect.textHash, "2026-01-09T00:00:00Z", facts.mailId)).toBe("reply"); // this attempt's own claim
});

test("plan() remembers the rule's words, and neither the subject answered nor the dates", async () => {
  const hashOf = async (row: object, header = personal) => {
    const effect = (await serveOf({ rules: { "alice@example.com": { ...away, ...row } }, header })).effects[1];
    return effect?.kind === "reply" ? effect.textHash : "no reply";
  };
  const plain = await hashOf({});
  expect(await hashOf({}, personal.replace("Hello", "Another subject"))).toBe(plain);
  expect(await hashOf({ ooo_end: "2026-02-01", ooo_timezone: "Europe/Berlin" })).toBe(plain);
  expect(await hashOf({ forwards: ["x@other.test"], unknown: 1, ooo_subject: "" })).toBe(plain);
  expect(await hashOf({ ooo_message: "I am back on Tuesday" })).not.toBe(plain);
  expect(await hashOf({ ooo_subject: "Away" })).not.toBe(plain);
  expect(await hashOf({ ooo_content_type: "html" })).not.toBe(plain);
  // Equal words in other places are another text (RFC 5230 §4.2, implementation note).
  expect(await hashOf({ ooo_subject: "a", ooo_message: "b" })).not.toBe(await hashOf({ ooo_subject: "b", ooo_message: "a" }));
});

const paths: readonly (readonly [why: string, path: string, from: string, key: string])[] = [
  ["it is an ordinary path", "Bob@Remote.TEST", "x@y.test", "bob@remote.test"],
  ["it has a tag, which may be another person's", "bob+news@remote.test", "bob@remote.test", "bob+news@remote.test"],
  ["it is signed with BATV", "prvs=1234abcdef=bob@remote.test", "x@y.test", "bob@remote.test"],
  ["it is signed with BATV of the next day", "prvs=2234fedcba=bob@remote.test", "x@y.test", "bob@remote.test"],
  ["it is rewritten by SRS", "SRS0=hmc8=v7=remote.test=bob@forwarder.test", "x@y.test", "bob@remote.test"],
  [
    "SES made it",
    "0101019b8e3f0000-11111111-2222-3333-4444-555555555555-000000@eu-west-1.amazonses.com",
    "Bob <bob@remote.test>",
    "bob@remote.test",
  ],
  [
    "SES made it for a domain of the sender's",
    "0101019b8e3f0000-11111111-2222-3333-4444-555555555555-000000@bounce.remote.test",
    "bob@remote.test",
    "bob@remote.test",
  ],
  [
    "SES made it and several people wrote",
    "0101019b8e3f0000-11111111-2222-3333-4444-555555555555-000000@amazonses.com",
    "a@x.test, b@x.test",
    "0101019b8e3f0000-11111111-2222-3333-4444-555555555555-000000@amazonses.com",
  ],
];
for (const [why, path, from, key] of paths) {
  test(`rememberedSenderOf() gives ${key.slice(0, 40)} when ${why}`, () => {
    const octets = new TextEncoder().encode(`From: ${from}\r\n\r\n`);
    const parsed = parseAddress(path);
    if (!parsed.ok) throw new Error(parsed.error);
    expect(rememberedSenderOf(parsed.value, openMail(octets, octets.length))).toBe(key as AddressKey);
  });
}
