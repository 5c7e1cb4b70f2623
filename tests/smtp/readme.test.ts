// The example in the package's README works as it stands there.

import { expect, test } from "bun:test";
import { runExample } from "../contracts/example.ts";
import { sinkServer } from "./sink-server.ts";

test("the example of packages/smtp/README.md delivers a mail", async () => {
  const server = await sinkServer({ protocol: "lmtp" });
  const replace = { "mail.example.com": "127.0.0.1", "port: 24": `port: ${server.port}` };
  expect(await runExample("packages/smtp/README.md", { replace })).toBe("deliver alice@example.com: delivered\n");
  server.close();
  expect(server.mails.map(({ from, recipients, data }) => [from, recipients, data.toString()])).toEqual([
    ["", ["alice@example.com"], "Subject: hello\r\n\r\nHello Alice\r\n"],
  ]);
}, 120_000);
