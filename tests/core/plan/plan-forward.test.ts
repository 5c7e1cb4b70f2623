// Whether and whither a mail is forwarded: loops, odd targets, envelopes, routes, and what SES would refuse.

import { expect, test } from "bun:test";
import { type Address, concat, type EpochMs, openMail } from "@sesame/core";
import { renderBlock } from "../../../packages/core/mail/header-edit.ts";
import { keyOf } from "../../../packages/core/plan/types.ts";
import { sesMaxOctets } from "../../../packages/core/ses/ses-limits.ts";
import { fatesOf, forwardOf, sized, withFile } from "../compose/forwards.ts";
import { draftOf } from "../draft.ts";
import { type Case, factsOf, markOf, personal, serveOf } from "../sample.ts";

const to = (...forwards: readonly string[]) => ({ rules: { "alice@example.com": { forwards } } });
const received = (count: number) => "Received: from a by b; Mon, 05 Jan 2026 12:00:00 +0000\r\n".repeat(count);

const fates: [string, Case, string[]][] = [
  ["the target is outside", to("x@other.test"), ["x@other.test"]],
  ["the target is another mailbox here", to("carol@another.test"), ["carol@another.test"]],
  ["the target is the recipient", to("alice@example.com"), ["alice@example.com: to-self"]],
  ["the target is the recipient, in other letters", to("ALICE@Example.COM"), ["ALICE@Example.COM: to-self"]],
  ["the target is the recipient, quoted", to('"alice"@example.com.'), ['"alice"@example.com.: to-self']],
  ["the target is the recipient's mailbox by a tag", to("alice+archive@example.com"), ["alice+archive@example.com: to-self"]],
  [
    "the recipient has a tag and the target has none",
    { ...to("alice@example.com"), to: ["alice+x@example.com"] },
    ["alice@example.com: to-self"],
  ],
  [
    "the list contains the recipient",
    to("x@other.test", "alice@example.com", "y@other.test"),
    ["x@other.test", "y@other.test", "alice@example.com: to-self"],
  ],
  ["the target sent the mail", { ...to("bob@remote.test"), from: "Bob@REMOTE.test" }, ["bob@remote.test: to-sender"]],
  ["the target sent the mail with a tag", { ...to("bob@remote.test"), from: "bob+a@remote.test" }, ["bob@remote.test: to-sender"]],
  [
    "the target sent the mail under the tag of BATV",
    { ...to("bob@remote.test"), from: "prvs=12ab=bob@remote.test" },
    ["bob@remote.test: to-sender"],
  ],
  [
    "the target sent the mail through a host that rewrote the path",
    { ...to("bob@remote.test"), from: "SRS0=ab=cd=remote.test=bob@relay.test" },
    ["bob@remote.test: to-sender"],
  ],
  ["the target is only said to have written it", { ...to("bob@remote.test"), from: "list-bounces@list.test" }, ["bob@remote.test"]],
  ["targets are equal but for letters and blanks", to(" X@other.test", "x@OTHER.test", "x@other.test."), ["X@other.test"]],
  ["a target is no address", to("x at other.test", "", "@", "y@other.test"), ["y@other.test"]],
  ["a target has an IDN", to("x@bücher.example"), ["x@xn--bcher-kva.example"]],
  [
    "a target has a local part outside ASCII",
    to("jörg@other.test", "x@other.test"),
    ["x@other.test", "jörg@other.test: address-unsupported"],
  ],
  [
    "a target has no domain that SES knows",
    to("x@localhost", "x@a_b.test"),
    ["x@localhost: address-unsupported", "x@a_b.test: address-unsupported"],
  ],
  ["a target is a literal, which SES does not know", to("x@[192.0.2.1]"), ["x@[192.0.2.1]: address-unsupported"]],
  ["the mail came through 29 hosts", { ...to("x@other.test"), header: received(29) + personal }, ["x@other.test"]],
  ["the mail came through 30 hosts", { ...to("x@other.test"), header: received(30) + personal }, ["x@other.test: too-many-hops"]],
  [
    "the mail is automatic",
    { ...to("x@other.test"), from: null, header: `${personal}Auto-Submitted: auto-generated\r\nPrecedence: bulk\r\n` },
    ["x@other.test"],
  ],
  ["the sender is unreadable", { ...to("x@other.test"), from: "bob at remote" }, ["x@other.test"]],
  [
    "a worker is said to have seen it",
    { ...to("x@other.test"), header: `${personal}X-SES-Worker-Processed: worker-example.com\r\n` },
    ["x@other.test"],
  ],
];
for (const [why, one, expected] of fates) {
  test(`planForward() decides ${JSON.stringify(expected)} when ${why}`, async () => {
    expect(await fatesOf(one)).toEqual(expected);
  });
}

const envelopes: [string, Case, string | null, string][] = [
  ["outside", { ...to("x@other.test") }, "alice@example.com", "ses"],
  ["outside, and the mail has a null path: SES takes none", { ...to("x@other.test"), from: null }, "alice@example.com", "ses"],
  ["inside", { ...to("carol@another.test") }, "alice@example.com", "internal"],
  ["inside, and the mail has a null path", { ...to("carol@another.test"), from: null }, null, "internal"],
  ["inside, in other letters", { ...to("carol@ANOTHER.test.") }, "alice@example.com", "internal"],
  ["a subdomain of a served domain", { ...to("carol@sub.another.test") }, "alice@example.com", "ses"],
  ["a domain that ends like a served one", { ...to("carol@notanother.test") }, "alice@example.com", "ses"],
];
for (const [why, one, from, route] of envelopes) {
  test(`planForward() sends from ${from ?? "<>"} by ${route} when the target is ${why}`, async () => {
    const forward = await forwardOf(one);
    expect([forward.from, forward.route]).toEqual([from as never, route as never]);
  });
}

test("planForward() believes a true mark alone, and a forged one is counted", async () => {
  const mark = markOf("alice@example.com");
  expect(await fatesOf({ header: `${personal}X-Loop: ${mark}\r\n` })).toEqual(["x@other.test: own-mark"]);
  const forged = await serveOf({ ...to("x@other.test"), header: `${personal}X-Loop: ${mark.replace("alice", "carol")}\r\n` });
  expect(forged.effects.map(({ kind }) => kind)).toEqual(["deliver", "forward"]);
  expect(forged.warnings).toEqual([{ kind: "loop-mark-forged" }]);
});

/** The mail that comes back when a host outside sends a forward on to alice, with two more hosts in its trace. */
async function comesBack(one: Case, strips: boolean): Promise<Case> {
  const { draft } = await forwardOf(one);
  const { block } = openMail(draft.head, draft.head.length);
  const head = renderBlock(block, strips ? [{ kind: "remove", name: "X-Loop", which: "all" }] : []);
  return { ...one, header: received(2) + Buffer.from(head).toString("latin1").replace(/\r\n$/, ""), from: "x@other.test" };
}

test("F83 planForward() ends alice → outside → alice at the first return", async () => {
  expect(await fatesOf(await comesBack({}, false))).toEqual(["x@other.test: own-mark"]);
});

test("F83 X15 planForward() ends alice → carol → alice within our own domains, and carol's rule runs once", async () => {
  const rules = { "alice@example.com": { forwards: ["carol@another.test"] }, "carol@another.test": { forwards: ["alice@example.com"] } };
  const first = await forwardOf({ rules });
  const atCarol = { rules, header: headerOf(first.draft), to: ["carol@another.test"], from: "alice@example.com" };
  expect(await fatesOf(atCarol)).toEqual(["alice@example.com: to-sender"]);
  // A host on the way that writes a path of its own hides the sender.
  const second = await forwardOf({ ...atCarol, from: "relay@other.test" });
  expect(second.to as string).toBe("alice@example.com");
  const third = { rules, header: headerOf(second.draft), from: "relay@other.test" };
  expect(await fatesOf(third)).toEqual(["carol@another.test: own-mark"]);
});

function headerOf({ head }: Readonly<{ head: Uint8Array }>): string {
  return received(1) + Buffer.from(head).toString("latin1").replace(/\r\n$/, "");
}

test("F83 planForward() ends alice → outside → alice by the trace where the outside strips the mark", async () => {
  // The outside has a path of its own, so the target is not the sender.
  let mail: Case = { ...to("x@other.test"), header: received(2) + personal };
  let turns = 0;
  for (let fate = await fatesOf(mail); fate[0] === "x@other.test"; fate = await fatesOf(mail)) {
    mail = { ...(await comesBack(mail, true)), from: "relay@other.test" };
    if (++turns > 40) throw new Error("it never ends");
  }
  expect(turns).toBe(14);
  expect(await fatesOf(mail)).toEqual(["x@other.test: too-many-hops"]);
});

test("planForward() waits at most an hour for the delivery, whatever the target", async () => {
  const { receivedAt } = factsOf({});
  const anyOf = [keyOf("deliver", "alice@example.com" as Address)];
  expect((await forwardOf({})).when).toEqual({ anyOf, needs: "final", waitsUntil: (receivedAt + 3_600_000) as EpochMs, notAfter: null });
});

test("planForward() leaves the body in the store and names each target once in the effect keys", async () => {
  const course = await serveOf(to("x@other.test", "y@other.test", "carol@another.test"));
  const forwards = course.effects.filter((effect) => effect.kind === "forward");
  expect(forwards.map((forward) => [forward.key as string, draftOf(forward).body, forward.standIn])).toEqual([
    ["forward alice@example.com x@other.test", "original", null],
    ["forward alice@example.com y@other.test", "original", null],
    ["forward alice@example.com carol@another.test", "original", null],
  ]);
  expect(concat(forwards.map((forward) => draftOf(forward).head)).length).toBeGreaterThan(100);
});

test("planForward() sends 40 MB by SES, header and body as they leave, and a notice for one octet more", async () => {
  const { mail } = factsOf({});
  const { head } = (await forwardOf({})).draft;
  const largest = sesMaxOctets - head.length + mail.bodyStart;
  const fits = await forwardOf({ facts: { mail: sized(largest) } });
  expect([fits.standIn, fits.draft.body]).toEqual([null, "original"]);
  const over = await forwardOf({ facts: { mail: sized(largest + 1) } });
  expect([over.standIn, typeof over.draft.body]).toEqual(["too-large", "object"]);
});

const inside = { "alice@example.com": { forwards: ["carol@another.test"] } };
const choices: [string, Parameters<typeof forwardOf>[0], string | null][] = [
  ["a program is attached", withFile("setup.exe"), "forbidden-attachment"],
  ["a program is attached, and the target is inside", { ...withFile("setup.exe"), rules: inside }, null],
  ["a document is attached", withFile("plan.pdf"), null],
  ["it is large, and the target is inside", { facts: { mail: sized(50_000_000) }, rules: inside }, null],
  ["it is both", { facts: { mail: sized(50_000_000), attachments: ["x.exe"] } }, "too-large"],
];
for (const [why, one, notice] of choices) {
  test(`planForward() sends ${notice ?? "the mail itself"} when ${why}`, async () => {
    const forward = await forwardOf(one);
    expect([forward.standIn, forward.draft.body === "original"]).toEqual([notice as never, notice === null]);
  });
}
