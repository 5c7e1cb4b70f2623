// How much memory a recipe is said to take, against what it becomes.

import { expect, test } from "bun:test";
import { draftOctets } from "@sesame/core/compose";
import { away } from "../sample.ts";
import { forwardOf, sized } from "./forwards.ts";
import { effectOf } from "./replies.ts";

const addressees = `To: ${Array.from({ length: 40 }, (_, i) => `"Name ${i}" <t${i}@remote.test>`).join(",\r\n ")}\r\n`;

test("draftOctets() of a forward is at least its header block, and not much more", async () => {
  for (const header of ["From: bob@remote.test\r\n", `From: bob@remote.test\r\n${addressees}`]) {
    const { recipe, draft } = await forwardOf({ header });
    expect(draftOctets(recipe)).toBeGreaterThanOrEqual(draft.head.length);
    expect(draftOctets(recipe)).toBeLessThan(draft.head.length + 4096);
  }
});

test("draftOctets() of a stand-in and of replies is at least what they become", async () => {
  const standIn = await forwardOf({ facts: { mail: sized(50_000_000) } });
  const replies = await Promise.all(
    ["text", "html"].map((type) => effectOf({}, { ...away, ooo_content_type: type, ooo_message: `<p>${"ü".repeat(20_000)}</p>` })),
  );
  for (const { recipe, draft } of [standIn, ...replies]) {
    if (draft.body === "original") throw new Error("the body must be its own");
    expect(draftOctets(recipe)).toBeGreaterThanOrEqual(draft.head.length);
    expect(draftOctets(recipe) * 4).toBeGreaterThanOrEqual(draft.head.length + draft.body.length);
  }
});
