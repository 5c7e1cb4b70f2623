// Mutation: a thousand mails broken on purpose, each decided on within a second, with nothing injected into what leaves.
// `npm run mutate -- 20000 SEED` does the same with any number through the real process.

import { describe, expect, test } from "bun:test";
import { PassThrough, Readable } from "node:stream";
import { concat, headLimit, openMail } from "@sesame/core";
import { explainBatch, explainCase } from "../../apps/worker/commands/explain.ts";
import { renderBlock } from "../../packages/core/mail/header-edit.ts";
import { busyTime } from "../busy-time.ts";
import { corpusNote } from "../core/corpus.ts";
import { examine } from "./complaints.ts";
import { type MutationCase, mutationCases } from "./mutations.ts";

const count = 1000;
const seed = 1;
const asJson = (value: unknown) => JSON.parse(JSON.stringify(value));

describe("explainCase()", () => {
  test(`explainCase() answers ${count} mutated mails with a plan, within a second each, and nothing injected${corpusNote}`, async () => {
    const complaints: string[] = [];
    let drafts = 0;
    for (const one of mutationCases(count, seed)) {
      const busyMs = busyTime();
      const answer = asJson(await explainCase(one.line));
      const took = busyMs();
      const finding = examine(one, answer);
      drafts += finding.drafts;
      complaints.push(...finding.complaints.map((complaint) => `${one.id}: ${complaint}`));
      if (took > 1000) complaints.push(`${one.id}: took ${took.toFixed(0)} ms`);
    }
    expect(complaints).toEqual([]);
    expect(drafts).toBeGreaterThan(count / 2); // else there was nothing to inject into
  }, 120_000);

  test("explainBatch() gives the same answers, one line each, whatever stands in mail and rules", async () => {
    const cases = [...mutationCases(200, seed)];
    expect(cases.some(({ line }) => /[\u2028\u2029]/.test(line))).toBe(true); // data in JSON, line ends to some readers
    const out = new PassThrough();
    const chunks: Buffer[] = [];
    out.on("data", (chunk: Buffer) => chunks.push(chunk));
    const input = Buffer.from(`${cases.map(({ line }) => line).join("\n")}\n`);
    const pieces = Array.from({ length: Math.ceil(input.length / 50_000) }, (_, at) => input.subarray(at * 50_000, (at + 1) * 50_000));
    await explainBatch(Readable.from(pieces), out);
    const answers = Buffer.concat(chunks).toString().trimEnd().split("\n");
    expect(answers.length).toBe(cases.length);
    for (const [index, one] of cases.entries()) expect(JSON.parse(answers[index] ?? "")).toEqual(asJson(await explainCase(one.line)));
  }, 120_000);

  test("splitHeader() and renderBlock() give back every octet of them", () => {
    for (const { id, mail } of mutationCases(count, seed)) {
      const head = mail.subarray(0, headLimit);
      const { block, bodyStart, defects } = openMail(head, mail.length);
      const rendered = renderBlock(block, []);
      const above = mail.subarray(0, bodyStart - rendered.length);
      expect(above.length > 0 && !defects.includes("mbox-line")).toBe(false);
      expect(`${id} ${Buffer.from(concat([above, rendered, mail.subarray(bodyStart)])).equals(mail)}`).toBe(`${id} true`);
    }
  });
});

// A check that cannot fail proves nothing: these answers are what injection would look like.
describe("examine()", () => {
  const [one] = mutationCases(1, seed) as unknown as [MutationCase];
  const known: MutationCase = { ...one, facts: { envelope: { from: "bob@remote.test" } } };
  const head =
    "From: alice@example.com\r\nTo: bob@remote.test\r\nSubject: Auto: Hi\r\nDate: Mon, 05 Jan 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n";
  const answerWith = (draft: string, to = "bob@remote.test", edits: readonly unknown[] = []) => ({
    id: one.id,
    plan: {
      kind: "carry",
      courses: [
        {
          kind: "serve",
          effects: [
            { kind: "deliver", edits },
            { kind: "reply", to, from: null, draft: Buffer.from(draft, "latin1").toString("base64") },
          ],
        },
      ],
    },
  });
  const parts = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: text/html\r\n\r\nx\r\n--b--\r\n";
  const multipart = `${head}Content-Type: multipart/alternative; boundary="b"\r\n\r\n`;

  test("examine() has nothing against a lawful answer", () => {
    expect(examine(known, answerWith(`${head}\r\nAway\r\n`))).toEqual({ complaints: [], injected: 0, drafts: 1 });
    expect(examine(known, answerWith(`${multipart}${parts}`)).complaints).toEqual([]);
  });

  const bad: [string, ReturnType<typeof answerWith> | Record<string, unknown>, number][] = [
    ["an injected field", answerWith(`${head}X-Injected: yes\r\n\r\nAway\r\n`), 2],
    ["an injected recipient field", answerWith(`${head}Bcc: evil@canary.test\r\n\r\nAway\r\n`), 2],
    ["a field twice", answerWith(`${head}Subject: other\r\n\r\nAway\r\n`), 1],
    ["a header that ends early", answerWith("From: alice@example.com\r\n\r\nTo: x\r\n\r\n"), 0],
    ["a bare LF in the header", answerWith(`${head.replace("Hi", "Hi\nX-Injected: yes")}\r\nAway\r\n`), 0],
    ["8-bit in the header", answerWith(`${head.replace("Hi", "H\xfc")}\r\nAway\r\n`), 0],
    ["a line without end", answerWith(`${head}In-Reply-To: ${"x".repeat(1000)}\r\n\r\nAway\r\n`), 0],
    ["another recipient", answerWith(`${head}\r\nAway\r\n`, "evil@canary.test"), 2],
    ["an injected field in a part", answerWith(`${multipart}${parts.replace("text/html", "text/html\r\nX-Injected: yes")}`), 1],
    [
      "an edit of another field",
      answerWith(`${head}\r\nAway\r\n`, "bob@remote.test", [{ kind: "remove", name: "Subject", which: "all" }]),
      0,
    ],
    [
      "an edit with a line in it",
      answerWith(`${head}\r\nx\r\n`, "bob@remote.test", [{ kind: "replace", name: "From", value: "a@b\r\nBcc: x" }]),
      0,
    ],
    ["an error", { id: one.id, error: "Cannot" }, 0],
    ["another case", { id: "other", plan: { kind: "carry", courses: [] } }, 0],
    ["a course without delivery", { id: one.id, plan: { kind: "carry", courses: [{ kind: "serve", effects: [] }] } }, 0],
  ];
  for (const [what, answer, injected] of bad) {
    test(`examine() complains of ${what}`, () => {
      const finding = examine(known, answer);
      expect(finding.complaints.length).toBeGreaterThan(0);
      expect(finding.injected).toBe(injected);
    });
  }
});
