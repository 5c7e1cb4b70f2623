// DKIM as judge: mailauth signs mails, Sesame carries them as it does every day, and mailauth verifies what arrives. An
// unedited delivery must verify, octet by octet the same but for the Return-Path that the last host replaces (RFC 5321
// §4.4, RFC 6376 §3.4); over SMTP the line ends are CRLF and the rest is as it was.

import { afterEach, describe, expect, test } from "bun:test";
import type { Address } from "@sesame/core";
import { TestWay } from "../journey/way.ts";
import { courierTo } from "../smtp/samples.ts";
import { sinkServer } from "../smtp/sink-server.ts";
import { delicate, receivedOnTop, sign, verify } from "./signed-mail.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const octets = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const textOf = (mail: Uint8Array | undefined) => Buffer.from(mail ?? []).toString("latin1");
const alice = "alice@example.com" as Address;
const stored = (signed: string, path = "<bob@remote.test>") => `Return-Path: ${path}\r\n${receivedOnTop}${signed}`;

/** Carries a stored mail to a courier in memory. */
async function carry(mail: string, source?: string, rows: readonly (readonly [string, unknown])[] = []): Promise<string> {
  const way = new TestWay(octets(mail), source === undefined ? {} : { source });
  for (const [id, row] of rows) way.outbound.rows.set(id, row);
  await way.untilDone();
  const [arrived, ...more] = way.courier.mailsFor(alice);
  expect(more).toEqual([]);
  return textOf(arrived);
}

/** Carries a stored mail over SMTP or LMTP to a server on a loopback port. */
async function carryOverTheWire(mail: string, protocol: "smtp" | "lmtp"): Promise<string> {
  const server = await sinkServer({ protocol });
  const courier = courierTo(server.port, protocol);
  ends.push(
    () => server.close(),
    () => courier.close(),
  );
  const way = new TestWay(octets(mail));
  way.courier.send = (route, transaction) => courier.send(route, transaction);
  await way.untilDone();
  expect(server.mails.map(({ from, recipients }) => [from, recipients])).toEqual([["bob@remote.test", [alice]]]);
  return textOf(server.mails[0]?.data);
}

/** Every line end as SMTP has it, and one at the end (RFC 5321 §2.3.8). */
function onTheWire(mail: string): string {
  const lines = mail.replace(/\r\n|\r|\n/g, "\r\n");
  return lines.endsWith("\r\n") ? lines : `${lines}\r\n`;
}

for (const canonicalization of ["simple/simple", "relaxed/relaxed", "simple/relaxed", "relaxed/simple"]) {
  describe(`a mail signed ${canonicalization} verifies after its delivery`, () => {
    for (const [name, mail] of delicate) {
      test(`and no octet changed but the Return-Path, with ${name}`, async () => {
        const signed = await sign(mail, canonicalization);
        const arrived = await carry(stored(signed));
        expect(arrived === `${receivedOnTop}${signed}`).toBe(true); // a diff of a long mail helps nobody
        expect(await verify(octets(arrived))).toEqual(["pass"]);
      });
    }
  });
}

for (const protocol of ["smtp", "lmtp"] as const) {
  describe(`a signed mail verifies after its delivery by ${protocol.toUpperCase()}`, () => {
    for (const [name, mail] of delicate) {
      test(`with ${name}`, async () => {
        const signed = await sign(mail, "simple/simple");
        const arrived = await carryOverTheWire(stored(signed), protocol);
        expect(arrived === onTheWire(`${receivedOnTop}${signed}`)).toBe(true);
        expect(await verify(octets(arrived))).toEqual(["pass"]);
      });
    }
  });
}

describe("a mail whose lines end in bare LF", () => {
  const signedWithLf = async () => (await sign(delicate[0]?.[1] ?? "", "simple/simple")).replaceAll("\r\n", "\n");

  test("keeps its octets up to the courier", async () => {
    const signed = await signedWithLf();
    expect(await carry(`Return-Path: <bob@remote.test>\n${signed}`)).toBe(signed);
  });

  // No line may end in a bare LF on the wire (RFC 5321 §2.3.8), so the courier writes CRLF. A signature counts CRLF too
  // (RFC 6376 §5.3), hence one that was made of the mail before something stripped its CRs is good again.
  test("is normalised to CRLF on the wire, and verifies there", async () => {
    const signed = await signedWithLf();
    const arrived = await carryOverTheWire(`Return-Path: <bob@remote.test>\n${signed}`, "smtp");
    expect(arrived).toBe(onTheWire(signed));
    expect(await verify(octets(arrived))).toEqual(["pass"]);
  });
});

// A bare CR may end a line for one host and not for the next (RFC 5321 §2.3.8), which is how mails are smuggled: that this
// breaks the signature of a mail that has one is the price.
test("a mail with a bare CR verifies up to the courier, and on the wire has CRLF there and verifies no more", async () => {
  const signed = await sign((delicate[0]?.[1] ?? "").replace("Hello Alice", "Hello\rAlice"), "relaxed/relaxed");
  const kept = await carry(stored(signed));
  expect(kept).toBe(`${receivedOnTop}${signed}`);
  expect(await verify(octets(kept))).toEqual(["pass"]);
  const arrived = await carryOverTheWire(stored(signed), "smtp");
  expect(arrived).toBe(onTheWire(`${receivedOnTop}${signed}`));
  expect(await verify(octets(arrived))).not.toEqual(["pass"]);
});

test("the judge does see a change of one octet, in the header and in the body", async () => {
  const signed = await sign(delicate[0]?.[1] ?? "", "relaxed/relaxed");
  expect(await verify(octets(signed))).toEqual(["pass"]);
  expect(await verify(octets(signed.replace("Subject: Offer", "Subject: 0ffer")))).toEqual(["fail"]);
  expect(await verify(octets(signed.replace("Hello", "hello")))).not.toEqual(["pass"]);
});

describe("a rewritten bounce", () => {
  const id = "0107018f3a2b4c5d-1a2b3c4d-5e6f-7a8b-9c0d-112233445566-000000";
  const from = "From: MAILER-DAEMON@eu-central-1.amazonses.com\r\n";
  const bounce =
    `${from}To: alice@example.com\r\nSubject: Delivery Status Notification (Failure)\r\nDate: Mon, 05 Jan 2026 12:00:00 +0000\r\n` +
    `MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="r"\r\n\r\n` +
    `--r\r\nContent-Type: text/plain\r\n\r\nIt failed.\r\n--r\r\nContent-Type: message/delivery-status\r\n\r\n` +
    `Reporting-MTA: dsn; a.smtp-out.eu-central-1.amazonses.com\r\n\r\nAction: failed\r\nFinal-Recipient: rfc822; gone@customer.test\r\nStatus: 5.1.1\r\n\r\n` +
    `--r\r\nContent-Type: message/rfc822\r\n\r\nFrom: alice@example.com\r\nMessage-ID: <${id}@eu-central-1.amazonses.com>\r\n\r\nHi\r\n--r--\r\n`;
  const received =
    "Received: from a.smtp-out.eu-central-1.amazonses.com (a.smtp-out.eu-central-1.amazonses.com [192.0.2.9])\r\n by inbound-smtp.eu-central-1.amazonaws.com" +
    " with SMTP id k1 for alice@example.com;\r\n Mon, 05 Jan 2026 12:00:00 +0000 (UTC)\r\n";
  const row = { MessageId: id, original_source: alice, bouncedRecipients: ["gone@customer.test"] };

  test("differs from the stored one in From, Reply-To and X-Original-From alone, and verifies once they are put back", async () => {
    const signed = await sign(bounce, "simple/simple", "amazonses.com");
    const arrived = await carry(`Return-Path: <>\r\n${received}${signed}`, "", [[id, row]]);
    expect(await verify(octets(arrived))).toEqual(["fail"]); // its From is signed, and is another one now
    const back = arrived
      .replace(/^X-Original-From: MAILER-DAEMON@eu-central-1\.amazonses\.com\r\n/m, "")
      .replace(/^Reply-To: gone@customer\.test\r\n/m, "")
      .replace(/^From: gone@customer\.test\r\n/m, from);
    expect(back).toBe(`${received}${signed}`);
    expect(await verify(octets(back))).toEqual(["pass"]);
  });

  test("arrives as it was where its id is unknown, and verifies", async () => {
    const signed = await sign(bounce, "simple/simple", "amazonses.com");
    expect(await carry(`Return-Path: <>\r\n${received}${signed}`, "")).toBe(`${received}${signed}`);
  });
});
