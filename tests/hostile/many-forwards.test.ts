// The memory that one mail with thousands of forwards takes.

import { expect, test } from "bun:test";

test("X02 a mail with a header of 100 KB to 100 recipients with 50 forwards each stays under 300 MB", async () => {
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/many-forwards.ts`], { stdout: "pipe", stderr: "inherit" });
  const { outcome, sent, header, megabytes } = JSON.parse(await new Response(child.stdout).text());
  expect([outcome, sent, header > 100_000]).toEqual([{ kind: "ack" }, 5100, true]);
  expect(megabytes).toBeLessThan(300);
});
