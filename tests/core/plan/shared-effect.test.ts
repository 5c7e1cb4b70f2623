// Which recipients share a reply or a forward, and what finals of earlier versions, which had a key for each recipient, mean.

import { describe, expect, test } from "bun:test";
import type { AddressKey, EffectKey, EpochMs, Final, MailId } from "@sesame/core";
import { finalsOfPlan } from "../../../packages/core/plan/shared-effect.ts";
import { away, type Case, factsOf, personal, planOf } from "../sample.ts";

const all = { ...away, forwards: ["x@other.test", "y@other.test"] };
const named = (...addresses: readonly string[]) => personal.replace("To: alice@example.com", `To: ${addresses.join(", ")}`);
const to = (...recipients: readonly string[]): Case => ({ to: recipients, header: named(...recipients) });

/** `alice+a: reply, forward; alice+b: –`. */
async function effectsOf(one: Case): Promise<readonly string[]> {
  const { courses } = await planOf(one);
  return courses.map((course) => {
    const effects = course.kind === "serve" ? course.effects.flatMap(({ kind }) => (kind === "deliver" ? [] : [kind])) : [course.kind];
    return `${course.recipient.replace(/@.*/, "")}: ${effects.join(" ") || "–"}`;
  });
}

const rows: readonly (readonly [why: string, one: Case, effects: readonly string[]])[] = [
  [
    "tags of one mailbox share them",
    { ...to("alice+a@example.com", "alice+b@example.com", "alice@example.com"), rules: { "alice@example.com": all } },
    ["alice+a: reply forward forward", "alice+b: –", "alice: –"],
  ],
  [
    "local parts below a catch-all share them",
    { ...to("a@example.com", "b@example.com"), rules: { "*@example.com": all } },
    ["a: reply forward forward", "b: –"],
  ],
  [
    "each row has its own",
    { ...to("a@example.com", "b@example.com"), rules: { "a@example.com": all, "b@example.com": all } },
    ["a: reply forward forward", "b: reply forward forward"],
  ],
  [
    "two rows of one mailbox make one reply",
    { ...to("a+x@example.com", "a@example.com"), rules: { "a+x@example.com": all, "a@example.com": all } },
    ["a+x: reply forward forward", "a: forward forward"],
  ],
  [
    "a recipient who may not have it does not take it from the next one",
    { to: ["hidden@example.com", "b@example.com"], header: named("b@example.com"), rules: { "*@example.com": away } },
    ["hidden: –", "b: reply"],
  ],
  [
    "a blocked recipient does not take it from the next one",
    { ...to("a@example.com", "b@example.com"), rules: { "*@example.com": all }, blocked: { "a@example.com": ["*@remote.test"] } },
    ["a: block", "b: reply forward forward"],
  ],
  [
    "a target that is the recipient goes to it from another one",
    { ...to("a@example.com", "b@example.com"), rules: { "*@example.com": { forwards: ["a@example.com"] } } },
    ["a: –", "b: forward"],
  ],
];
for (const [why, one, effects] of rows) test(`X12 ${why}`, async () => expect(await effectsOf(one)).toEqual([...effects]));

test("X12 a thousand tags make one reply and one forward to each target", async () => {
  const recipients = Array.from({ length: 1000 }, (_, i) => `alice+${i}@example.com`);
  const { courses } = await planOf({ to: recipients, rules: { "alice@example.com": all } });
  const effects = courses.flatMap((course) => (course.kind === "serve" ? course.effects : []));
  const kinds = effects.map(({ kind }) => kind);
  expect(["deliver", "reply", "forward"].map((kind) => kinds.filter((each) => each === kind).length)).toEqual([1000, 1, 2]);
  const reply = effects.find((effect) => effect.kind === "reply");
  expect([reply?.key as string, reply?.when.anyOf.length, reply?.formerKeys.length]).toEqual(["reply alice@example.com", 1000, 1000]);
});

test("X12 the keys name the row, and the memory and the counters the mailbox without its tag", async () => {
  const { courses } = await planOf({ ...to("Alice+a@example.com"), rules: { "*@example.com": all } });
  const effects = courses.flatMap((course) => (course.kind === "serve" ? course.effects : []));
  expect(effects.map(({ key }) => key as string)).toEqual([
    "deliver alice+a@example.com",
    "reply *@example.com",
    "forward *@example.com x@other.test",
    "forward *@example.com y@other.test",
  ]);
  expect(effects[1]).toMatchObject({ mailbox: "alice@example.com", from: "Alice+a@example.com" });
});

describe("X12 the reply memory of earlier versions", () => {
  const until = Date.parse("2026-01-09T00:00:00Z") as EpochMs;
  const hash = async () => {
    const { courses } = await planOf({ rules: { "alice@example.com": away } });
    const [, reply] = courses[0]?.kind === "serve" ? courses[0].effects : [];
    return reply?.kind === "reply" ? reply.textHash : "";
  };
  const remembered = async (recipient: string, mailId: string, one: Case) => {
    const memory = { mailId: mailId as MailId, textHash: await hash(), until };
    return effectsOf({ ...one, facts: { answered: new Map([[recipient as AddressKey, memory]]) } });
  };
  const alice: Case = { ...to("alice+a@example.com", "alice+b@example.com"), rules: { "alice@example.com": away } };
  const { mailId } = factsOf({});
  const cases: readonly (readonly [why: string, recipient: string, mailId: string, one: Case, effects: readonly string[]])[] = [
    ["the mailbox answered another mail", "alice@example.com", "another", alice, ["alice+a: –", "alice+b: –"]],
    ["a tag answered another mail", "alice+a@example.com", "another", alice, ["alice+a: –", "alice+b: reply"]],
    ["a tag may have answered this mail", "alice+b@example.com", mailId, alice, ["alice+a: –", "alice+b: –"]],
    ["this attempt claimed it", "alice@example.com", mailId, alice, ["alice+a: reply", "alice+b: –"]],
    [
      "another local part may have answered this mail",
      "b@example.com",
      mailId,
      { ...to("a@example.com", "b@example.com"), rules: { "*@example.com": away } },
      ["a: –", "b: reply"], // the ledger says that it is in doubt
    ],
  ];
  for (const [why, recipient, id, one, effects] of cases)
    test(why, async () => expect(await remembered(recipient, id, one)).toEqual([...effects]));
});

describe("X12 finalsOfPlan()", () => {
  const relayed: Final = { action: "relayed", detail: "0101" };
  const skipped = (reason: "not-delivered" | "delivery-refused" | "already-answered" | "reply-in-doubt"): Final => ({
    action: "skipped",
    reason,
  });
  const finalsOf = async (former: Readonly<Record<string, Final>>) => {
    const { courses } = await planOf({ ...to("alice@example.com", "alice+a@example.com"), rules: { "alice@example.com": all } });
    const found = finalsOfPlan(courses, new Map(Object.entries(former) as [EffectKey, Final][]));
    const word = (final: Final): string => (final.action === "skipped" ? final.reason : final.action);
    return Object.fromEntries([...found].map(([key, final]) => [key, word(final)]));
  };
  const finals: readonly (readonly [why: string, former: Readonly<Record<string, Final>>, found: Readonly<Record<string, string>>])[] = [
    ["knows nothing of a mail that nobody worked on", {}, {}],
    ["keeps what stands under the key of today", { "reply alice@example.com": relayed }, { "reply alice@example.com": "relayed" }],
    ["takes what was done for a tag as done for all", { "reply alice+a@example.com": relayed }, { "reply alice@example.com": "relayed" }],
    [
      "so of a forward to each target",
      { "forward alice+a@example.com x@other.test": relayed },
      { "forward alice@example.com x@other.test": "relayed" },
    ],
    [
      "so of a reply that may have been sent",
      { "reply alice+a@example.com": skipped("reply-in-doubt") },
      { "reply alice@example.com": "reply-in-doubt" },
    ],
    ["lets it run when only one recipient did not get the mail", { "reply alice+a@example.com": skipped("not-delivered") }, {}],
    ["keeps deliveries", { "deliver alice+a@example.com": relayed }, { "deliver alice+a@example.com": "relayed" }],
  ];
  for (const [why, former, found] of finals) test(why, async () => expect(await finalsOf(former)).toEqual({ ...found }));

  test("takes it as over when it was final for each recipient", async () => {
    const { courses } = await planOf({ ...to("alice+a@example.com", "alice+b@example.com"), rules: { "alice@example.com": away } });
    const former = ["a", "b"].map((tag) => [`reply alice+${tag}@example.com` as EffectKey, skipped("not-delivered")] as const);
    expect([...finalsOfPlan(courses, new Map(former))]).toEqual([["reply alice@example.com" as EffectKey, skipped("not-delivered")]]);
  });
});
