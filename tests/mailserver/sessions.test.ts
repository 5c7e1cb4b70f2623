// Sessions with the real servers: TLS and AUTH, the pool's limits as the server counts them, and a server that goes away.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { SmtpCourier, type SmtpOptions } from "@sesame/smtp";
import { decodeConfig } from "../../apps/worker/config.ts";
import { mailServerOf } from "../../apps/worker/mail-server.ts";
import { until } from "../until.ts";
import { password } from "./dovecot.ts";
import { inWords, mailOf, transactionOf } from "./mail.ts";
import { MailServer } from "./mail-server.ts";
import { missingPrograms } from "./programs.ts";

const missing = missingPrograms();
if (missing) console.warn(`SKIPPED tests/mailserver/sessions: ${missing}`);

describe.skipIf(missing !== null)("sessions with the real mail server", () => {
  let secure: MailServer;
  let plain: MailServer;
  const couriers: SmtpCourier[] = [];

  beforeAll(async () => {
    [secure, plain] = await Promise.all([MailServer.start({ tls: true }), MailServer.start()]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all(couriers.map((courier) => courier.abort()));
    await Promise.all([secure?.stop(), plain?.stop()]);
  }, 120_000);

  function courierTo(server: MailServer, options: Partial<SmtpOptions>): SmtpCourier {
    const to = (port: number) => ({ host: "127.0.0.1", port, protocol: "smtp" as const });
    const courier = new SmtpCourier(
      { mailbox: to(server.ports.smtp), internal: to(server.ports.internal) },
      { name: "worker.example.com", ...options },
    );
    couriers.push(courier);
    return courier;
  }

  const tls: readonly [string, () => MailServer, Partial<SmtpOptions>, string, boolean | null][] = [
    ["off, where STARTTLS is offered", () => secure, { tls: "off" }, "delivered", false],
    ["opportunistic, with a certificate signed by itself", () => secure, { tls: "opportunistic" }, "delivered", true],
    ["opportunistic, where STARTTLS is not offered", () => plain, { tls: "opportunistic" }, "delivered", false],
    ["required, with a certificate signed by itself", () => secure, { tls: "required" }, "delayed unreachable host", null],
    ["required, the certificate not verified", () => secure, { tls: "required", tlsVerify: false }, "delivered", true],
    ["required, where STARTTLS is not offered", () => plain, { tls: "required" }, "delayed refused-us host", null],
  ];
  for (const [what, server, options, expected, encrypted] of tls) {
    test(`TLS ${what}: ${expected}`, async () => {
      const courier = courierTo(server(), options);
      expect(inWords(await courier.send("mailbox", transactionOf(mailOf("tls"), ["alice@example.com"])))).toEqual([expected]);
      const reached = await courier.probe("mailbox");
      expect(reached.kind === "reachable" ? reached.capabilities.secure : null).toBe(encrypted);
    });
  }

  const configured: readonly [Record<string, string>, string, string][] = [
    [{ SMTP_TLS: "required", SMTP_TLS_VERIFY: "false" }, "delivered", "relayed"],
    [{ SMTP_TLS: "required" }, "delayed unreachable host", "relayed"],
    [{ INTERNAL_SMTP_TLS: "required" }, "delivered", "delayed unreachable host"],
    [{ INTERNAL_SMTP_TLS: "required", SMTP_TLS_VERIFY: "false" }, "delivered", "relayed"],
  ];
  for (const [variables, mailbox, internal] of configured) {
    test(`X29 ${JSON.stringify(variables)}: ${mailbox}, internal ${internal}`, async () => {
      const { smtp, internal: port } = secure.ports;
      const given = { DOMAINS: "example.com", SMTP_NAME: "worker.example.com", SMTP_PORT: String(smtp), INTERNAL_SMTP_PORT: String(port) };
      const config = decodeConfig({ ...given, ...variables });
      if (!config.ok) throw new Error(config.error);
      const courier = mailServerOf(config.value, "127.0.0.1");
      couriers.push(courier);
      const sent = async (route: "mailbox" | "internal") =>
        inWords(await courier.send(route, transactionOf(mailOf("x29"), ["alice@example.com"])))[0];
      expect([await sent("mailbox"), await sent("internal")]).toEqual([mailbox, internal]);
    });
  }

  test("AUTH with the right password delivers, with a wrong one delays for the host", async () => {
    const good = courierTo(secure, { tlsVerify: false, credentials: { user: "alice@example.com", password } });
    expect(inWords(await good.send("mailbox", transactionOf(mailOf("auth"), ["bob@example.com"])))).toEqual(["delivered"]);
    expect(secure.postfixLog()).toContain("sasl_username=alice@example.com");
    const bad = courierTo(secure, { tlsVerify: false, credentials: { user: "alice@example.com", password: "wrong" } });
    expect(inWords(await bad.send("mailbox", transactionOf(mailOf("auth"), ["bob@example.com"])))).toEqual(["delayed refused-us host"]);
  });

  test("1000 mails go over at most 8 sessions at once and 20 in all, and none is lost or doubled", async () => {
    const before = readFileSync(`${plain.folder}/postfix.log`, "utf8").length;
    const courier = courierTo(plain, { tls: "off", poolSize: 8, maxTransactions: 100 });
    const verdicts = await Promise.all(
      Array.from(
        { length: 1000 },
        async (_, i) => inWords(await courier.send("mailbox", transactionOf(mailOf(`p${i}`), ["carol@example.com"])))[0],
      ),
    );
    expect(verdicts.filter((verdict) => verdict !== "delivered")).toEqual([]);
    await courier.close();
    await until(() => plain.queued() === 0, "Postfix does not hand over to Dovecot");
    const subjects = (await plain.inbox("carol@example.com")).map((mail) => /^Subject: (p\d+)\r$/m.exec(mail.toString())?.[1]);
    expect([subjects.length, new Set(subjects).size]).toEqual([1000, 1000]);
    const counted = sessionsIn(plain.postfixLog().slice(before));
    expect(counted.most).toBeLessThanOrEqual(8);
    expect(counted.all).toBeLessThanOrEqual(20);
  }, 120_000);

  test("a server that was restarted costs nobody anything: the mail goes out on a fresh session", async () => {
    const courier = courierTo(plain, { tls: "off", poolSize: 1 });
    expect(inWords(await courier.send("mailbox", transactionOf(mailOf("before"), ["bob@example.com"])))).toEqual(["delivered"]);
    // Postfix that is killed between Dovecot's answer and its own note hands a mail on twice.
    await until(() => plain.queued() === 0, "Postfix does not hand over to Dovecot");
    plain.stopPostfix();
    plain.startPostfix();
    await plain.listening();
    expect(inWords(await courier.send("mailbox", transactionOf(mailOf("after"), ["bob@example.com"])))).toEqual(["delivered"]);
    await until(() => plain.queued() === 0, "Postfix does not hand over to Dovecot");
    const subjects = (await plain.inbox("bob@example.com")).map((mail) => /^Subject: (.*)\r$/m.exec(mail.toString())?.[1]);
    expect(subjects.filter((subject) => subject === "before" || subject === "after").sort()).toEqual(["after", "before"]);
  }, 120_000);

  test("a server that is away delays for the host, at once", async () => {
    plain.stopPostfix();
    const courier = courierTo(plain, { tls: "off" });
    expect(inWords(await courier.send("mailbox", transactionOf(mailOf("away"), ["alice@example.com"])))).toEqual([
      "delayed unreachable host",
    ]);
    expect((await courier.probe("mailbox")).kind).toBe("unreachable");
    plain.startPostfix();
    await plain.listening();
    expect(inWords(await courier.send("mailbox", transactionOf(mailOf("back"), ["alice@example.com"])))).toEqual(["delivered"]);
  }, 120_000);
});

/** Sessions of the ordinary port in a log: the most at once, and all. */
function sessionsIn(log: string): { most: number; all: number } {
  let [open, most, all] = [0, 0, 0];
  for (const line of log.split("\n").filter((each) => each.includes("postfix/ordinary"))) {
    if (/: connect from/.test(line)) {
      open++;
      all++;
    } else if (/: (?:disconnect) from/.test(line)) open--;
    most = Math.max(most, open);
  }
  return { most, all };
}
