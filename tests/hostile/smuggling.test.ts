// Smuggling at the real servers: Postfix 3.7 and Dovecot 2.3 both take LF.LF for the end of a mail, and what follows for
// commands. Whatever stands in a mail, one mail arrives, for its recipient alone. tests/smtp/smuggling.test.ts shows the wire.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SmtpCourier } from "@sesame/smtp";
import { inWords, transactionOf } from "../mailserver/mail.ts";
import { MailServer } from "../mailserver/mail-server.ts";
import { missingPrograms } from "../mailserver/programs.ts";
import { asDelivered, smuggledMails } from "../smtp/smuggled.ts";
import { until } from "../until.ts";

const missing = missingPrograms();
if (missing) console.warn(`SKIPPED tests/hostile/smuggling: ${missing}`);

// Postfix adds what of these is missing.
const fields = "From: Carol <carol@remote.test>\r\nDate: Mon, 05 Jan 2026 12:00:00 +0000\r\n";
const mails = smuggledMails("bob@example.com").map(({ end, place, text }, index) => {
  const mark = `Message-ID: <case-${index}@remote.test>\r\n`;
  return { title: `${JSON.stringify(end)} stands in ${place}`, mark, text: `${mark}${fields}${text}` };
});

describe.skipIf(missing !== null)("the real mail server", () => {
  let server: MailServer;
  /** What arrived for alice, by the way it came. */
  const arrived = new Map<string, readonly string[]>();

  beforeAll(async () => {
    server = await MailServer.start();
    const ways = [
      ["Postfix by SMTP", { host: "127.0.0.1", port: server.ports.smtp, protocol: "smtp" }, "alice@example.com"],
      ["Dovecot by LMTP", { host: "127.0.0.1", port: server.ports.lmtp, protocol: "lmtp" }, "carol@example.com"],
    ] as const;
    for (const [way, mailbox, to] of ways) {
      const courier = new SmtpCourier({ mailbox, internal: mailbox }, { name: "worker.example.com", tls: "off" });
      for (const { title, text } of mails) {
        const octets = new Uint8Array(Buffer.from(text, "latin1"));
        expect([title, inWords(await courier.send("mailbox", transactionOf(octets, [to])))]).toEqual([title, ["delivered"]]);
      }
      await courier.close();
      await until(() => server.queued() === 0, "Postfix keeps a mail");
      arrived.set(
        way,
        (await server.inbox(to)).map((mail) => mail.toString("latin1")),
      );
    }
  }, 120_000);
  afterAll(() => server?.stop(), 60_000);

  for (const way of ["Postfix by SMTP", "Dovecot by LMTP"] as const) {
    for (const { title, mark, text } of mails) {
      test(`F74 ${way} gets one mail when ${title}`, () => {
        const found = (arrived.get(way) ?? []).filter((mail) => mail.includes(mark));
        expect(found.length).toBe(1);
        const [mail = ""] = found;
        expect(mail.slice(mail.indexOf(mark))).toBe(way === "Dovecot by LMTP" ? asDelivered(text) : asPostfixStores(asDelivered(text)));
      });
    }

    test(`F74 ${way} gets as many mails as were sent`, () => {
      expect(arrived.get(way)?.length).toBe(mails.length);
    });
  }

  test("F74 nothing arrives for whom a smuggled mail names", async () => {
    expect(await server.inbox("bob@example.com")).toEqual([]);
    expect(server.postfixLog()).not.toContain("eve@evil.test");
  });
});

/** Postfix ends a header at the first line that is no field, with an empty line of its own (RFC 5322 §2.1). */
function asPostfixStores(text: string): string {
  const lines = text.split("\r\n");
  const end = lines.findIndex((line, index) => index > 0 && !/^[!-9;-~]+[ \t]*:|^[ \t]/.test(line));
  return lines[end] === "" ? text : [...lines.slice(0, end), "", ...lines.slice(end)].join("\r\n");
}
