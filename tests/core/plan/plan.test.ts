import { expect, setSystemTime, spyOn, test } from "bun:test";
import { compileBlocklist, type Domain, decodeRuleRows, defaultPolicy, noVerdicts, type Plan, plan } from "@sesame/core";
import { planJson } from "@sesame/core/explain";
import fc from "fast-check";
import { simpleParser } from "mailparser";
import { draftOf } from "../draft.ts";
import { away, factsOf, markOf, personal, planOf, serveOf } from "../sample.ts";

test("plan() withholds what a mail of ours would start, and believes only a true mark", async () => {
  const mark = markOf("alice@example.com");
  const rules = { "alice@example.com": { ...away, forwards: ["x@other.test"] } };
  const ours = await serveOf({ rules, header: `${personal}X-Loop: ${mark}\r\n` });
  expect(ours.withheld.map(({ reason }) => reason)).toEqual(["own-mark", "own-mark"]);
  const forged = await serveOf({ rules, header: `${personal}X-Loop: ${mark.replace("hop=1", "hop=2")}\r\n` });
  expect(forged.effects.map(({ kind }) => kind)).toEqual(["deliver", "reply", "forward"]);
  expect(forged.warnings).toContainEqual({ kind: "loop-mark-forged" });
});

test("X15 plan() stops the rules of the address that a mark names, and of nobody else", async () => {
  const rules = {
    "alice@example.com": { ...away, forwards: ["x@other.test"] },
    "carol@another.test": { ...away, forwards: ["y@other.test"] },
  };
  const header = `${personal.replace("To: alice@example.com", "To: alice@example.com, carol@another.test")}X-Loop: ${markOf("alice@example.com")}\r\n`;
  const { courses } = await planOf({ rules, header, to: ["alice@example.com", "carol@another.test"] });
  expect(courses.map((course) => (course.kind === "serve" ? course.effects.map(({ kind }) => kind) : course.kind))).toEqual([
    ["deliver"],
    ["deliver", "reply", "forward"],
  ]);
  expect(courses.flatMap((course) => (course.kind === "serve" ? course.warnings : []))).toEqual([]);
});

test("X15 plan() warns of an old mark of ours, which stops nothing", async () => {
  const rules = { "alice@example.com": { ...away, forwards: ["x@other.test"] } };
  const course = await serveOf({ rules, header: `${personal}X-Loop: ${markOf("alice@example.com", 15)}\r\n` });
  expect(course.effects.map(({ kind }) => kind)).toEqual(["deliver", "reply", "forward"]);
  expect(course.warnings).toEqual([{ kind: "loop-mark-expired" }]);
});

test("plan() makes one course for each recipient and refuses what is not served", async () => {
  const { courses } = await planOf({
    to: ["alice@example.com", "ALICE@example.com", "eve@sub.example.com", "broken", "al@another.test"],
    blocked: { "*@another.test": ["bob@*"] },
  });
  expect(courses.map((course) => [course.kind, course.recipient, course.kind === "refuse" ? course.reason : ""])).toEqual([
    ["serve", "alice@example.com", ""],
    ["refuse", "eve@sub.example.com", "foreign-domain"],
    ["refuse", "broken", "invalid-address"],
    ["block", "al@another.test", ""],
  ]);
});

const long = (octets: number) => "a".repeat(octets);
const recipients: [string, string][] = [
  ["alice@example.com", "serve alice@example.com"],
  ["Alice+Tag@EXAMPLE.com", "serve Alice+Tag@EXAMPLE.com"],
  ['"a evil x"@example.com', 'serve "a evil x"@example.com'],
  ['"a@evil x"@example.com', "refuse source-route"],
  ["a%other.test@example.com", "refuse source-route"],
  [`${long(200)}@example.com`, `serve ${long(200)}@example.com`],
  ["<@relay.test:alice@example.com>", "serve alice@example.com"],
  ["a@b@example.com", "refuse invalid-address"],
  ["a b@example.com", "refuse invalid-address"],
  ["a@example.com>", "refuse invalid-address"],
  ["a\r\n@example.com", "refuse invalid-address"],
  [`${long(320)}@example.com`, "refuse invalid-address"],
  ["", "refuse invalid-address"],
  ["@", "refuse invalid-address"],
  ["@example.com", "refuse invalid-address"],
  ["a@sub.example.com", "refuse foreign-domain"],
  ["a@example.com.evil.test", "refuse foreign-domain"],
  ["a%example.com@other.test", "refuse foreign-domain"],
  ["a@еxample.com", "refuse foreign-domain"],
];
for (const [recipient, expected] of recipients) {
  test(`F76 plan() makes of the recipient ${JSON.stringify(recipient).slice(0, 50)}: ${expected.slice(0, 40)}`, async () => {
    const { courses } = await planOf({ to: [recipient], facts: { domains: ["example.com" as Domain] } });
    expect(courses.map((course) => `${course.kind} ${course.kind === "refuse" ? course.reason : course.recipient}`)).toEqual([expected]);
  });
}

test("plan() blocks for one recipient and not for another, and says of a pattern that blocks everybody", async () => {
  const { courses } = await planOf({
    to: ["alice@example.com", "bob+t@example.com", "carol@example.com", "eve@example.com"],
    header: "From: s@remote.test\r\n",
    from: null,
    blocked: {
      "alice@example.com": ["*@other.test", "remote.test"],
      "bob@example.com": new Set(["s@*"]),
      "carol@example.com": ["*"],
      "eve@example.com": "s@remote.test",
    },
  });
  expect(courses).toMatchObject([
    { kind: "serve", recipient: "alice@example.com", warnings: [{ kind: "rule-invalid", table: "blocked", key: "alice@example.com" }] },
    { kind: "block", recipient: "bob+t@example.com", pattern: "s@*", row: "bob@example.com", matched: "s@remote.test", warnings: [] },
    { kind: "block", recipient: "carol@example.com", pattern: "*", warnings: [{ kind: "blocks-everybody", key: "carol@example.com" }] },
    { kind: "serve", recipient: "eve@example.com", warnings: [{ kind: "rule-invalid", table: "blocked", key: "eve@example.com" }] },
  ]);
});

test("plan() warns of a broken rule with the row's key", async () => {
  const { warnings } = await serveOf({ rules: { "*@example.com": { ...away, ooo_active: "true" } } });
  expect(warnings).toEqual([
    {
      kind: "rule-invalid",
      table: "rules",
      key: "*@example.com",
      text: 'Cannot use the out-of-office rule: ooo_active must be true or false, is "true"',
    },
  ]);
});

test("plan() discards only what the operator wants dropped", async () => {
  const facts = factsOf({ facts: { sesVerdicts: { ...noVerdicts, virus: "FAIL" } } });
  expect(await plan(facts, { ...defaultPolicy, virusVerdict: "drop" })).toEqual({
    kind: "discard",
    reason: "virus-verdict",
    bounce: "not-a-bounce",
  });
  expect((await plan(facts)).kind).toBe("carry");
});

test("plan() removes the topmost Return-Path and nothing else", async () => {
  const [deliver] = (await serveOf({ header: `Return-Path: <bob@remote.test>\r\nX: 1\r\nReturn-Path: <other@x.test>\r\n${personal}` }))
    .effects;
  expect(deliver?.kind === "deliver" && deliver.edits).toEqual([{ kind: "remove", name: "Return-Path", which: "topmost" }]);
  const [plain] = (await serveOf({ header: `X: 1\r\nReturn-Path: <other@x.test>\r\n${personal}` })).effects;
  expect(plain?.kind === "deliver" && plain.edits).toEqual([]);
});

test("plan() composes a reply and a forward that another parser reads as meant", async () => {
  const header = `${personal.replace("Subject: Hello", "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe=0D=0ABcc:_evil=40x.test?=").replace("Bob <", '"Bob evil@y.test" <')}X-SES-CONFIGURATION-SET: steal\r\nSender: s@z.test\r\nDKIM-Signature: a\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n`;
  const course = await serveOf({
    header,
    body: "Hällo\r\n",
    rules: { "alice@example.com": { ...away, ooo_message: "Ich bin weg – bis Montag", forwards: ["x@other.test"] } },
  });
  const drafts = course.effects.flatMap((effect) => (effect.kind === "deliver" ? [] : [draftOf(effect)]));
  const [reply, forward] = await Promise.all(
    drafts.map(({ head, body }) => simpleParser(Buffer.concat([head, body === "original" ? Buffer.from("Hällo\r\n") : body]))),
  );
  expect(reply?.subject).toBe("Auto: Grüße Bcc: evil@x.test");
  expect(reply?.text).toBe("Ich bin weg – bis Montag\n\nbob@remote.test:\n> Hällo\n");
  expect(reply?.headers.get("auto-submitted")).toBe("auto-replied (vacation)");
  expect(reply?.inReplyTo).toBe("<m1@remote.test>");
  expect([reply?.bcc, forward?.bcc]).toEqual([undefined, undefined]);
  expect(forward?.from?.value).toEqual([{ address: "alice@example.com", name: "Bob via example.com" }]);
  expect(forward?.replyTo?.value[0]?.address).toBe("bob@remote.test");
  expect(forward?.subject).toBe("FWD: Grüße Bcc: evil@x.test");
  expect(forward?.text).toBe("Hällo\n");
  for (const name of ["sender", "dkim-signature", "x-ses-configuration-set", "return-path"]) expect(forward?.headers.has(name)).toBe(false);
});

test("plan() gives the same octets for the same facts", async () => {
  const one = {
    rules: {
      "alice@example.com": { ...away, ooo_content_type: "html", ooo_message: "<b>Away</b>", forwards: ["x@other.test", "b@another.test"] },
    },
  };
  const at = async (now: string, chance: number) => {
    setSystemTime(new Date(now));
    const random = [spyOn(Math, "random").mockReturnValue(chance), spyOn(crypto, "getRandomValues").mockImplementation((into) => into)];
    try {
      return await planOf(one);
    } finally {
      setSystemTime();
      for (const each of random) each.mockRestore();
    }
  };
  const first = await at("2026-01-05T12:00:00Z", 0.1);
  expect(await at("2031-07-01T23:59:59Z", 0.9)).toEqual(first); // neither the clock nor chance is asked
  expect(first.courses.flatMap((course) => (course.kind === "serve" ? course.effects.map(({ kind }) => kind) : []))).toEqual([
    "deliver",
    "reply",
    "forward",
    "forward",
  ]);
});

test("plan() gives the same plan when the caller changes his own lists and rows after they were decoded", async () => {
  const reply: Record<string, unknown> = { ...away, forwards: ["x@other.test", "b@another.test"] };
  const patterns: unknown[] = ["*@spam.test", "*"];
  const set = new Set<unknown>(["nobody@remote.test", "spam.test"]);
  const rules = new Map<string, unknown>([["alice@example.com", reply]]);
  const blocked = new Map<string, unknown>([
    ["carol@example.com", patterns],
    ["alice@example.com", set],
  ]);
  const to = ["alice@example.com", "carol@example.com", "eve@elsewhere.test"];
  const facts = factsOf({ to, facts: { rules: decodeRuleRows(rules), blocklist: compileBlocklist(blocked) } });
  const before = await plan(facts);
  expect(before.kind === "carry" && before.courses.map(({ kind }) => kind)).toEqual(["serve", "block", "refuse"]);
  const shown = describePlan(before);
  Object.assign(reply, { ooo_message: "Other words", ooo_subject: "Other", ooo_end: "2020-01-01", forwards: [] });
  patterns.splice(0, patterns.length, "bob@remote.test", 7);
  set.clear();
  set.add("*@remote.test");
  to.length = 0;
  rules.clear();
  rules.set("*@example.com", { forwards: ["y@other.test"] });
  blocked.clear();
  const after = await plan(facts);
  expect(after).toEqual(before);
  expect(describePlan(after)).toBe(shown); // the first plan was not changed by it either
  expect(describePlan(before)).toBe(shown);
});

/** A plan as a text, its octets included. */
function describePlan(decided: Plan): string {
  return JSON.stringify(decided, (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value));
}

test("F48 plan() never rejects, whatever stands in mail, envelope and rows", async () => {
  const junk = fc.string({ unit: fc.constantFrom(...'aB1 :;,@<>()"\\=?_-.\r\n\t\0ü日\u2028é'), maxLength: 80 });
  const field = fc.tuple(
    fc.constantFrom(
      "From",
      "To",
      "Subject",
      "Date",
      "Message-ID",
      "References",
      "Reply-To",
      "Content-Type",
      "X-Loop",
      "Received",
      "Cc",
      "List-Id",
    ),
    junk,
  );
  const header = fc.array(field, { maxLength: 10 }).map((fields) => fields.map(([name, value]) => `${name}: ${value}\r\n`).join(""));
  const row = fc.oneof(
    fc.jsonValue(),
    fc.record({
      ooo_active: fc.constant(true),
      ooo_message: junk,
      ooo_subject: junk,
      ooo_start: junk,
      ooo_content_type: fc.constantFrom("text", "html"),
      forwards: fc.array(fc.constantFrom("x@other.test", "ü@bücher.example", "b@another.test", "")),
    }),
  );
  const whom = fc.constantFrom("alice@example.com", "jörg@example.com", "alice@EXAMPLE.com.", '"a b"@example.com', "", "@");
  await fc.assert(
    fc.asyncProperty(
      header,
      junk,
      fc.oneof(fc.constant("bob@remote.test"), junk),
      whom,
      row,
      fc.jsonValue(),
      async (head, body, from, to, rule, patterns) => {
        const facts = factsOf({
          header: `${head}To: alice@example.com\r\n`,
          body,
          from,
          to: [to],
          rules: { "*@example.com": rule },
          blocked: { "*@example.com": patterns },
        });
        const decided = await plan(facts);
        for (const course of decided.kind === "carry" ? decided.courses : []) {
          for (const effect of course.kind === "serve" ? course.effects : []) {
            if (effect.kind === "deliver") continue;
            const text = Buffer.from(draftOf(effect).head).toString("latin1");
            expect(text).toMatch(/^(?:[!-9;-~]+:(?:[ -~]*\r\n)(?:[ \t][ -~]*\r\n)*)+\r\n$/);
            expect(text.split("\r\n").every((line) => line.length <= 998)).toBe(true);
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("plan() reads the header block alone when nothing must be quoted", async () => {
  const octets = new TextEncoder().encode(`${personal}\r\n${"x".repeat(100_000)}`);
  const whole = factsOf({ body: "x".repeat(100_000), rules: { "alice@example.com": { forwards: ["x@other.test"] } } });
  const cut = { ...whole, mail: { ...whole.mail, head: octets.subarray(0, whole.mail.bodyStart) } };
  const [ofCut, ofWhole] = [await plan(cut), await plan(whole)].map((decided) => planJson(decided, new Uint8Array(), 0));
  expect(ofCut).toEqual(ofWhole as Record<string, unknown>);
});
