// One mail, two notices: for whom the second one is, and what each leaves to the other. The whole way is in tests/journey.

import { expect, test } from "bun:test";
import { type Address, type Domain, type EffectKey, type Final, type MailId, openMail } from "@sesame/core";
import {
  areBlocked,
  blockedMailFor,
  finalsWithoutDelivery,
  formerNoticeId,
  unreached,
} from "../../../packages/core/journey/second-notice.ts";
import { parseRecipients, servedAddresses } from "../../../packages/core/plan/recipient.ts";
import { planOf } from "../sample.ts";

const delivered: Final = { action: "delivered", detail: "250" };
const relayed: Final = { action: "relayed", detail: "0101" };
const recipientsOf = (...addresses: readonly string[]) => parseRecipients(addresses, ["example.com" as Domain, "another.test" as Domain]);
const finalsOf = (...keys: readonly string[]) =>
  new Map(keys.map((key): [EffectKey, Final] => [key as EffectKey, key.startsWith("deliver") ? delivered : relayed]));

const seconds: readonly (readonly [recipients: readonly string[], keys: readonly string[], left: readonly string[], why: string])[] = [
  [["alice@example.com"], ["deliver alice@example.com"], [], "all were reached"],
  [["Alice@EXAMPLE.com"], ["deliver alice@example.com"], [], "in other letters"],
  [["alice@example.com"], ["deliver Alice@Example.COM", "deliver carol@example.com"], [], "another one too"],
  [['"alice"@example.com'], ["deliver alice@example.com"], [], "quotes that say nothing"],
  [['"a b"@example.com'], ['deliver "A B"@example.com'], [], "a local part with a space"],
  [["carol@example.com"], ["deliver alice@example.com"], ["carol@example.com"], "the first notice did not name her"],
  [["alice@example.com", "Carol@example.com"], ["deliver alice@example.com"], ["Carol@example.com"], "spelled as the notice spells her"],
  [["alice+shop@example.com"], ["deliver alice@example.com"], ["alice+shop@example.com"], "a tag makes another delivery"],
  [["alice@example.com"], ["deliver alice+shop@example.com"], ["alice@example.com"], "a tag makes another delivery"],
  [['"a b"@example.com'], ['deliver "a c"@example.com'], ['"a b"@example.com'], "another local part with a space"],
  [["alice@example.com"], ["forward alice@example.com x@other.test"], ["alice@example.com"], "a forward alone reached nobody"],
  [["alice@example.com"], ["reply alice@example.com"], ["alice@example.com"], "a reply alone reached nobody"],
  [["carol@example.com"], ["what an older version wrote"], ["carol@example.com"], "a key that nobody can read"],
  [["eve@elsewhere.test", "no address"], ["deliver alice@example.com"], [], "none that this worker serves"],
  [["eve@elsewhere.test", "carol@example.com"], [], ["carol@example.com"], "those whom it refuses are left out"],
];
for (const [recipients, keys, left, why] of seconds) {
  test(`unreached() of ${recipients.join(", ")} is ${left.join(", ") || "nobody"}: ${why}`, () => {
    expect(unreached(recipientsOf(...recipients), finalsOf(...keys)) as readonly string[]).toEqual(left);
  });
}

const blocked = (...recipients: readonly string[]) =>
  new Map(recipients.map((each) => [`deliver ${each}` as EffectKey, { action: "skipped", reason: "blocked" } satisfies Final]));

test("unreached() knows as reached whom the first notice blocked or dropped", () => {
  const dropped: Final = { action: "skipped", reason: "dropped" };
  const finals = new Map<EffectKey, Final>([...blocked("alice@example.com"), ["deliver carol@example.com" as EffectKey, dropped]]);
  expect(unreached(recipientsOf("alice@example.com", "carol@example.com"), finals).length).toBe(0);
});

test("areBlocked() is true where every served recipient blocks the mail, and there is one", () => {
  const [alice, both] = [recipientsOf("Alice@example.com"), recipientsOf("alice@example.com", "carol@example.com")];
  expect(areBlocked(alice, blocked("alice@example.com"))).toBe(true);
  expect(areBlocked(recipientsOf("alice@example.com", "eve@elsewhere.test"), blocked("alice@example.com"))).toBe(true);
  expect(areBlocked(both, blocked("alice@example.com"))).toBe(false);
  expect(areBlocked(both, new Map<EffectKey, Final>([...blocked("alice@example.com"), ...finalsOf("deliver carol@example.com")]))).toBe(
    false,
  );
  const dropped = new Map<EffectKey, Final>([["deliver alice@example.com" as EffectKey, { action: "skipped", reason: "dropped" }]]);
  expect(areBlocked(alice, dropped)).toBe(false);
  expect(areBlocked(recipientsOf("eve@elsewhere.test"), blocked("eve@elsewhere.test"))).toBe(false);
});

test("formerNoticeId() is the id of earlier versions, the same for the same recipients in any order and spelling", () => {
  const idOf = (...recipients: readonly string[]) => formerNoticeId("b-emails/p/k" as MailId, recipients as readonly Address[]) as string;
  const id = idOf("a@example.com", "b@example.com");
  expect(id).toMatch(/^b-emails\/p\/k#[0-9a-f]{12}$/);
  expect(idOf("B@Example.com", "A@example.com")).toBe(id);
  expect(idOf("a@example.com")).not.toBe(id);
  expect(idOf("a@example.com", "c@example.com")).not.toBe(id);
  const hash = new Bun.CryptoHasher("sha256").update(JSON.stringify(["others", "carol@example.com"])).digest("hex");
  expect(idOf("carol@example.com")).toBe(`b-emails/p/k#${hash.slice(0, 12)}`);
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
  [
    "another notice named the other mailbox here",
    "To: alice@example.com, carol@example.com",
    ["alice@example.com"],
    ["deliver carol@example.com"],
    false,
  ],
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
  expect(unreached(recipientsOf(...recipients), new Map(finals))).toEqual([]);
});

test("finalsWithoutDelivery() says which sender a recipient blocks, for the audit mark of another notice", async () => {
  const plan = await planOf({ to: ["alice@example.com"], blocked: { "alice@example.com": ["*@remote.test"] } });
  const [[, final] = []] = finalsWithoutDelivery(servedAddresses(recipientsOf("Alice@example.com")), plan, new Map());
  expect(final).toEqual({ action: "skipped", reason: "blocked", detail: "bob@remote.test" });
});
