// Emulator process: SQS and S3 of fauxqs on a free port of 127.0.0.1, in a process of its own and under Bun, which it
// needs. Its clock is its own too: a line `advance N` moves it on by N seconds, so that no test waits for a visibility to
// end. It prints its port first, then a line for each command, and ends with its standard input.

import { createInterface } from "node:readline";
import { buildApp } from "fauxqs";

const realNow = Date.now.bind(Date);
let aheadMs = 0;
Date.now = () => realNow() + aheadMs;

const app = buildApp({ logger: false, host: "127.0.0.1", defaultRegion: "eu-central-1" });
const endpoint = await app.listen({ host: "127.0.0.1", port: 0 });
console.log(endpoint);
for await (const line of createInterface({ input: process.stdin })) {
  aheadMs += Number(/^advance (\d+)$/.exec(line)?.[1] ?? 0) * 1000;
  console.log("ok");
}
process.exit(0);
