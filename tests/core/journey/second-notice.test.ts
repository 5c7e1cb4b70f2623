// One mail, two notices: which of them closes it, for whom the second one is, and what each leaves to the other. The whole
// way is in tests/journey.

import { expect, test } from "bun:test";
import { type Domain, type EffectKey, type EpochMs, type Final, openMail } from "@sesame/core";
import { blockedMailFor, finalsWithoutDelivery, secondNotice, tellsOfOthers } from "../../../packages/core/journey/second-notice.ts";
import { parseRecipients, servedAddresses } from "../../../packages/core/plan/recipient.ts";
import { planOf } from "../sample.ts";
import { noticeOf, received, sns } from "../ses/notice-sample.ts";

const delivered: Final = { action: "delivered", detail: "250" };
const relayed: Final = { action: "relayed", detail: "0101" };
const recipientsOf = (...addresses: readonly string[]) => parseRecipients(addresses, ["example.com" as Domain, "another.test" as Domain]);
const finalsOf = (...keys: readonly string[]) =>
  new Map(keys.map((key): [EffectKey, Final] => [key as EffectKey, key.startsWith("deliver") ? delivered : relayed]));

const own: readonly (readonly [recipients: readonly string[], keys: readonly string[]])[] = [
  [["alice@example.com"], []],
  [["alice@example.com"], ["deliver alice@example.com"]],
  [["Alice@EXAMPLE.com"], ["deliver alice@example.com"]],
  [["alice@example.com"], ["deliver Alice@Example.COM"]],
  [['"a b"@example.com'], ['deliver "a b"@example.com', 'reply "a b"@example.com', 'forward "a b"@example.com x@other.test']],
  [['"deliver x@y"@example.com'], ['deliver "deliver x@y"@example.com']],
  [["alice+shop@example.com"], ["deliver Alice+Shop@example.com"]],
  [["alice@example.com", "eve@elsewhere.test", "no address"], ["deliver alice@example.com"]], // whom the worker refuses has no row
  [["alice@example.com"], ["deliver alice@example.com", "forward alice@example.com x@other.test"]],
  [["alice@example.com", "carol@another.test"], ["deliver carol@another.test"]],
];
for (const [recipients, keys] of own) {
  test(`tellsOfOthers() is false of ${JSON.stringify(keys)} for ${recipients.join(", ")}`, () => {
    expect(tellsOfOthers(finalsOf(...keys), recipientsOf(...recipients))).toBe(false);
  });
}

const others: readonly (readonly [recipients: readonly string[], keys: readonly string[]])[] = [
  [["alice@example.com"], ["deliver carol@example.com"]],
  [["alice@example.com"], ["deliver alice@example.com", "deliver carol@example.com"]],
  [["alice@example.com"], ["deliver alice@another.test"]],
  [["alice@example.com"], ["deliver alice+shop@example.com"]], // a tag makes another delivery
  [["alice+shop@example.com"], ["deliver alice@example.com"]],
  [['"a b"@example.com'], ['deliver "a c"@example.com']],
  [["no address"], ["deliver alice@example.com"]],
  [["alice@example.com"], ["forward carol@example.com x@other.test"]],
  [["alice@example.com"], ["what an older version wrote"]],
  [["alice@elsewhere.test"], ["deliver alice@elsewhere.test"]], // a domain that is served no more
];
for (const [recipients, keys] of others) {
  test(`tellsOfOthers() is true of ${JSON.stringify(keys)} for ${recipients.join(", ")}`, () => {
    expect(tellsOfOthers(finalsOf(...keys), recipientsOf(...recipients))).toBe(true);
  });
}

const announced = (...recipients: readonly string[]) => noticeOf(sns(received({ receipt: { recipients } })));
const closed = (recipients: readonly string[], ...keys: readonly string[]) =>
  ({ kind: "closed", finals: finalsOf(...keys), recipients: recipientsOf(...recipients), answers: null }) as const;

const seconds: readonly (readonly [recipients: readonly string[], keys: readonly string[], left: readonly string[] | null, why: string])[] =
  [
    [["alice@example.com"], ["deliver alice@example.com"], null, "all were reached"],
    [["Alice@EXAMPLE.com"], ["deliver alice@example.com"], null, "in other letters"],
    [["alice@example.com"], ["deliver Alice@Example.COM", "deliver carol@example.com"], null, "another one too"],
    [['"alice"@example.com'], ["deliver alice@example.com"], null, "quotes that say nothing"],
    [['"a b"@example.com'], ['deliver "A B"@example.com'], null, "a local part with a space"],
    [["carol@example.com"], ["deliver alice@example.com"], ["carol@example.com"], "the first notice did not name her"],
    [["alice@example.com", "Carol@example.com"], ["deliver alice@example.com"], ["Carol@example.com"], "spelled as the notice spells her"],
    [["alice+shop@example.com"], ["deliver alice@example.com"], ["alice+shop@example.com"], "a tag makes another delivery"],
    [["alice@example.com"], ["deliver alice+shop@example.com"], ["alice@example.com"], "a tag makes another delivery"],
    [['"a b"@example.com'], ['deliver "a c"@example.com'], ['"a b"@example.com'], "another local part with a space"],
    [["alice@example.com"], ["forward alice@example.com x@other.test"], ["alice@example.com"], "a forward alone reached nobody"],
    [["alice@example.com"], ["reply alice@example.com"], ["alice@example.com"], "a reply alone reached nobody"],
    [["carol@example.com"], ["what an older version wrote"], ["carol@example.com"], "a key that nobody can read"],
    [["eve@elsewhere.test", "no address"], ["deliver alice@example.com"], null, "none that this worker serves"],
    [["eve@elsewhere.test", "carol@example.com"], [], ["carol@example.com"], "those whom it refuses are left out"],
  ];
for (const [recipients, keys, left, why] of seconds) {
  test(`secondNotice() of ${recipients.join(", ")} is ${left === null ? "none" : `for ${left.join(", ")}`}: ${why}`, () => {
    const second = secondNotice(announced(...recipients), closed(recipients, ...keys));
    expect(second === null ? null : (second.envelope.recipients as readonly string[])).toEqual(left);
  });
}

test("secondNotice() knows as reached whom the first notice blocked or dropped", () => {
  const finals = new Map([
    ["deliver alice@example.com" as EffectKey, { action: "skipped", reason: "blocked" } satisfies Final],
    ["deliver carol@example.com" as EffectKey, { action: "skipped", reason: "dropped" } satisfies Final],
  ]);
  const names = ["alice@example.com", "carol@example.com"];
  expect(secondNotice(announced(...names), { ...closed(names), finals })).toBeNull();
});

test("secondNotice() is none where another worker has the mail", () => {
  const notice = announced("alice@example.com");
  expect(secondNotice(notice, { kind: "busy", until: 0 as EpochMs })).toBeNull();
});

test("secondNotice() has a mail id of its own, the same for the same recipients in any order and spelling", () => {
  const idOf = (...recipients: readonly string[]) => secondNotice(announced(...recipients), closed(recipients))?.mailId as string;
  const [first, id] = [announced("a@example.com"), idOf("a@example.com", "b@example.com")];
  expect(id).toMatch(/^b-emails\/p\/k#[0-9a-f]{12}$/);
  expect(idOf("B@Example.com", "A@example.com")).toBe(id);
  expect(idOf("a@example.com")).not.toBe(id);
  expect(idOf("a@example.com", "c@example.com")).not.toBe(id);
  const { mailId: _, envelope: __, ...others } = first;
  expect(secondNotice(first, closed(["a@example.com"]))).toMatchObject({
    ...others,
    envelope: { reversePath: first.envelope.reversePath },
  });
});

const kept: readonly (readonly [why: string, header: string, recipients: readonly string[], keys: readonly string[], keeps: boolean])[] = [
  ["To names the recipient", "To: alice@example.com", ["alice@example.com"], [], false],
  ["To names the recipient in other letters", "To: Alice <ALICE@Example.com>", ["alice@example.com"], [], false],
  ["To names the recipient in quotes", 'To: "alice"@example.com', ["alice@example.com"], [], false],
  ["To names a local part with a space, which is the recipient", 'To: "a b"@example.com', ['"A B"@example.com'], [], false],
  ["To names another domain's mailbox too", "To: alice@example.com, x@other.test", ["alice@example.com"], [], false],
  ["nobody is named", "Subject: x", ["alice@example.com"], [], false],
  ["To names another mailbox here", "To: alice@example.com, carol@example.com", ["alice@example.com"], [], true],
  ["Cc names a mailbox of another served domain", "To: alice@example.com\r\nCc: carol@another.test", ["alice@example.com"], [], true],
  ["To names a group with another mailbox here", "To: Team: alice@example.com, carol@EXAMPLE.com;", ["alice@example.com"], [], true],
  ["To names the recipient under another tag", "To: alice+shop@example.com", ["alice@example.com"], [], true],
  ["the recipient has a tag, and To names the mailbox", "To: alice@example.com", ["alice+shop@example.com"], [], true],
  ["To names another local part with a space", 'To: "a c"@example.com', ['"a b"@example.com'], [], true],
  [
    "From and Reply-To alone name another mailbox",
    "From: carol@example.com\r\nReply-To: dan@example.com",
    ["alice@example.com"],
    [],
    false,
  ],
  ["another notice delivered it to somebody", "To: alice@example.com", ["alice@example.com"], ["deliver carol@example.com"], true],
  ["an earlier attempt of this notice is told of", "To: alice@example.com", ["alice@example.com"], ["deliver alice@example.com"], false],
  ["a recipient is refused, and To names it", "To: eve@elsewhere.test", ["alice@example.com", "eve@elsewhere.test"], [], false],
];
for (const [why, header, recipients, keys, keeps] of kept) {
  test(`blockedMailFor() ${keeps ? "keeps the mail" : "does as the operator chose"} when ${why}`, () => {
    const head = new TextEncoder().encode(`${header}\r\n\r\n`);
    const envelope = { reversePath: null, recipients: recipientsOf(...recipients) };
    const facts = { mail: openMail(head, head.length), domains: ["example.com" as Domain, "another.test" as Domain], envelope };
    expect(blockedMailFor(facts, finalsOf(...keys), "delete")).toBe(keeps ? "keep" : "delete");
    expect(blockedMailFor(facts, finalsOf(...keys), "keep")).toBe("keep");
  });
}

const without: readonly (readonly [recipients: readonly string[], tried: readonly string[], named: readonly string[], why: string])[] = [
  [["alice@example.com"], ["deliver alice@example.com"], [], "a delivery was tried"],
  [["alice@example.com"], ["deliver Alice@Example.com"], [], "in other letters"],
  [["alice@example.com"], [], ["deliver alice@example.com"], "none was"],
  [["Alice+Shop@example.com"], ["deliver alice@example.com"], ["deliver alice+shop@example.com"], "a tag makes another delivery"],
  [['"a b"@example.com', "c@example.com"], ["deliver c@example.com"], ['deliver "a b"@example.com'], "a local part with a space"],
  [['"a b"@example.com'], ['deliver "a b"@example.com'], [], "a local part with a space that was tried"],
  [["alice@example.com"], ["forward alice@example.com x@other.test"], ["deliver alice@example.com"], "a forward is no delivery"],
  [["eve@elsewhere.test", "no address"], [], [], "whom the worker refuses is no recipient"],
];
for (const [recipients, tried, named, why] of without) {
  test(`finalsWithoutDelivery() names ${named.join(", ") || "nobody"}: ${why}`, async () => {
    const plan = await planOf({ to: recipients });
    const finals = finalsWithoutDelivery(servedAddresses(recipientsOf(...recipients)), plan, finalsOf(...tried));
    expect(finals as readonly unknown[]).toEqual(named.map((key) => [key, { action: "skipped", reason: "blocked" }]));
  });
}

test("finalsWithoutDelivery() says of a mail that is dropped as a whole that it was, and names a mailbox by a key that can be read", () => {
  const dropped = { kind: "discard", reason: "spam-verdict", bounce: "not-a-bounce" } as const;
  const recipients = ["alice@example.com", '"a b"@example.com', "eve@elsewhere.test"];
  const finals = finalsWithoutDelivery(servedAddresses(recipientsOf(...recipients)), dropped, new Map());
  expect(finals as readonly unknown[]).toEqual([
    ["deliver alice@example.com", { action: "skipped", reason: "dropped" }],
    ['deliver "a b"@example.com', { action: "skipped", reason: "dropped" }],
  ]);
  // So a second notice finds them reached.
  expect(secondNotice(announced(...recipients), { ...closed(recipients), finals: new Map(finals) })).toBeNull();
});

test("secondNotice() derives the same mail id in every version: it is the key of a row in the ledger", () => {
  const second = secondNotice(announced("carol@example.com"), closed(["carol@example.com"], "deliver alice@example.com"));
  const id = new Bun.CryptoHasher("sha256")
    .update(JSON.stringify(["others", "carol@example.com"]))
    .digest("hex")
    .slice(0, 12);
  expect<string | undefined>(second?.mailId).toBe(`${announced("carol@example.com").mailId}#${id}`);
});
