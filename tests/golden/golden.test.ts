// Golden folders: mail.eml and facts.json in; plan.json, plan.txt (what `sesame explain` prints) and every outgoing mail
// out, compared whole. UPDATE_GOLDEN=1 (npm run golden) rewrites what comes out; the diff is then read.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { concat, type Effect, type Facts, type Plan, plan } from "@sesame/core";
import { decodeFacts } from "../../apps/worker/facts-file.ts";
import { outgoing, planJson } from "../../packages/core/explain/plan-json.ts";
import { explainText } from "../../packages/core/explain/plan-text.ts";
import {
  defectSentences,
  discardSentences,
  refuseSentences,
  standInSentences,
  warningSentences,
  withheldSentences,
} from "../../packages/core/explain/reason-sentences.ts";
import { renderBlock } from "../../packages/core/mail/header-edit.ts";

const here = import.meta.dir;
const update = process.env["UPDATE_GOLDEN"] === "1";
const folders = readdirSync(here, { withFileTypes: true }).filter((entry) => entry.isDirectory());

for (const { name: folder } of folders) {
  test(`golden: ${folder}`, async () => {
    const path = join(here, folder);
    const mail = new Uint8Array(readFileSync(join(path, "mail.eml")));
    const known = decodeFacts(JSON.parse(readFileSync(join(path, "facts.json"), "utf8")), mail);
    if (!known.ok) throw new Error(known.error);
    const { facts, policy, assumed } = known.value;
    const decided = await plan(facts, policy);
    const files = new Map<string, Uint8Array>([
      ["plan.json", Buffer.from(`${JSON.stringify(planJson(decided, mail, facts.mail.bodyStart), withoutDraft, 2)}\n`)],
      ["plan.txt", Buffer.from(explainText(decided, facts, { rules: "sesame rules", block: "sesame block" }, assumed))],
      ...mailsOf(decided, mail, facts),
    ]);
    const stale = readdirSync(path).filter((name) => !files.has(name) && name !== "mail.eml" && name !== "facts.json");
    if (update) {
      for (const name of stale) rmSync(join(path, name));
      for (const [name, octets] of files) writeFileSync(join(path, name), octets);
    }
    for (const [name, octets] of files)
      expect(`${name}: ${readFileSync(join(path, name), "latin1")}`).toBe(`${name}: ${Buffer.from(octets).toString("latin1")}`);
    if (!update) expect(stale).toEqual([]);
  });
}

/** A draft stands in a file of its own, where it can be read. */
function withoutDraft(key: string, value: unknown): unknown {
  return key === "draft" ? undefined : value;
}

/** Every mail that leaves, in the order of the plan; those that are equal to the octet stand once. */
function mailsOf(decided: Plan, octets: Uint8Array, { mail }: Facts): readonly (readonly [string, Uint8Array])[] {
  const courses = decided.kind === "carry" ? decided.courses : [];
  const effects = courses.flatMap((course) => (course.kind === "serve" ? course.effects : []));
  const leaving = new Map(effects.map((effect) => [`${effect.kind} ${Buffer.from(octetsOf(effect)).toString("latin1")}`, effect]));
  return [...leaving.values()].map((effect, index) => [`out-${index + 1}-${effect.kind}.eml`, octetsOf(effect)] as const);

  function octetsOf(effect: Effect): Uint8Array {
    if (effect.kind !== "deliver") return outgoing(effect.recipe, octets, mail.bodyStart);
    if (effect.edits.length === 0) return octets; // also what stands above an mbox line
    return concat([renderBlock(mail.block, effect.edits), octets.subarray(mail.bodyStart)]);
  }
}

const sentences = {
  ...withheldSentences,
  ...refuseSentences,
  ...discardSentences,
  ...warningSentences,
  ...defectSentences,
  ...standInSentences,
};
// Mails of more than 64 KiB make no folder to be read; tests/core has them.
const tooLong = ["header-too-long", "field-too-long", "too-many-fields", "too-large"];

test.skipIf(update)("golden: every word by which a plan says why is shown by a folder", () => {
  const plans = folders.map(({ name }) => readFileSync(join(here, name, "plan.json"), "utf8")).join("\n");
  const missing = Object.keys(sentences).filter((word) => !plans.includes(`"${word}"`));
  expect(missing.filter((word) => !tooLong.includes(word))).toEqual([]);
});
