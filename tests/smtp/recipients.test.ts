// Recipients: each gets its own verdict, by SMTP and by LMTP (RFC 5321 §3.3, RFC 2033 §4.2).

import { describe, expect, test } from "bun:test";
import { body, bye, lhlo, lmtpData, lmtpEnvelope, play, resetAndBye, three } from "./scripts.ts";

describe("SmtpCourier.send() to several recipients by SMTP", () => {
  const script = (answers: string, end: string) => `
    S: 220 mx.test
    C: EHLO worker.test
    S: 250-mx.test
    S: 250 PIPELINING
    C: MAIL FROM:<carol@remote.test>
    C: RCPT TO:<a@example.com>
    C: RCPT TO:<b@example.com>
    C: RCPT TO:<c@example.com>
    C: DATA
    ${answers}${end}`;

  test("send() keeps the recipients apart when RCPT is mixed", async () => {
    const answers = `S: 250 ok\n S: 250 ok\n S: 450 4.2.1 later\n S: 550 5.1.1 no\n S: 354 go${body}\n S: 250 ok`;
    expect(await play({ to: three, script: script(answers, bye) })).toEqual([
      "delivered",
      "delayed try-later recipient",
      "failed no-such-mailbox recipient 5.1.1",
    ]);
  });

  test("send() keeps the RCPT answers when DATA is refused for want of recipients", async () => {
    const answers = "S: 250 ok\n S: 450 4.2.1 later\n S: 550 5.1.1 no\n S: 550 5.2.2 full\n S: 554 5.5.1 no valid recipients";
    expect(await play({ to: three, script: script(answers, resetAndBye) })).toEqual([
      "delayed try-later recipient",
      "failed no-such-mailbox recipient 5.1.1",
      "failed mailbox-full recipient 5.2.2",
    ]);
  });

  test("send() sends an empty mail when DATA is taken for nobody", async () => {
    const answers = "S: 250 ok\n S: 550 5.1.1 no\n S: 550 5.1.1 no\n S: 550 5.1.1 no\n S: 354 go\n C: .\n S: 554 5.5.1 nobody";
    expect(await play({ to: three, script: script(answers, resetAndBye) })).toEqual(
      Array(3).fill("failed no-such-mailbox recipient 5.1.1"),
    );
  });

  test("send() delays all when MAIL is refused and the rest follows", async () => {
    const answers = "S: 550 5.7.1 no\n S: 503 MAIL first\n S: 503 MAIL first\n S: 503 MAIL first\n S: 503 MAIL first";
    expect(await play({ to: three, script: script(answers, bye) })).toEqual(Array(3).fill("delayed refused-us mail"));
  });

  test("send() gives all the one answer to the dot", async () => {
    const answers = `S: 250 ok\n S: 250 ok\n S: 250 ok\n S: 550 5.1.1 no\n S: 354 go${body}\n S: 550 5.7.1 spam`;
    expect(await play({ to: three, script: script(answers, resetAndBye) })).toEqual([
      "failed policy-refused mail 5.7.1",
      "failed policy-refused mail 5.7.1",
      "failed no-such-mailbox recipient 5.1.1",
    ]);
  });

  test("send() sends no mail and believes no refusal when an answer is one too many", async () => {
    const answers = "S: 250 ok\n S: 250 surplus\n S: 550 5.1.1 a\n S: 250 b\n S: 250 c\n S: 354 go";
    expect(await play({ to: three, script: script(answers, "") })).toEqual(Array(3).fill("delayed protocol-error mail"));
  });
});

describe("SmtpCourier.send() by LMTP", () => {
  const lmtp = (script: string, to: readonly string[] = three) => play({ protocol: "lmtp", to, script });

  test("send() keeps three answers apart", async () => {
    expect(await lmtp(`${lmtpData}\n S: 250 2.0.0 a\n S: 451 4.3.0 b\n S: 550 5.2.2 c${bye}`)).toEqual([
      "delivered",
      "delayed try-later recipient",
      "failed mailbox-full recipient 5.2.2",
    ]);
  });

  test("send() keeps the answers that were given before a drop", async () => {
    const doubt = "delayed in-doubt mail twice?";
    expect(await lmtp(`${lmtpData}\n S: 250 a\n X: close`)).toEqual(["delivered", doubt, doubt]);
    expect(await lmtp(`${lmtpData}\n S: 250 a\n S: 550 5.1.1 b\n X: close`)).toEqual([
      "delivered",
      "failed no-such-mailbox recipient 5.1.1",
      doubt,
    ]);
    expect(await lmtp(`${lmtpData}\n S: 250 a\n S: 250 b\n S: 250 c\n X: close`)).toEqual(["delivered", "delivered", "delivered"]);
  });

  test("send() keeps fifty answers when the server leaves in the same breath", async () => {
    const to = Array.from({ length: 50 }, (_, index) => `r${index}@example.com`);
    const each = (text: (address: string) => string) => to.map(text).join("\n");
    const script = `${lhlo}
      C: MAIL FROM:<carol@remote.test>
      ${each((address) => `C: RCPT TO:<${address}>`)}
      C: DATA
      S: 250 ok
      ${each(() => "S: 250 ok")}
      S: 354 go${body}
      ${each((address) => `S: 250 ${address}`)}
      X: close`;
    expect(await lmtp(script, to)).toEqual(Array(50).fill("delivered"));
  });

  test("send() is in doubt before any answer, and only then lost", async () => {
    expect(await lmtp(`${lmtpData}\n X: close`)).toEqual(Array(3).fill("delayed in-doubt mail twice?"));
    expect(await lmtp(`${lmtpEnvelope}\n S: 250 ok\n S: 250 ok\n S: 250 ok\n X: close`)).toEqual(
      Array(3).fill("delayed session-lost mail"),
    );
  });

  test("send() delays the others when there are fewer answers than recipients", async () => {
    const options = { dotTimeoutMs: 400 };
    const verdicts = await play({ protocol: "lmtp", to: three, options, script: `${lmtpData}\n S: 250 a\n S: 250 b\n X: mute` });
    expect(verdicts).toEqual(["delivered", "delivered", "delayed in-doubt mail twice?"]);
  });

  test("send() lets the answers stand and ends the session when there are more than recipients", async () => {
    const verdicts = await lmtp(`${lmtpData}\n S: 250 a\n S: 550 5.1.1 b\n S: 250 c\n S: 550 5.1.1 d`);
    expect(verdicts).toEqual(["delivered", "failed no-such-mailbox recipient 5.1.1", "delivered"]);
  });

  test("send() takes no answer for a recipient that was refused at RCPT", async () => {
    const script = `${lmtpEnvelope}
      S: 250 ok
      S: 250 a
      S: 550 5.1.1 b
      S: 250 c
      S: 354 go${body}
      S: 451 4.3.0 a
      S: 250 c`;
    expect(await lmtp(`${script}${bye}`)).toEqual(["delayed try-later recipient", "failed no-such-mailbox recipient 5.1.1", "delivered"]);
  });

  test("send() asks once when a recipient is named twice", async () => {
    const script = `${lhlo}
      C: MAIL FROM:<carol@remote.test>
      C: RCPT TO:<a@example.com>
      C: DATA
      S: 250 ok
      S: 250 ok
      S: 354 go${body}
      S: 250 a${bye}`;
    expect(await lmtp(script, ["a@example.com", "a@example.com"])).toEqual(["delivered", "delivered"]);
  });

  test("send() ends the session when DATA is taken for nobody", async () => {
    const script = `${lmtpEnvelope}\n S: 250 ok\n S: 550 5.1.1 a\n S: 550 5.1.1 b\n S: 550 5.1.1 c\n S: 354 go`;
    expect(await lmtp(script)).toEqual(Array(3).fill("failed no-such-mailbox recipient 5.1.1"));
  });

  test("send() resets when every answer is a refusal", async () => {
    expect(await lmtp(`${lmtpData}\n S: 451 a\n S: 451 b\n S: 451 c${resetAndBye}`)).toEqual(Array(3).fill("delayed try-later recipient"));
  });

  test("send() is delayed when LHLO is refused", async () => {
    expect(await lmtp("S: 220 mx\n C: LHLO worker.test\n S: 500 what?")).toEqual(Array(3).fill("delayed refused-us host"));
  });

  test("send() believes no answer before the dot", async () => {
    expect(
      await lmtp(`${lmtpEnvelope}\n S: 250 ok\n S: 250 ok\n S: 250 ok\n S: 250 ok\n S: 354 go\n S: 250 a\n S: 250 b\n S: 250 c`),
    ).toEqual(Array(3).fill("delayed protocol-error mail"));
  });
});
