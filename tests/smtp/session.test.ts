// Session: replies that nobody asked for, each at a stage where it would be taken for the reply to the next command.

import { expect, test } from "bun:test";
import { bye, data, envelope, hello, lhlo, play, resetAndBye } from "./scripts.ts";

const mailFrom = `${hello}
  C: MAIL FROM:<carol@remote.test>`;

const surplus: readonly (readonly [what: string, script: string, verdict: string])[] = [
  ["MAIL is answered twice", `${mailFrom}\n S: 250 ok\n S: 250 ok`, "delayed protocol-error mail"],
  ["a refusal follows the answer to MAIL", `${mailFrom}\n S: 250 ok\n S: 550 5.1.1 no`, "delayed protocol-error mail"],
  ["a goodbye follows the answer to MAIL", `${mailFrom}\n S: 250 ok\n S: 421 4.3.2 bye`, "delayed try-later mail"],
  ["RCPT is answered twice", `${envelope}\n S: 354 go`, "delayed protocol-error mail"],
  ["a refusal follows the answer to RCPT", `${envelope}\n S: 554 5.7.1 no`, "delayed protocol-error mail"],
  ["DATA is answered twice", `${envelope}\n C: DATA\n S: 354 go\n S: 250 ok`, "delayed protocol-error mail"],
  ["a refused MAIL is answered twice", `${mailFrom}\n S: 550 5.7.1 no\n S: 250 ok`, "delayed protocol-error mail"],
];
for (const [what, script, verdict] of surplus) {
  test(`send() is ${verdict}, and sends no mail, when ${what}`, async () => {
    expect(await play({ script })).toEqual([verdict]);
  });
}

test("send() believes the answer to the final dot, whatever follows it", async () => {
  expect(await play({ script: `${data}\n S: 250 ok\n S: 550 5.7.1 no` })).toEqual(["delivered"]);
});

test("send() takes no answer for that of a recipient whom it has not named yet", async () => {
  const script = `${lhlo.replace("S: 250-mx.test\n  S: 250 PIPELINING", "S: 250 mx.test")}
    C: MAIL FROM:<carol@remote.test>
    S: 250 ok
    C: RCPT TO:<a@example.com>
    S: 250 ok
    S: 550 5.1.1 no`;
  const verdicts = await play({ protocol: "lmtp", to: ["a@example.com", "b@example.com"], script });
  expect(verdicts).toEqual(["delayed protocol-error mail", "delayed protocol-error mail"]);
});

test("a session goes on after a refusal, with one RSET and no more", async () => {
  const script = `${mailFrom}
    S: 250 ok
    C: RCPT TO:<alice@example.com>
    S: 550 5.1.1 no${resetAndBye}`;
  expect(await play({ script })).toEqual(["failed no-such-mailbox recipient 5.1.1"]);
  expect(await play({ script: `${data}\n S: 250 ok${bye}` })).toEqual(["delivered"]);
});
