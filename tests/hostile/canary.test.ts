// Canaries: a word of its own in every field that a sender or a rule can write, and where each is seen outside the mailbox:
// exactly where the documentation says, and nowhere else. Then the same fields with control characters in them, raw and
// encoded: no field, no recipient and no line comes of it.

import { describe, expect, test } from "bun:test";
import { type CanaryMail, sightings, travelled } from "./canary-journey.ts";

const fields = {
  Received: "from cnyReceived by inbound.test with SMTP",
  From: '"cnyFromName" <cnyfrom@remote.test>',
  Sender: '"cnySenderName" <cnysender@remote.test>',
  To: '"cnyToName" <alice@example.com>, bob@example.com',
  Cc: '"cnyCcName" <cnycc@remote.test>',
  Bcc: "cnybcc@remote.test",
  "Reply-To": '"cnyReplyName" <cnyreply@remote.test>',
  Subject: "cnySubject",
  "Message-ID": "<cnyMessageId@remote.test>",
  References: "<cnyReferences@remote.test>",
  "In-Reply-To": "<cnyInReplyTo@remote.test>",
  Date: "Mon, 05 Jan 2026 12:00:00 +0000 (cnyDate)",
  Comments: "cnyComments",
  Keywords: "cnyKeywords",
  "X-Anything": "cnyXAnything",
  "X-SES-Message-Tags": "cnyXSes",
  "X-Original-From": "cnyXOriginal",
  "X-SES-Worker-Processed": "cnyXWorker",
  "DKIM-Signature": "v=1; d=cnydkim.test",
  "Disposition-Notification-To": "cnyreceipt@remote.test",
  "Thread-Topic": "cnyTopic",
  "Content-Type": 'multipart/mixed; boundary="b"; x="cnyParameter"',
} as const;
type Field = keyof typeof fields | "filename";

function mailOf(changed: Readonly<Partial<Record<Field, string>>> = {}): Uint8Array {
  const header = Object.entries({ ...fields, ...changed }).filter(([name]) => name !== "filename");
  const file = changed.filename ?? 'filename="cnyFile.pdf"';
  const body = `--b\r\nContent-Type: text/plain\r\n\r\ncnyBody\r\n--b\r\nContent-Type: application/x; name=x\r\nContent-Disposition: attachment; ${file}\r\n\r\ncnyData\r\n--b--\r\n`;
  return new Uint8Array(Buffer.from(`${header.map(([name, value]) => `${name}: ${value}\r\n`).join("")}MIME-Version: 1.0\r\n\r\n${body}`));
}

const rule = {
  ooo_active: true,
  ooo_message: "cnyOooMessage",
  ooo_subject: "cnyOooSubject",
  forwards: ["cnytarget@other.test", "carol@another.test", "cnyBadTarget"],
  anything: "cnyAnything",
};
const patterns = ["*@cnypattern.test", "cnyUselessPattern", 7];

/** The notice says of itself what it likes: only its envelope and the place of the mail are believed. */
function noticeWithCanaries(body: string): string {
  const sns = JSON.parse(body);
  const message = JSON.parse(sns.Message);
  message.mail.messageId = "cnySesId";
  message.mail.destination = ["cnydestination@remote.test"];
  message.mail.headers.push({ name: "X-Notice", value: "cnyNoticeHeader" });
  message.mail.commonHeaders.subject = "cnyNoticeSubject";
  message.mail.commonHeaders.returnPath = "cnyreturnpath@remote.test";
  message.receipt.action.topicArn = "cnyTopicArn";
  return JSON.stringify({
    ...sns,
    Message: JSON.stringify(message),
    Subject: "cnySnsSubject",
    TopicArn: "cnySnsTopic",
    MessageId: "cnySnsId",
  });
}

function canaryMail(octets: Uint8Array, row: object = rule, blocked: readonly unknown[] = patterns): CanaryMail {
  return {
    octets,
    source: "cnysource@remote.test",
    recipients: ["alice+cnytag@example.com", "bob@example.com", "carol@cnyforeign.test"],
    notice: noticeWithCanaries,
    prepare: ({ directory }) => {
      directory.rule("alice@example.com", { ...row });
      directory.block("alice@example.com", [...blocked]);
      directory.block("bob@example.com", ["cnysource@*"]);
    },
  };
}

const nowhere: readonly string[] = [];
const logged = ["log deed key", "log mail msg"];

/** Where each may be seen, outside the mailbox. docs/logs.md lists the fields of a line; none of them is a subject or a text. */
const documented: Readonly<Record<string, readonly string[]>> = {
  // What the sender wrote into the header.
  cnyReceived: ["forward Received"],
  cnyFromName: ["forward From", "forward X-Original-From"],
  "cnyfrom@": ["forward X-Original-From", "reply body"],
  cnySenderName: nowhere,
  "cnysender@": nowhere,
  cnyToName: ["forward To"],
  cnyCcName: ["forward Cc"],
  "cnycc@": ["forward Cc"],
  "cnybcc@": nowhere,
  cnyReplyName: ["forward Reply-To"],
  "cnyreply@": ["forward Reply-To"],
  cnySubject: ["forward Subject"],
  cnyMessageId: ["forward References", "forward X-Original-Message-ID", "reply In-Reply-To", "reply References"],
  cnyReferences: ["forward References", "reply References"],
  cnyInReplyTo: ["forward In-Reply-To"],
  cnyDate: ["forward Date"],
  cnyComments: nowhere,
  cnyKeywords: nowhere,
  cnyXAnything: nowhere,
  cnyXSes: nowhere,
  cnyXOriginal: nowhere,
  cnyXWorker: nowhere,
  cnydkim: nowhere,
  "cnyreceipt@": nowhere,
  cnyTopic: ["forward Thread-Topic"],
  cnyParameter: ["forward Content-Type"],
  // The body goes on whole with a forward, and a reply quotes its text.
  cnyBody: ["forward body", "reply body"],
  cnyFile: ["forward body"],
  cnyData: ["forward body"],
  // What a rule says.
  cnyOooMessage: ["reply body"],
  cnyOooSubject: ["reply Subject"],
  cnytarget: ["forward recipient", "log mail courses effects to", "outbound bouncedRecipients", ...logged],
  cnyBadTarget: ["log mail courses warnings text"],
  cnyAnything: nowhere,
  cnypattern: nowhere,
  cnyUselessPattern: ["log mail courses warnings text"],
  // The envelope.
  cnysource: [
    ...["reply To", "reply recipient", "outbound bouncedRecipients", "mark blocked_sender", "log mail settlement mark blockedSender"],
    ...["log mail from", "log mail courses effects to", "log mail courses matched", "log mail courses pattern", "log mail msg"],
  ],
  cnytag: [
    ...["forward From", "forward X-Loop", "forward reverse-path", "reply From", "reply X-Loop", "reply reverse-path"],
    ...["outbound original_source", "log mail courses recipient", ...logged],
  ],
  cnyforeign: ["log mail courses recipient", "log mail msg"],
  // The rest of the notice.
  cnySesId: ["log mail sesId"],
  "cnydestination@": nowhere,
  cnyNoticeHeader: nowhere,
  cnyNoticeSubject: nowhere,
  "cnyreturnpath@": nowhere,
  cnyTopicArn: nowhere,
  cnySnsSubject: nowhere,
  cnySnsTopic: nowhere,
  cnySnsId: nowhere,
};

describe("a canary", () => {
  test("F75 is seen where the documentation says, and nowhere else", async () => {
    const journey = await travelled(canaryMail(mailOf()));
    const seen = Object.keys(documented).map((canary) => [canary, sightings(journey, canary)] as const);
    expect(Object.fromEntries(seen)).toEqual(
      Object.fromEntries(Object.entries(documented).map(([name, places]) => [name, [...places].sort()])),
    );
    expect(journey.outgoing.map(({ route, recipients }) => `${route} ${recipients.map(({ address }) => address)}`).sort()).toEqual([
      "internal carol@another.test",
      "ses cnysource@remote.test",
      "ses cnytarget@other.test",
    ]);
  });

  test("F75 is in the mailbox, octet by octet", async () => {
    const octets = mailOf();
    const { way } = await travelled(canaryMail(octets));
    const delivered = way.courier.sent.filter(({ route }) => route === "mailbox");
    expect(delivered.map((sent) => Buffer.from(sent.octets).equals(octets))).toEqual([true]);
  });
});

/** Line ends and what some reader or other takes for one, with a field and a recipient behind it. */
const breaks: readonly (readonly [string, string])[] = [
  ["CRLF", "\r\n"],
  ["LF", "\n"],
  ["CR", "\r"],
  ["NUL", "\0"],
  ["an empty line", "\r\n\r\n"],
  ["a folded CRLF", "\r\n "],
  ["U+0085", "\u0085"],
  ["U+2028", "\u2028"],
  ["U+2029", "\u2029"],
  ["VT", "\v"],
];
const injected = (end: string) => `cnyFirst${end}X-Injected: cnySecond${end}Bcc: cnyvictim@canary.test${end}To: cnyvictim@canary.test`;

const asQ = (text: string) =>
  `=?utf-8?Q?${[...Buffer.from(text)].map((octet) => `=${octet.toString(16).toUpperCase().padStart(2, "0")}`).join("")}?=`;
const asB = (text: string) => `=?utf-8?B?${Buffer.from(text).toString("base64")}?=`;
const asPercent = (text: string) => [...Buffer.from(text)].map((octet) => `%${octet.toString(16).toUpperCase().padStart(2, "0")}`).join("");

/** The eight fields out of which a text is copied, each with the canary whose places it may share. */
const copied: readonly (readonly [Field, (text: string) => string, string])[] = [
  ["Subject", (text) => text, "cnySubject"],
  ["From", (text) => `${text} <cnyfrom@remote.test>`, "cnyFromName"],
  ["To", (text) => `alice@example.com, ${text} <dora@remote.test>`, "cnyToName"],
  ["Cc", (text) => `${text} <dora@remote.test>`, "cnyCcName"],
  ["Message-ID", (text) => `<${text}@remote.test>`, "cnyMessageId"],
  ["References", (text) => `<m0@remote.test> <${text}@remote.test>`, "cnyReferences"],
  ["In-Reply-To", (text) => `<${text}@remote.test>`, "cnyInReplyTo"],
  ["filename", (text) => `filename="${text}.exe"`, "cnyFile"],
];
const spellings: readonly (readonly [string, (text: string) => string])[] = [
  ["raw", (text) => text],
  ["as Q words", asQ],
  ["as B words", asB],
];

/** No field, no recipient, no line and no label comes of it, whatever it was. */
async function expectHarmless(mail: CanaryMail, allowed: readonly string[]): Promise<number> {
  const journey = await travelled(mail);
  const { way, outgoing, places } = journey;
  const delivered = way.courier.sent.filter(({ route }) => route === "mailbox");
  expect(delivered.map((sent) => Buffer.from(sent.octets).equals(mail.octets))).toEqual([true]);
  const known = ["cnysource@remote.test", "cnytarget@other.test", "carol@another.test"];
  for (const { recipients } of outgoing) expect(known).toContain(String(recipients.map(({ address }) => address)));
  for (const { octets } of outgoing) {
    const text = Buffer.from(octets).toString("latin1");
    const head = text.slice(0, text.indexOf("\r\n\r\n") + 2);
    expect(head).toMatch(/^(?:[!-9;-~]+:[\t -~]*\r\n(?:[\t ][\t -~]*\r\n)*)+$/);
    expect(head).not.toMatch(/^(?:x-injected|bcc):/im);
  }
  for (const canary of ["cnyFirst", "cnySecond", "cnyvictim"])
    expect(sightings(journey, canary).filter((place) => !allowed.includes(place))).toEqual([]);
  const logs = [...places].flatMap(([place, texts]) => (place.startsWith("log ") ? texts : []));
  for (const text of logs) expect(text).not.toMatch(/cnyBody|cnySubject|cnyOooMessage|cnyOooSubject/);
  return outgoing.length;
}

describe("control characters", () => {
  for (const [field, put, canary] of copied) {
    for (const [spelling, spell] of spellings) {
      test(`F75 in ${field} ${spelling} make no field and no recipient`, async () => {
        let sent = 0;
        // The name of a file that SES refuses is told in the notice that goes in the place of the forward.
        const places = [...(documented[canary] ?? []), ...(field === "filename" ? ["reply body"] : [])];
        // A raw line end ends the field; an empty line the header, and what follows is body.
        const within = spelling === "raw" ? [...places, "forward body", "reply body", "forward To"] : places;
        for (const [, end] of breaks) sent += await expectHarmless(canaryMail(mailOf({ [field]: put(spell(injected(end))) })), within);
        expect(sent).toBeGreaterThan(breaks.length);
      });
    }
  }

  test("F75 in filename* make no field and no recipient", async () => {
    for (const [, end] of breaks)
      await expectHarmless(canaryMail(mailOf({ filename: `filename*=utf-8''${asPercent(injected(end))}.exe` })), [
        "forward body",
        "reply body",
      ]);
  });

  const texts: readonly (readonly [string, (text: string) => object, readonly string[]])[] = [
    ["ooo_message", (text) => ({ ooo_message: text }), ["reply body"]],
    ["ooo_message as HTML", (text) => ({ ooo_message: text, ooo_content_type: "html" }), ["reply body"]],
    ["ooo_subject", (text) => ({ ooo_subject: text }), ["reply Subject"]],
    [
      "forwards",
      (text) => ({ forwards: ["cnytarget@other.test", `${text}@other.test`, `dora@${text}.test`] }),
      ["log mail courses warnings text"],
    ],
    ["ooo_end", (text) => ({ ooo_end: text }), ["log mail courses warnings text"]],
  ];
  for (const [name, row, places] of texts) {
    test(`F75 in ${name} make no field and no recipient`, async () => {
      let sent = 0;
      for (const [, end] of breaks) sent += await expectHarmless(canaryMail(mailOf(), { ...rule, ...row(injected(end)) }), places);
      expect(sent).toBeGreaterThan(breaks.length);
    });
  }

  test("F75 in blocked_patterns reach the warnings alone", async () => {
    for (const [, end] of breaks) await expectHarmless(canaryMail(mailOf(), rule, [injected(end)]), ["log mail courses warnings text"]);
  });

  test("F75 in a pattern that blocks reach the line that says so alone", async () => {
    for (const [, end] of breaks) {
      const journey = await travelled(canaryMail(mailOf(), rule, [`[${injected(end)}]*`]));
      expect(journey.outgoing).toEqual([]);
      const places = sightings(journey, "cnySecond").filter((place) => place !== "log mail courses warnings text"); // some are advised against
      expect(places).toEqual(["log mail courses pattern", "log mail msg"]);
    }
  });
});
