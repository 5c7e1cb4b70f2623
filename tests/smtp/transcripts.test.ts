// Transcripts: what SmtpCourier says to a server and what it makes of the answers, both sides byte for byte.

import { describe, expect, test } from "bun:test";
import type { SmtpOptions } from "@sesame/smtp";
import { consignment, contentOf, courierTo, inOrder, words } from "./samples.ts";
import { scriptedServer } from "./scripted-server.ts";

type Case = {
  protocol?: "smtp" | "lmtp";
  to?: readonly string[];
  from?: string | null;
  script: string | readonly string[];
  options?: Partial<SmtpOptions>;
  content?: ReturnType<typeof contentOf>;
};

/** Sends one mail against the script and returns the verdicts in words. */
async function play({ protocol = "smtp", to = ["alice@example.com"], from, script, options = {}, content }: Case): Promise<string[]> {
  const server = await scriptedServer(...(typeof script === "string" ? [script] : script));
  const courier = courierTo(server.port, protocol, options);
  const more = { ...(from === undefined ? {} : { from }), ...(content ? { content } : {}) };
  const verdicts = await courier.send("mailbox", consignment(to, more));
  await courier.close();
  await server.played();
  return inOrder(verdicts).map(words);
}

/** A piece of script as one line of a test's name. */
function shown(script: string): string {
  return script.replace(/\n /g, ", ");
}

const hello = `
  S: 220 mx.test
  C: EHLO worker.test
  S: 250 mx.test`;
const envelope = `${hello}
  C: MAIL FROM:<carol@remote.test>
  S: 250 ok
  C: RCPT TO:<alice@example.com>
  S: 250 ok`;
const data = `${envelope}
  C: DATA
  S: 354 go
  C: Subject: hi
  C:
  C: hello
  C: .`;
const bye = `
  C: QUIT
  S: 221 bye`;
const resetAndBye = `
  C: RSET
  S: 250 ok${bye}`;

const lhlo = `
  S: 220 mx.test
  C: LHLO worker.test
  S: 250-mx.test
  S: 250 PIPELINING`;
const three = ["a@example.com", "b@example.com", "c@example.com"];
const lmtpEnvelope = `${lhlo}
  C: MAIL FROM:<carol@remote.test>
  C: RCPT TO:<a@example.com>
  C: RCPT TO:<b@example.com>
  C: RCPT TO:<c@example.com>
  C: DATA`;
const body = `
  C: Subject: hi
  C:
  C: hello
  C: .`;
const lmtpData = `${lmtpEnvelope}
  S: 250 ok
  S: 250 ok
  S: 250 ok
  S: 250 ok
  S: 354 go${body}`;

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

  test("send() says nothing when the mail is larger than the EHLO limit", async () => {
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

  test("send() fails one recipient when only SMTPUTF8 could name it", async () => {
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
    test(`send() opens no connection for ${JSON.stringify(address)}`, async () => {
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
    ["451 4.7.1 greylisted", "delayed try-later host"],
    ["452 4.3.1 disk full", "delayed try-later host"],
    ["550 5.1.8 sender domain", "delayed refused-us host"],
    ["553 5.7.1 sender refused", "delayed refused-us host"],
    ["530 5.7.0 authenticate", "delayed refused-us host"],
    ["503 5.5.1 nested MAIL", "delayed refused-us host"],
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
    ["551 not local", "failed no-such-mailbox recipient 5.1.1"],
    ["553 not allowed", "failed no-such-mailbox recipient 5.1.1"],
    ["550 5.1.7 sender", "delayed refused-us recipient"],
    ["550 5.7.1 policy", "delayed refused-us recipient"],
    ["552 5.2.2 full", "failed mailbox-full recipient 5.2.2"],
    ["552 5.3.4 too big", "failed too-big recipient 5.3.4"],
    ["552 too many recipients", "delayed try-later recipient"],
    ["554 5.7.1 Relay access denied", "delayed refused-us recipient"],
    ["550 4.1.1 class mismatch", "failed no-such-mailbox recipient 5.1.1"],
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
    ["503 5.5.1 no recipients", "delayed refused-us host"],
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
      "delayed try-later host",
    ],
    ["it says 421 after the dot", `${data}\n S: 421 4.3.2 bye`, "delayed try-later host twice?"],
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
  for (const [when, script, expected] of misfits) {
    test(`send() is ${expected} when ${when}`, async () => {
      expect(await play({ script })).toEqual([expected]);
    });
  }

  test("send() sends no mail when a surplus answer to EHLO shifts the others", async () => {
    const script = `${envelope.replace("S: 250 mx.test", "S: 250 mx.test\n S: 250 surplus")}
      C: DATA
      X: mute`;
    expect(await play({ script })).toEqual(["delayed protocol-error mail"]);
  });

  const silences: [string, string, string][] = [
    ["no greeting comes", "X: mute", "delayed unreachable host"],
    ["EHLO is not answered", "S: 220 mx\n C: EHLO worker.test\n X: mute", "delayed unreachable host"],
    ["a reply never ends", "S: 220 mx\n C: EHLO worker.test\n S: 250-a\n S: 250-b\n X: mute", "delayed unreachable host"],
    ["MAIL is not answered", `${hello}\n C: MAIL FROM:<carol@remote.test>\n X: mute`, "delayed session-lost host"],
    ["DATA is not answered", `${envelope}\n C: DATA\n X: mute`, "delayed session-lost mail"],
    ["the dot is not answered", `${data}\n X: mute`, "delayed in-doubt mail twice?"],
  ];
  const short = {
    connectTimeoutMs: 500,
    greetingTimeoutMs: 40,
    commandTimeoutMs: 40,
    dataTimeoutMs: 40,
    chunkTimeoutMs: 500,
    dotTimeoutMs: 40,
  };
  for (const [when, script, expected] of silences) {
    test(`send() is ${expected} when ${when}`, async () => {
      expect(await play({ script, options: short })).toEqual([expected]);
    });
  }

  test("send() is bounded when a line never ends", async () => {
    const long = "x".repeat(70_000);
    expect(await play({ script: `S: 220 mx\n C: EHLO worker.test\n S~ 250-${long}\n X: mute` })).toEqual(["delayed unreachable host"]);
    expect(await play({ script: `${hello}\n C: MAIL FROM:<carol@remote.test>\n S~ 250-${long}\n X: mute` })).toEqual([
      "delayed protocol-error host",
    ]);
  });

  test("send() is delayed when nobody listens", async () => {
    const server = await scriptedServer();
    await server.played();
    const verdicts = await courierTo(server.port, "smtp").send("mailbox", consignment(["alice@example.com"]));
    expect(inOrder(verdicts).map(words)).toEqual(["delayed unreachable host"]);
  });
});

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
    expect(await play({ to: three, script: script(answers, resetAndBye) })).toEqual(Array(3).fill("delayed refused-us host"));
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

  test("send() says who was answered before 421", async () => {
    const answers = "S: 250 ok\n S: 550 5.1.1 no\n S: 421 4.3.2 bye";
    expect(await play({ to: three, script: script(answers, "") })).toEqual([
      "failed no-such-mailbox recipient 5.1.1",
      "delayed try-later host",
      "delayed try-later host",
    ]);
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
    expect(await lmtp(`${lmtpEnvelope}\n S: 250 ok\n S: 250 ok\n S: 550 5.1.1 b\n X: close`)).toEqual([
      "delayed session-lost mail",
      "failed no-such-mailbox recipient 5.1.1",
      "delayed session-lost mail",
    ]);
  });

  test("send() delays the others when there are fewer answers than recipients", async () => {
    const options = { dotTimeoutMs: 40 };
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
