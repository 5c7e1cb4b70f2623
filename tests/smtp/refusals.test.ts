// Refusals: the verdict for each answer at each stage (RFC 5321 §4.2.1, RFC 3463).

import { describe, expect, test } from "bun:test";
import { bye, data, envelope, hello, play, resetAndBye, shown } from "./scripts.ts";

describe("SmtpCourier.send() by the stage of a refusal", () => {
  const greeting: [string, string][] = [
    ["S: 421 4.3.2 busy", "delayed try-later host"],
    ["S: 450 4.3.2 postscreen", "delayed try-later host"],
    ["S: 554 5.7.1 go away", "delayed refused-us host"],
    ["S: SSH-2.0-OpenSSH_9.2", "delayed protocol-error host"],
    ["S: 2200 four digits", "delayed protocol-error host"],
    ["S: 220-one\n S: 250 two codes", "delayed protocol-error host"],
    ["X: close", "delayed unreachable host"],
    ["X: reset", "delayed unreachable host"],
  ];
  for (const [says, expected] of greeting) {
    test(`send() is ${expected} when the greeting is ${shown(says)}`, async () => {
      expect(await play({ script: says })).toEqual([expected]);
    });
  }

  const ehlo: [string, string][] = [
    ["S: 421 4.3.2 busy", "delayed try-later host"],
    ["S: 550 no\n C: HELO worker.test\n S: 550 5.7.1 helo refused", "delayed refused-us host"],
    ["S: 250-a\n S: 251 b", "delayed protocol-error host"],
    ["X: close", "delayed unreachable host"],
  ];
  for (const [says, expected] of ehlo) {
    test(`send() is ${expected} when EHLO is answered ${shown(says)}`, async () => {
      expect(await play({ script: `S: 220 mx.test\n C: EHLO worker.test\n ${says}` })).toEqual([expected]);
    });
  }

  const mail: [string, string][] = [
    ["451 4.7.1 greylisted", "delayed try-later mail"],
    ["452 4.3.1 disk full", "delayed try-later host"],
    ["452 4.3.1 disk full", "delayed try-later host"],
    ["550 5.1.8 sender domain", "delayed refused-us mail"],
    ["553 5.7.1 sender refused", "delayed refused-us mail"],
    ["530 5.7.0 authenticate", "delayed refused-us host"],
    ["503 5.5.1 nested MAIL", "delayed refused-us mail"],
    ["552 5.3.4 too big", "failed too-big mail 5.3.4"],
  ];
  for (const [says, expected] of mail) {
    test(`send() is ${expected} when MAIL is answered ${says}`, async () => {
      const script = `${hello}
        C: MAIL FROM:<carol@remote.test>
        S: ${says}${resetAndBye}`;
      expect(await play({ script })).toEqual([expected]);
    });
  }

  const rcpt: [string, string][] = [
    ["450 4.2.1 greylisted", "delayed try-later recipient"],
    ["451 4.3.0 Too many concurrent deliveries for user", "delayed try-later recipient"],
    ["452 4.2.2 quota", "delayed try-later recipient"],
    ["454 4.7.1 Relay access denied", "delayed refused-us recipient"],
    ["550 5.1.1 User doesn't exist", "failed no-such-mailbox recipient 5.1.1"],
    ["550 no such user", "failed no-such-mailbox recipient 5.1.1"],
    ["551 User not local", "failed no-such-mailbox recipient 5.1.1"],
    ["553 mailbox not allowed", "failed no-such-mailbox recipient 5.1.1"],
    ["550 5.1.7 sender", "delayed refused-us recipient"],
    ["550 5.7.1 policy", "delayed refused-us recipient"],
    ["552 5.2.2 full", "failed mailbox-full recipient 5.2.2"],
    ["552 5.3.4 too big", "failed too-big recipient 5.3.4"],
    ["552 too many recipients", "delayed try-later recipient"],
    ["554 5.7.1 Relay access denied", "delayed refused-us recipient"],
    ["550 4.1.1 no such user, class mismatch", "failed no-such-mailbox recipient 5.1.1"],
  ];
  for (const [says, expected] of rcpt) {
    test(`send() is ${expected} when RCPT is answered ${says}`, async () => {
      const script = `${hello}
        C: MAIL FROM:<carol@remote.test>
        S: 250 ok
        C: RCPT TO:<alice@example.com>
        S: ${says}${resetAndBye}`;
      expect(await play({ script })).toEqual([expected]);
    });
  }

  const dataAnswers: [string, string][] = [
    ["451 4.3.0 later", "delayed try-later mail"],
    ["554 5.6.0 no", "failed content-refused mail 5.6.0"],
    ["503 5.5.1 no recipients", "delayed refused-us mail"],
  ];
  for (const [says, expected] of dataAnswers) {
    test(`send() is ${expected} when DATA is answered ${says}`, async () => {
      expect(await play({ script: `${envelope}\n C: DATA\n S: ${says}${resetAndBye}` })).toEqual([expected]);
    });
  }

  const dot: [string, string][] = [
    ["250 2.0.0 queued", "delivered"],
    ["451 4.3.0 milter", "delayed try-later mail"],
    ["452 4.2.2 quota", "delayed try-later mail"],
    ["550 5.1.1 unknown", "failed no-such-mailbox mail 5.1.1"],
    ["550 5.7.1 spam", "failed policy-refused mail 5.7.1"],
    ["550 5.6.0 MIME", "failed content-refused mail 5.6.0"],
    ["552 5.2.2 full", "failed mailbox-full mail 5.2.2"],
    ["552 too big", "failed too-big mail 5.3.4"],
    ["554 no", "failed content-refused mail 5.6.0"],
  ];
  for (const [says, expected] of dot) {
    test(`send() is ${expected} when the final dot is answered ${says}`, async () => {
      expect(await play({ script: `${data}\n S: ${says}${says.startsWith("2") ? bye : resetAndBye}` })).toEqual([expected]);
    });
  }
});
