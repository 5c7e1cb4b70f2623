// No dead-letter queue: `sesame check` warns of it, and says how to fix it. That nothing is deleted then is in workers.test.ts.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { Cloud } from "../system/cloud.ts";

const main = join(import.meta.dir, "../../apps/worker/main.ts");
let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.start({ domains: ["example.com"], deadLetters: false });
}, 120_000);
afterAll(() => cloud.stop(), 60_000);

type Finding = Readonly<{ level: string; subject: string; text: string; mend: string | null }>;

test("F51 sesame check warns when a queue has no dead-letter queue", async () => {
  const env = { PATH: "/nowhere", ...cloud.env, SMTP_HOST: "127.0.0.1", SMTP_PORT: "1" };
  const child = Bun.spawn([process.execPath, main, "check", "--json"], { env, stdout: "pipe", stderr: "pipe" });
  const findings = JSON.parse(await new Response(child.stdout).text()) as readonly Finding[];
  const found = findings.filter(({ subject, text }) => subject === "queue example-com-queue" && text.includes("dead-letter"));
  expect(found).toMatchObject([
    { level: "warning", text: expect.stringMatching(/^it has no dead-letter queue/), mend: expect.stringContaining("maxReceiveCount 50") },
  ]);
  expect(await child.exited).toBe(2); // for the mail server, which is not there
}, 120_000);
