// sesame explain: its JSON answers, its text, its errors. What each decision reads like is in tests/golden.

import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable, Writable } from "node:stream";
import { plan } from "@sesame/core";
import { withoutPatterns } from "../../../apps/worker/commands/block.ts";
import { explainBatch, explainCase, explainOne } from "../../../apps/worker/commands/explain.ts";
import { decodeFacts, type ExplainCase } from "../../../apps/worker/facts-file.ts";
import { explainText } from "../../../packages/core/explain/plan-text.ts";
import { busyTime } from "../../busy-time.ts";
import { corpusFiles, corpusNote } from "../corpus.ts";

const facts = { domains: ["example.com"], envelope: { from: "bob@remote.test", recipients: ["alice@example.com"] } };
const commands = { rules: "sesame rules", block: "sesame block" };
const caseOf = (id: unknown, mail: Uint8Array, more = {}) =>
  JSON.stringify({ id, mail: Buffer.from(mail).toString("base64"), facts: { ...facts, ...more } });

test("explain answers a bad case with its error and goes on", async () => {
  expect(await explainCase("not json")).toMatchObject({ id: null, error: expect.stringMatching(/^Cannot explain/) });
  expect(await explainCase('{"id":1,"mail":"?","facts":{}}')).toMatchObject({ id: 1, error: expect.stringContaining("Base64") });
  expect(await explainCase('{"id":1,"mail":"","facts":{"domains":[]}}')).toMatchObject({
    id: 1,
    error: expect.stringMatching(/domains.*\n.*envelope/),
  });
});

const personal = Buffer.from("From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n");

const wrong: [Record<string, unknown> | null, string][] = [
  [null, "must be a map with at least domains and envelope, is null"],
  [{ domains: "example.com" }, 'domains must be a list of domains, is "example.com"'],
  [{ domains: [] }, "domains must be a list of at least one domain, is []"],
  [{ domains: ["example.com", 5] }, "domains.1 must be a domain, is 5"],
  [{ envelope: undefined }, "envelope must be a map with from and recipients, is undefined"],
  [{ envelope: { recipients: [] } }, "envelope.from must be an address, or null for none, is undefined"],
  [{ envelope: { from: null, recipients: "a@example.com" } }, 'envelope.recipients must be a list of addresses, is "a@example.com"'],
  [{ receivedAt: "yesterday" }, 'receivedAt must be an ISO 8601 instant, is "yesterday"'],
  [{ verdicts: { spam: true } }, "verdicts.spam must be a text such as PASS, or null, is true"],
  [{ rules: [] }, "rules must be a map from table keys to rows, is []"],
  [{ answered: { "alice@example.com": {} } }, "answered.alice@example.com.textHash must be a text, is undefined"],
  [
    { finals: { "deliver alice@example.com": { action: "done" } } },
    "finals.deliver alice@example.com must be delivered or relayed, failed",
  ],
  [{ policy: { spamVerdict: "burn" } }, 'policy.spamVerdict must be deliver or drop, is "burn"'],
];
for (const [more, problem] of wrong) {
  test(`decodeFacts() refuses ${JSON.stringify(more)}`, () => {
    const known = decodeFacts(more === null ? null : { ...facts, ...more }, personal);
    expect(known.ok ? "" : known.error).toContain(`Cannot read the facts: ${problem}`);
  });
}

test("decodeFacts() names every wrong field at once, a line each", () => {
  const known = decodeFacts({ domains: 1, envelope: 2, rules: 3 }, personal);
  expect(known.ok ? [] : known.error.split("\n")).toHaveLength(3);
});

/** A decoded case that must be good. */
function caseWith(more: Readonly<Record<string, unknown>>, mail: Uint8Array = personal): ExplainCase {
  const known = decodeFacts({ ...facts, ...more }, mail);
  if (!known.ok) throw new Error(known.error);
  return known.value;
}

test("decodeFacts() takes the sets of a row as lists, and a whole row of the blocklist", async () => {
  const rules = { "alice@example.com": { email_address: "alice@example.com", forwards: ["x@other.test"] } };
  const blocked = { "alice@example.com": { email_address: "alice@example.com", blocked_patterns: ["*@spam.test"] } };
  const { facts: known } = caseWith({ rules, blocked });
  expect(known.blocklist.rows.get("alice@example.com")?.patterns).toEqual(["*@spam.test"]);
  expect(await plan(known)).toMatchObject({ courses: [{ kind: "serve", effects: [{}, { kind: "forward" }], warnings: [] }] });
});

/** What the command says with a mail and facts in files. */
async function run(mail: string | null, text: string | null, options = {}): Promise<{ code: number; out: string; problems: string }> {
  const folder = mkdtempSync(join(tmpdir(), "sesame-explain-"));
  if (mail !== null) writeFileSync(join(folder, "mail.eml"), mail);
  if (text !== null) writeFileSync(join(folder, "facts.json"), text);
  const said = { out: "", problems: "" };
  const into = (name: "out" | "problems") =>
    new Writable({
      write(chunk, _, done) {
        said[name] += chunk;
        done();
      },
    });
  const code = await explainOne(join(folder, "mail.eml"), join(folder, "facts.json"), options, {
    out: into("out"),
    problems: into("problems"),
  });
  rmSync(folder, { recursive: true });
  return { code, ...said };
}

test("explain says which file it cannot read", async () => {
  const without = (what: string) => new RegExp(`^Cannot read the ${what} file ".*": ENOENT\n$`);
  expect(await run(null, "{}")).toEqual({ code: 2, out: "", problems: expect.stringMatching(without("mail")) });
  expect(await run("", null)).toEqual({ code: 2, out: "", problems: expect.stringMatching(without("facts")) });
  expect(await run("", "{")).toEqual({
    code: 2,
    out: "",
    problems: expect.stringMatching(/^Cannot read the facts in .*: must be JSON, is /),
  });
});

test("explain passes over a fact that it does not know, aloud", async () => {
  const { code, out, problems } = await run(personal.toString(), JSON.stringify({ ...facts, rule: {} }));
  expect({ code, problems }).toEqual({
    code: 0,
    problems: 'Cannot use "rule" in the facts file: there is no fact of this name; it is ignored\n',
  });
  expect(out).toMatch(/^alice@example\.com\n {2}deliver +from <bob@remote\.test> to the mailbox$/m);
});

test("explain --json answers with the plan and each outgoing mail", async () => {
  const rules = { "alice@example.com": { forwards: ["x@other.test"] } };
  const { out } = await run(personal.toString(), JSON.stringify({ ...facts, mailId: "m/1", rules }), { json: true });
  const { id, plan: answer } = JSON.parse(out);
  expect({ id, answer }).toMatchObject({
    id: "m/1",
    answer: { kind: "carry", courses: [{ kind: "serve", effects: [{ kind: "deliver" }, {}] }] },
  });
  expect(Buffer.from(answer.courses[0].effects[1].draft, "base64").toString()).toEndWith("\r\n\r\nHello\r\n");
});

test("explainText() lets nothing of a mail or a row steer the terminal", async () => {
  const evil = "\u001b[2J\u009b31m\u202e";
  const mail = Buffer.from(
    `From: ${evil} <bob@remote.test>\r\nTo: ${evil} alice@example.com\r\nSubject: ${evil}\r\nList-Id: ${evil}\r\n\r\n`,
  );
  const { facts: known } = caseWith(
    {
      envelope: { from: "bob@remote.test", recipients: [`x${evil}`, "alice@example.com", '"\u009b"@example.com'] },
      rules: { "alice@example.com": { ooo_active: true, ooo_message: "x", forwards: [evil] }, [`${evil}@example.com`]: {} },
      blocked: { "*@example.com": [`${evil}@remote.test`] },
    },
    mail,
  );
  const text = explainText(await plan(known), known, commands);
  expect(text).toContain("List-Id:");
  expect(text.replaceAll("\n", "")).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
});

test("X14 decodeFacts() takes all checks as passed where a file names no verdicts, and the explanation says so", async () => {
  const said = async (more: object) => {
    const known = decodeFacts({ ...facts, ...more }, personal);
    if (!known.ok) throw new Error(known.error);
    const { facts: found, assumed } = known.value;
    return [found.sesVerdicts.spf, found.sesVerdicts.dmarc, explainText(await plan(found), found, commands, assumed).includes("(assumed")];
  };
  expect(await said({})).toEqual(["PASS", "PASS", true]);
  expect(await said({ verdicts: {} })).toEqual(["none", "none", false]);
  expect(await said({ verdicts: { spf: "GRAY" } })).toEqual(["GRAY", "none", false]);
});

test("explain prints what docs/commands.md shows of it", async () => {
  const page = readFileSync(join(import.meta.dir, "../../../docs/commands.md"), "utf8");
  const [, json = "", shown = ""] = /## `sesame explain`\n.*?```json\n(.*?)```\n```\n(.*?)```\n/s.exec(page) ?? [];
  const mail = readFileSync(join(import.meta.dir, "../../golden/01-plain-delivery/mail.eml"), "latin1");
  expect(await run(mail, json)).toEqual({ code: 0, problems: "", out: shown });
});

// Each row: what stands in the blocklist. The commands that are shown must let the sender in, and touch nothing else.
const blocklists: Record<string, string[]>[] = [
  { "alice@example.com": ["bob@remote.test"] },
  { "alice@example.com": ["*@remote.test", "*@spam.test"] },
  { "alice@example.com": ["*"], "*@example.com": ["bob@*", "it's@spam.test", "[!a]ob@*"] },
  { "*@example.com": ["b?b@remote.test", "B*", "carol@remote.test"] },
];
for (const blocked of blocklists) {
  test(`explain names the commands that let a sender in: ${JSON.stringify(blocked)}`, async () => {
    const { facts: known } = caseWith({ blocked });
    const text = explainText(await plan(known), known, commands);
    const rows = new Map(Object.entries(blocked));
    const shown = [...text.matchAll(/^ +unblock +sesame block remove (.+)$/gm)];
    expect(shown).not.toBeEmpty();
    for (const [, words = ""] of shown) {
      const [key = "", ...patterns] = shellWords(words);
      const row = withoutPatterns(key, { blocked_patterns: rows.get(key) }, patterns);
      if (!row.ok) throw new Error(row.error);
      rows.set(key, (row.value?.["blocked_patterns"] ?? []) as string[]);
    }
    const kept = [...rows.values()].flat();
    expect(kept).toEqual(
      Object.values(blocked)
        .flat()
        .filter((pattern) => /spam|carol/.test(pattern)),
    );
    const { facts: changed } = caseWith({ blocked: Object.fromEntries(rows) });
    expect(await plan(changed)).toMatchObject({ courses: [{ kind: "serve" }] });
  });
}

/** Words as a shell splits them, as far as they are quoted here. */
function shellWords(text: string): string[] {
  return [...text.matchAll(/(?:'[^']*'|\\'|[^\s'])+/g)].map(([word]) =>
    word.replaceAll("'\\''", "\u0000").replaceAll("'", "").replaceAll("\u0000", "'"),
  );
}

test("explain answers a case under another policy", async () => {
  const spam = { verdicts: { spam: "FAIL" } };
  expect(await explainCase(caseOf(1, personal, spam))).toMatchObject({ plan: { kind: "carry" } });
  expect(await explainCase(caseOf(1, personal, { ...spam, policy: { spamVerdict: "drop" } }))).toMatchObject({
    plan: { kind: "discard", reason: "spam-verdict", courses: [] },
  });
});

test("explain --batch answers 5,000 cases in order within 10 s", async () => {
  const mail = Buffer.from(
    "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\nMessage-ID: <1@remote.test>\r\n\r\nHello\r\n",
  );
  const rules = { "alice@example.com": { ooo_active: true, ooo_message: "I am away", forwards: ["x@other.test"] } };
  const lines = Array.from({ length: 5000 }, (_, id) => `${caseOf(id, mail, { rules })}\n`);
  const out = new PassThrough();
  let text = "";
  out.on("data", (chunk) => {
    text += chunk;
  });
  const busyMs = busyTime();
  await explainBatch(Readable.from(lines), out);
  expect(busyMs()).toBeLessThan(10_000);
  const answers = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(answers.map(({ id }) => id)).toEqual(lines.map((_, id) => id));
  expect(answers.every(({ plan }) => plan.courses[0].effects.length === 3)).toBe(true);
}, 120_000);

test(`explain plans a delivery for every file of the corpus${corpusNote}`, async () => {
  for (const { name, octets } of corpusFiles("mime", "ses-bounces")) {
    const rules = { "*@example.com": { ooo_active: true, ooo_message: "x", forwards: ["x@other.test"] } };
    expect(await explainCase(caseOf(name, octets, { rules }))).toMatchObject({
      id: name,
      plan: {
        kind: "carry",
        courses: [{ kind: "serve", effects: expect.arrayContaining([expect.objectContaining({ kind: "deliver" })]) }],
      },
    });
  }
});
