// Transcripts: what SmtpCourier says to a server, byte for byte, and what no server ever sees.

import { describe, expect, test } from "bun:test";
import { contentOf } from "./samples.ts";
import { body, bye, data, hello, play, resetAndBye } from "./scripts.ts";

describe("SmtpCourier.send() by SMTP", () => {
  test("send() delivers when the server takes the mail", async () => {
    expect(await play({ script: `${data}\n S: 250 2.0.0 queued${bye}` })).toEqual(["delivered"]);
  });

  test("send() sends the null reverse-path when there is none", async () => {
    const script = `${hello}
      C: MAIL FROM:<>
      S: 250 ok
      C: RCPT TO:<alice@example.com>
      S: 550 5.1.1 unknown${resetAndBye}`;
    expect(await play({ from: null, script })).toEqual(["failed no-such-mailbox recipient 5.1.1"]);
  });

  test("send() pipelines, and declares size and 8BITMIME, when they are offered", async () => {
    const script = `
      S: 220 mx.test
      C: EHLO worker.test
      S: 250-mx.test
      S: 250-PIPELINING
      S: 250-SIZE 1000
      S: 250 8BITMIME
      C: MAIL FROM:<carol@remote.test> BODY=8BITMIME SIZE=3
      C: RCPT TO:<alice@example.com>
      C: DATA
      S: 250 ok
      S: 250 ok
      S: 354 go
      C: \xe4
      C: .
      S: 250 ok${bye}`;
    expect(await play({ script, content: contentOf("\xe4\r\n", { eightBit: "unknown" }) })).toEqual(["delivered"]);
  });

  test("send() says HELO when EHLO is refused", async () => {
    const script = `
      S: 220 old.test
      C: EHLO worker.test
      S: 502 what?
      C: HELO worker.test
      S: 250 old.test
      C: MAIL FROM:<carol@remote.test>
      S: 250 ok
      C: RCPT TO:<alice@example.com>
      S: 250 ok
      C: DATA
      S: 354 go${body}
      S: 250 ok${bye}`;
    expect(await play({ script })).toEqual(["delivered"]);
  });

  test("F68 send() says nothing when the mail is larger than the EHLO limit", async () => {
    const script = `
      S: 220 mx.test
      C: EHLO worker.test
      S: 250-mx.test
      S: 250 SIZE 10${bye}`;
    expect(await play({ script })).toEqual(["failed too-big mail 5.3.4"]);
  });

  test("send() takes SIZE 0 as no limit", async () => {
    const script = `
      S: 220 mx.test
      C: EHLO worker.test
      S: 250-mx.test
      S: 250 SIZE 0
      C: MAIL FROM:<carol@remote.test> SIZE=22
      S: 452 4.3.1 disk full${resetAndBye}`;
    expect(await play({ script })).toEqual(["delayed try-later host"]);
  });

  test("send() asks once for recipients that differ in case only", async () => {
    expect(await play({ to: ["alice@example.com", "Alice@EXAMPLE.com"], script: `${data}\n S: 250 ok${bye}` })).toEqual([
      "delivered",
      "delivered",
    ]);
  });

  test("send() sends an A-label when the domain is not ASCII", async () => {
    const script = `${hello}
      C: MAIL FROM:<carol@remote.test>
      S: 250 ok
      C: RCPT TO:<alice@xn--bcher-kva.example>
      S: 550 5.2.2 full${resetAndBye}`;
    expect(await play({ to: ["alice@b\xfccher.example"], script })).toEqual(["failed mailbox-full recipient 5.2.2"]);
  });

  test("F72 send() fails one recipient when only SMTPUTF8 could name it", async () => {
    expect(await play({ to: ["j\xfcrgen@example.com", "alice@example.com"], script: `${data}\n S: 250 ok${bye}` })).toEqual([
      "failed address-unsupported recipient 5.6.7",
      "delivered",
    ]);
  });

  test("send() names a recipient in UTF-8 when SMTPUTF8 is offered", async () => {
    const script = `
      S: 220 mx.test
      C: EHLO worker.test
      S: 250-mx.test
      S: 250 SMTPUTF8
      C: MAIL FROM:<carol@remote.test> SMTPUTF8
      S: 250 ok
      C: RCPT TO:<j\xc3\xbcrgen@example.com>
      S: 550 5.1.1 unknown${resetAndBye}`;
    expect(await play({ to: ["j\xfcrgen@example.com"], script })).toEqual(["failed no-such-mailbox recipient 5.1.1"]);
  });
});

describe("SmtpCourier.send() with hostile addresses", () => {
  const hostile = [
    " a@b.test",
    "a@b.test ",
    "a@b>\r\nDATA",
    "a@b\r\nRCPT TO:<x@y>",
    "a\0@b.test",
    "a@b.test> SIZE=1",
    "<>",
    "<a@b.test>",
    "a b@c.test",
    "a\x7f@b.test",
    "a@b\x85.test",
    "",
    "a",
    "@b.test",
    "a@",
  ];
  for (const address of hostile) {
    test(`F76 send() opens no connection for ${JSON.stringify(address)}`, async () => {
      expect(await play({ to: [address], script: [] })).toEqual(["failed address-unsupported recipient 5.1.3"]);
      expect(await play({ from: address, script: [] })).toEqual(["delayed refused-us mail"]);
    });
  }

  test("send() serves the others beside a hostile recipient", async () => {
    expect(await play({ to: ["a@b>\r\nDATA", "alice@example.com"], script: `${data}\n S: 250 ok${bye}` })).toEqual([
      "failed address-unsupported recipient 5.1.3",
      "delivered",
    ]);
  });

  test("send() delays when the reverse-path needs SMTPUTF8 that is not offered", async () => {
    expect(await play({ from: "j\xfcrgen@remote.test", script: `${hello}${bye}` })).toEqual(["delayed refused-us mail"]);
  });
});
