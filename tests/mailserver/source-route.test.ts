// Source routes against the real Postfix with the domain in mydestination and the worker in mynetworks: what the server does
// with them by itself, what Sesame sends there, and what `sesame check` says.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SmtpCourier } from "@sesame/smtp";
import type { Finding } from "../../apps/worker/check/finding.ts";
import { checkPort, portsOf } from "../../apps/worker/check/mail-server.ts";
import { decodeConfig } from "../../apps/worker/config.ts";
import { mailServerOf } from "../../apps/worker/mail-server.ts";
import { TestWay } from "../journey/way.ts";
import { until } from "../until.ts";
import { inWords, mailOf, transactionOf } from "./mail.ts";
import { MailServer } from "./mail-server.ts";
import { missingPrograms } from "./programs.ts";

const missing = missingPrograms();
if (missing) console.warn(`SKIPPED tests/mailserver/source-route: ${missing}`);

const routes = ["victim%remote.test@example.com", '"victim@remote.test"@example.com', "remote.test!victim@example.com"];

describe.skipIf(missing !== null)("X28 a served domain in mydestination", () => {
  let server: MailServer;
  let courier: SmtpCourier;

  beforeAll(async () => {
    server = await MailServer.start();
    await server.reconfigurePostfix([
      "mydestination=localhost, example.com",
      "virtual_mailbox_domains=another.test",
      "local_recipient_maps=inline:{ { alice = x }, { named%host = x } }",
      `local_transport=lmtp:inet:127.0.0.1:${server.ports.lmtp}`,
    ]);
    const port = (number: number) => ({ host: "127.0.0.1", port: number, protocol: "smtp" as const });
    const targets = { mailbox: port(server.ports.smtp), internal: port(server.ports.internal) };
    courier = new SmtpCourier(targets, { name: "worker.example.com", tls: "off" });
  }, 120_000);
  afterAll(async () => {
    await courier?.close();
    await server?.stop();
  }, 120_000);

  /** How often the server let a mail go to the foreign host. */
  const relayed = () => [...server.postfixLog().matchAll(/to=<[^>]*@remote\.test>.*status=sent/g)].length;

  async function check(): Promise<readonly Finding[]> {
    const config = decodeConfig({
      DOMAINS: "example.com",
      SMTP_HOST: "127.0.0.1",
      SMTP_PORT: String(server.ports.smtp),
      INTERNAL_SMTP_PORT: String(server.ports.internal),
      SMTP_TLS: "off",
    });
    if (!config.ok) throw new Error(config.error);
    const asked = mailServerOf(config.value, "127.0.0.1");
    const findings = await Promise.all(portsOf(config.value).map((port) => checkPort(port, config.value, asked)));
    await asked.close();
    return findings.flat().filter(({ text }) => text.includes("amazon.com"));
  }

  test("X28 Postfix by itself sends such mail on to the other host", async () => {
    for (const [index, route] of routes.entries()) {
      expect(inWords(await courier.send("mailbox", transactionOf(mailOf(`raw${index}`), [route])))).toEqual(["delivered"]);
      await until(async () => relayed() === index + 1, `Postfix does not relay ${route}`);
    }
  }, 60_000);

  test("X28 Sesame refuses such recipients, and delivers to the others", async () => {
    const before = relayed();
    const way = new TestWay(mailOf("journey"), { recipients: ["alice@example.com", ...routes] });
    way.directory.rule("*@example.com", { forwards: [] }); // a catch-all names nobody
    way.courier.send = (route, transaction) => courier.send(route, transaction);
    await way.untilDone();
    const closing = way.journal.events.findLast((event) => event.kind === "mail");
    expect(closing).toMatchObject({
      plan: { courses: [{ kind: "serve" }, ...routes.map((recipient) => ({ kind: "refuse", recipient, reason: "source-route" }))] },
      settlement: { kind: "close", mark: { status: "partial" } },
    });
    await until(async () => (await server.headers("alice@example.com")).length === 1 && server.queued() === 0, "alice gets no mail");
    expect(relayed()).toBe(before);
  }, 60_000);

  test("X28 a reply to a forged sender of this form is not made", async () => {
    const before = relayed();
    const way = new TestWay(mailOf("reply"), { source: routes[0] ?? "" });
    way.directory.rule("alice@example.com", { ooo_active: true, ooo_message: "I am away" });
    way.courier.send = (route, transaction) => courier.send(route, transaction);
    await way.untilDone();
    const closing = way.journal.events.findLast((event) => event.kind === "mail");
    expect(closing).toMatchObject({ plan: { courses: [{ withheld: [{ kind: "reply", reason: "source-route" }] }] } });
    await until(async () => server.queued() === 0, "mail is left in the queue");
    expect(relayed()).toBe(before);
  }, 60_000);

  test("X28 sesame check asks, and its repair helps", async () => {
    const findings = await check();
    expect(findings.map(({ level }) => level)).toEqual(["warning", "warning"]);
    for (const { text } of findings) for (const part of ["%amazon.com", '@amazon.com"', "amazon.com!"]) expect(text).toContain(part);
    const repair = findings[0]?.mend?.match(/\w+ = no/g)?.map((line) => line.replaceAll(" ", "")) ?? [];
    expect(repair.length).toBe(3);
    await server.reconfigurePostfix(repair);
    expect(await check()).toEqual([]);
    const before = relayed();
    const sent = await courier.send("mailbox", transactionOf(mailOf("repaired"), routes));
    expect(inWords(sent)).toEqual(routes.map(() => "failed no-such-mailbox 5.1.1"));
    expect(relayed()).toBe(before);
  }, 120_000);
});
