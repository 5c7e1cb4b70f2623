// Broken sessions: drops, silence, 421 and answers that make no sense, at each stage.

import { describe, expect, test } from "bun:test";
import type { SmtpOptions } from "@sesame/smtp";
import { courierTo, inOrder, transaction, wires, words } from "./samples.ts";
import { scriptedServer } from "./scripted-server.ts";
import { data, envelope, hello, play, resetAndBye } from "./scripts.ts";

describe("SmtpCourier.send() when the session breaks", () => {
  const misfits: [string, string, string][] = [
    ["MAIL is answered with four digits", `${hello}\n C: MAIL FROM:<carol@remote.test>\n S: 2500 ok`, "delayed protocol-error host"],
    ["MAIL is answered 354", `${hello}\n C: MAIL FROM:<carol@remote.test>\n S: 354 go`, "delayed protocol-error host"],
    [
      "RCPT has two codes",
      `${hello}\n C: MAIL FROM:<carol@remote.test>\n S: 250 ok\n C: RCPT TO:<alice@example.com>\n S: 250-a\n S: 550 b`,
      "delayed protocol-error mail",
    ],
    ["DATA is answered 250", `${envelope}\n C: DATA\n S: 250 ok`, "delayed protocol-error mail"],
    ["the dot is answered before it", `${envelope}\n C: DATA\n S: 354 go\n S: 250 taken`, "delayed protocol-error mail"],
    ["the dot is answered 354", `${data}\n S: 354 more`, "delayed protocol-error mail twice?"],
    ["the dot is answered with garbage", `${data}\n S: banana`, "delayed protocol-error mail twice?"],
    ["it drops at MAIL", `${hello}\n C: MAIL FROM:<carol@remote.test>\n X: close`, "delayed session-lost host"],
    [
      "it drops at RCPT",
      `${hello}\n C: MAIL FROM:<carol@remote.test>\n S: 250 ok\n C: RCPT TO:<alice@example.com>\n X: reset`,
      "delayed session-lost mail",
    ],
    ["it drops at DATA", `${envelope}\n C: DATA\n X: close`, "delayed session-lost mail"],
    ["it drops after the dot", `${data}\n X: close`, "delayed in-doubt mail twice?"],
    ["it is reset after the dot", `${data}\n X: reset`, "delayed in-doubt mail twice?"],
    ["it says 421 at MAIL", `${hello}\n C: MAIL FROM:<carol@remote.test>\n S: 421 4.3.2 bye`, "delayed try-later host"],
    [
      "it says 421 at RCPT",
      `${hello}\n C: MAIL FROM:<carol@remote.test>\n S: 250 ok\n C: RCPT TO:<alice@example.com>\n S: 421 4.3.2 bye`,
      "delayed try-later mail", // the server answered MAIL, so it is there
    ],
    ["it says 421 after the dot", `${data}\n S: 421 4.3.2 bye`, "delayed try-later mail twice?"],
    ["it answers half a line and drops after the dot", `${data}\n S~ 250 o\n X: close`, "delayed in-doubt mail twice?"],
    [
      "it refuses MAIL and drops",
      `${hello}\n C: MAIL FROM:<carol@remote.test>\n S: 552 5.3.4 too big\n X: close`,
      "failed too-big mail 5.3.4",
    ],
    [
      "it refuses RCPT and drops",
      `${hello}\n C: MAIL FROM:<carol@remote.test>\n S: 250 ok\n C: RCPT TO:<alice@example.com>\n S: 550 5.1.1 no\n X: close`,
      "failed no-such-mailbox recipient 5.1.1",
    ],
    ["it takes the mail and drops", `${data}\n S: 250 ok\n X: close`, "delivered"],
  ];
  for (const [name, wireOf] of wires) {
    for (const [when, script, expected] of misfits) {
      test(`send() is ${expected} when ${when}, over ${name}`, async () => {
        expect(await play({ script, wireOf })).toEqual([expected]);
      });
    }

    test(`send() tells what the system said when the connection breaks, over ${name}`, async () => {
      const server = await scriptedServer(`${hello}\n C: MAIL FROM:<carol@remote.test>\n X: reset`);
      const courier = courierTo(server.port, "smtp", {}, "127.0.0.1", wireOf);
      const [verdict] = inOrder(await courier.send("mailbox", transaction(["alice@example.com"])));
      expect(verdict).toMatchObject({ detail: "read ECONNRESET" });
      await courier.close();
      await server.played();
    });
  }

  const surplus: [string, string][] = [
    ["a reply", "S: 250 surplus"],
    ["a refusal", "S: 554 5.7.1 go away"],
    ["garbage", "S: banana"],
  ];
  for (const [name, wireOf] of wires) {
    for (const [what, says] of surplus) {
      test(`send() says nothing when ${what} follows the answer to EHLO, because it would shift the others, over ${name}`, async () => {
        expect(await play({ script: `${hello}\n ${says}`, wireOf })).toEqual(["delayed protocol-error host"]);
      });
    }
  }

  test("send() says nothing when 421 follows the answer to EHLO", async () => {
    expect(await play({ script: `${hello}\n S: 421 4.3.2 bye` })).toEqual(["delayed try-later host"]);
  });

  test("send() takes half a reply behind the answer to EHLO for the beginning of the next one", async () => {
    const script = `${hello}\n S~ 250 o\n C: MAIL FROM:<carol@remote.test>\n S: k\n C: RCPT TO:<alice@example.com>\n S: 550 5.1.1 no`;
    expect(await play({ script: `${script}${resetAndBye}` })).toEqual(["failed no-such-mailbox recipient 5.1.1"]);
  });

  const silences: [string, string, string, Partial<SmtpOptions>][] = [
    ["no greeting comes", "X: mute", "delayed unreachable host", { greetingTimeoutMs: 40 }],
    ["EHLO is not answered", "S: 220 mx\n C: EHLO worker.test\n X: mute", "delayed unreachable host", { commandTimeoutMs: 400 }],
    ["a reply never ends", "S: 220 mx\n C: EHLO worker.test\n S: 250-a\n X: mute", "delayed unreachable host", { commandTimeoutMs: 400 }],
    [
      "MAIL is not answered",
      `${hello}\n C: MAIL FROM:<carol@remote.test>\n X: mute`,
      "delayed session-lost host",
      { commandTimeoutMs: 400 },
    ],
    ["DATA is not answered", `${envelope}\n C: DATA\n X: mute`, "delayed session-lost mail", { dataTimeoutMs: 40 }],
    ["the dot is not answered", `${data}\n X: mute`, "delayed in-doubt mail twice?", { dotTimeoutMs: 40 }],
  ];
  for (const [when, script, expected, options] of silences) {
    test(`send() is ${expected} when ${when}`, async () => {
      expect(await play({ script, options })).toEqual([expected]);
    });
  }

  test("F73 send() is bounded when a line never ends", async () => {
    const long = "x".repeat(70_000);
    expect(await play({ script: `S: 220 mx\n C: EHLO worker.test\n S~ 250-${long}\n X: mute` })).toEqual(["delayed unreachable host"]);
    expect(await play({ script: `${hello}\n C: MAIL FROM:<carol@remote.test>\n S~ 250-${long}\n X: mute` })).toEqual([
      "delayed protocol-error host",
    ]);
  });

  test("send() is delayed when nobody listens", async () => {
    const server = await scriptedServer();
    await server.played();
    const verdicts = await courierTo(server.port, "smtp").send("mailbox", transaction(["alice@example.com"]));
    expect(inOrder(verdicts).map(words)).toEqual(["delayed unreachable host"]);
  });
});
