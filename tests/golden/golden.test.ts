// Golden folders: mail.eml and facts.json in, plan.json and every outgoing mail out, compared whole. UPDATE_GOLDEN=1
// (npm run golden) rewrites what comes out; the diff is then read.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { concat, type Mail, type Plan, plan, renderBlock } from "@sesame/core";
import { outgoing, planJson } from "../../apps/worker/explanation.ts";
import { decodeFacts } from "../../apps/worker/facts.ts";

const here = import.meta.dir;
const update = process.env["UPDATE_GOLDEN"] === "1";

for (const folder of readdirSync(here, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
  test(`golden: ${folder.name}`, async () => {
    const path = join(here, folder.name);
    const mail = new Uint8Array(readFileSync(join(path, "mail.eml")));
    const facts = decodeFacts(JSON.parse(readFileSync(join(path, "facts.json"), "utf8")), mail);
    if (!facts.ok) throw new Error(facts.error);
    const decided = await plan(facts.value);
    const json = JSON.stringify(
      planJson(decided, mail, facts.value.mail.bodyStart),
      (key, value) => (key === "draft" ? undefined : value),
      2,
    );
    const files: [string, Uint8Array][] = [["plan.json", Buffer.from(`${json}\n`)]];
    for (const [index, octets] of mailsOf(decided, mail, facts.value.mail).entries()) files.push([`out-${index + 1}.eml`, octets]);
    const stale = readdirSync(path).filter((name) => /^(?:out-\d+\.eml|plan\.json)$/.test(name) && !files.some(([file]) => file === name));
    if (update) {
      for (const name of stale) rmSync(join(path, name));
      for (const [name, octets] of files) writeFileSync(join(path, name), octets);
    }
    for (const [name, octets] of files)
      expect(readFileSync(join(path, name)).toString("latin1")).toBe(Buffer.from(octets).toString("latin1"));
    if (!update) expect(stale).toEqual([]);
  });
}

/** Every mail that leaves, in the order of the plan. */
function mailsOf(decided: Plan, octets: Uint8Array, { block, bodyStart }: Mail): readonly Uint8Array[] {
  const courses = decided.kind === "carry" ? decided.courses : [];
  return courses.flatMap((course) =>
    (course.kind === "serve" ? course.effects : []).map((effect) =>
      effect.kind === "deliver"
        ? concat([renderBlock(block, effect.edits), octets.subarray(bodyStart)])
        : outgoing(effect.draft, octets, bodyStart),
    ),
  );
}
