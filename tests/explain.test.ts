import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { explainBatch, explainCase } from "../apps/worker/commands/explain.ts";

const corpus = join(import.meta.dir, "../../shared/corpus");
const facts = { domains: ["example.com"], envelope: { from: "bob@remote.test", recipients: ["alice@example.com"] } };
const caseOf = (id: unknown, mail: Uint8Array, more = {}) =>
  JSON.stringify({ id, mail: Buffer.from(mail).toString("base64"), facts: { ...facts, ...more } });

test("explain answers a bad case with its error and goes on", async () => {
  expect(await explainCase("not json")).toMatchObject({ id: null, error: expect.stringMatching(/^Cannot explain/) });
  expect(await explainCase('{"id":1,"mail":"?","facts":{}}')).toMatchObject({ id: 1, error: expect.stringContaining("Base64") });
  expect(await explainCase('{"id":1,"mail":"","facts":{"domains":[]}}')).toMatchObject({
    id: 1,
    error: expect.stringMatching(/domains.*envelope/),
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
  const began = performance.now();
  await explainBatch(Readable.from(lines), out);
  expect(performance.now() - began).toBeLessThan(10_000);
  const answers = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(answers.map(({ id }) => id)).toEqual(lines.map((_, id) => id));
  expect(answers.every(({ plan }) => plan.courses[0].effects.length === 3)).toBe(true);
}, 20_000);

const samples = existsSync(corpus)
  ? ["mime", "ses-bounces"].flatMap((name) => readdirSync(join(corpus, name)).map((file) => join(corpus, name, file)))
  : [];
test.skipIf(samples.length === 0)(
  `explain plans a delivery for every file of the corpus${samples.length === 0 ? " (SKIPPED: ../shared/corpus is missing)" : ""}`,
  async () => {
    for (const path of samples) {
      const answer = await explainCase(
        caseOf(path, readFileSync(path), {
          rules: { "*@example.com": { ooo_active: true, ooo_message: "x", forwards: ["x@other.test"] } },
        }),
      );
      expect(answer).toMatchObject({
        id: path,
        plan: {
          kind: "carry",
          courses: [{ kind: "serve", effects: expect.arrayContaining([expect.objectContaining({ kind: "deliver" })]) }],
        },
      });
    }
  },
);
