import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Address,
  bounceEdits,
  decodeOutbound,
  failedAddress,
  isFromSesDaemon,
  isSesBounce,
  openMail,
  originalIds,
  readDsn,
} from "@sesame/core";

const mailOf = (text: string | Uint8Array) => {
  const octets = typeof text === "string" ? new TextEncoder().encode(text) : text;
  return openMail(octets, octets.length);
};
const received = (host: string) =>
  `Received: from ${host} (${host} [192.0.2.1]) by inbound-smtp.eu-west-1.amazonaws.com with SMTP id x\r\n`;

const senders: [string, boolean][] = [
  ["MAILER-DAEMON@amazonses.com", true],
  ["Mail Delivery <mailer-daemon@us-west-2.amazonses.com>", true],
  ["MAILER-DAEMON@email-bounces.amazonses.com", true],
  ["MAILER-DAEMON@amazonses.com.evil.test", false],
  ["MAILER-DAEMON@notamazonses.com", false],
  ["x@amazonses.com", false],
  ['"MAILER-DAEMON@amazonses.com" <eve@evil.test>', false],
];
for (const [from, expected] of senders) {
  test(`isFromSesDaemon() says ${expected} of ${from}`, () => expect(isFromSesDaemon(mailOf(`From: ${from}\r\n\r\n`))).toBe(expected));
}

const hosts: [string, boolean][] = [
  ["a8-95.smtp-out.amazonses.com", true],
  ["b224-11.smtp-out.eu-central-1.amazonses.com", true],
  ["smtp-out.amazonses.com.evil.test", false],
  ["mail.evil.test", false],
];
for (const [host, expected] of hosts) {
  test(`isSesBounce() says ${expected} when the topmost host is ${host}`, () => {
    expect(
      isSesBounce(mailOf(`${received(host)}${received("a8-95.smtp-out.amazonses.com")}From: MAILER-DAEMON@amazonses.com\r\n\r\n`)),
    ).toBe(expected);
  });
}

test("failedAddress() believes the DSN only as far as the row does", () => {
  const record = decodeOutbound({ original_source: "a@example.com", bouncedRecipients: new Set(["one@x.test", "two@x.test"]) });
  if (!record) throw new Error("no record");
  const dsn = (...finalRecipients: string[]) => ({ finalRecipients: finalRecipients as Address[], original: null });
  expect(failedAddress(record, dsn("ceo@bank.test", "TWO@x.test"))).toBe("TWO@x.test" as Address);
  expect(failedAddress(record, dsn("ceo@bank.test"))).toBe("one@x.test" as Address);
  expect(bounceEdits(mailOf("From: a@b\r\n\r\n"), record, "one@x.test" as Address).map(({ name }) => name)).toEqual([
    "From",
    "Reply-To",
    "X-Original-From",
    "X-Failed-Recipients",
  ]);
});

test("decodeOutbound() takes what is no row for none", () => {
  for (const row of [null, undefined, 7, "x", { bouncedRecipients: 3 }]) expect(decodeOutbound(row)).toBeNull();
});

const corpus = join(import.meta.dir, "../../../shared/corpus/ses-bounces");
const samples: [string, string, string][] = [
  ["amazonses-05.eml", "01010157b3c0c026-110cf920-4be1-4c36-87c0-1f48d0cc6639-000000", "bounce@simulator.amazonses.com"],
  ["amazonses-14.eml", "ffffffffffffffff-00000000-2222-2222-2222-111111111111-ffffff", "sironeko@neko.example.org"],
];
for (const [name, id, failed] of samples) {
  test.skipIf(!existsSync(corpus))(
    `readDsn() finds original id and failed address in ${name}${existsSync(corpus) ? "" : " (SKIPPED: ../shared/corpus is missing)"}`,
    () => {
      const mail = mailOf(new Uint8Array(readFileSync(join(corpus, name))));
      const dsn = readDsn(mail);
      expect([originalIds(mail, dsn)[0], dsn.finalRecipients]).toEqual([id, [failed as Address]]);
    },
  );
}
