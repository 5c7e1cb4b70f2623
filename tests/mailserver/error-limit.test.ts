// Error limit: Postfix answers more slowly after 10 errors of a session and ends it with 421 after 20. Unknown recipients of a
// stranger's mail are such errors. They must cost nobody else anything. With Postfix's own values, and with smaller ones.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SmtpCourier, type SmtpOptions } from "@sesame/smtp";
import { Circuit } from "../../apps/worker/circuit.ts";
import { wallTimers } from "../../apps/worker/timers.ts";
import { until } from "../until.ts";
import { inWords, mailOf, transactionOf } from "./mail.ts";
import { MailServer } from "./mail-server.ts";
import { missingPrograms } from "./programs.ts";

const missing = missingPrograms();
if (missing) console.warn(`SKIPPED tests/mailserver/error-limit: ${missing}`);

const no = "failed no-such-mailbox 5.1.1";
const unknown = (count: number, name = "nobody") => Array.from({ length: count }, (_, index) => `${name}${index}@example.com`);

describe.skipIf(missing !== null)("the error limit of the real mail server", () => {
  let usual: MailServer;
  let quick: MailServer;
  let strict: MailServer;
  const couriers: SmtpCourier[] = [];

  beforeAll(async () => {
    [usual, quick, strict] = await Promise.all([
      MailServer.start({ main: ["smtpd_error_sleep_time = 1s"] }), // Postfix's own value; the other two do not slow down
      MailServer.start(),
      MailServer.start({ main: ["smtpd_hard_error_limit = 3"] }),
    ]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all(couriers.map((courier) => courier.close()));
    await Promise.all([usual, quick, strict].map((server) => server?.stop()));
  }, 120_000);

  function courierTo(server: MailServer, options: Partial<SmtpOptions> = {}): SmtpCourier {
    const to = (port: number) => ({ host: "127.0.0.1", port, protocol: "smtp" as const });
    const targets = { mailbox: to(server.ports.smtp), internal: to(server.ports.internal) };
    const courier = new SmtpCourier(targets, { name: "worker.example.com", tls: "off", ...options });
    couriers.push(courier);
    return courier;
  }

  const send = async (courier: SmtpCourier, subject: string, to: readonly string[]) =>
    inWords(await courier.send("mailbox", transactionOf(mailOf(subject), to)));

  test("X05 alice gets her mail at once although 19 unknown recipients came before it and two are in it", async () => {
    const courier = courierTo(usual, { poolSize: 1 });
    for (const [index, address] of unknown(19).entries()) expect(await send(courier, `n${index}`, [address])).toEqual([no]);
    expect(await send(courier, "alice", ["u1@example.com", "u2@example.com", "alice@example.com"])).toEqual([no, no, "delivered"]);
  }, 60_000);

  test("X05 the same in a session that Postfix ends", async () => {
    // As if nothing were known of error limits: this session gets to the twentieth error.
    const courier = courierTo(quick, { poolSize: 1, maxRefusals: 1000 });
    for (const [index, address] of unknown(19).entries()) expect(await send(courier, `m${index}`, [address])).toEqual([no]);
    expect(await send(courier, "bob", ["u1@example.com", "u2@example.com", "bob@example.com"])).toEqual([no, no, "delivered"]);
    expect(quick.postfixLog()).toContain("too many errors");
  }, 60_000);

  test("X05 a server that bears fewer errors than we think loses nobody either", async () => {
    const courier = courierTo(strict, { poolSize: 2 });
    expect(await send(courier, "mixed", [...unknown(9), "alice@example.com", ...unknown(9, "none"), "bob@example.com"])).toEqual([
      ...Array(9).fill(no),
      "delivered",
      ...Array(9).fill(no),
      "delivered",
    ]);
    expect(strict.postfixLog()).toContain("too many errors");
    await until(() => strict.queued() === 0, "Postfix does not hand over to Dovecot");
    for (const name of ["alice", "bob"]) expect((await strict.inbox(`${name}@example.com`)).length).toBe(1);
  }, 60_000);

  test("X05 mails to 60 unknown recipients each do not touch another domain's mail", async () => {
    const alone = await flow(courierTo(usual), 0);
    const attacked = await flow(courierTo(usual), 12);
    console.info(
      `median delivery ${alone.median.toFixed(1)} ms alone, ${attacked.median.toFixed(1)} ms beside 720 unknown recipients within a second`,
    );
    expect([alone.verdicts, attacked.verdicts]).toEqual([Array(60).fill("delivered"), Array(60).fill("delivered")]);
    expect([attacked.openings, attacked.refused]).toEqual([0, 12 * 60]);
  }, 120_000);
});

type Flow = Readonly<{ verdicts: readonly string[]; median: number; openings: number; refused: number }>;

/** Sixty mails to another domain one by one, with so many mails to 60 unknown recipients spread among them. */
async function flow(courier: SmtpCourier, attacks: number): Promise<Flow> {
  const circuit = new Circuit({ probe: async () => null, timers: wallTimers, changed: () => {} });
  const watched = circuit.watch(courier);
  const attack = (round: number) => watched.send("mailbox", transactionOf(mailOf(`attack-${round}`), unknown(60, `x${round}-`)));
  const hostile: ReturnType<typeof attack>[] = [];
  const verdicts: string[] = [];
  const times: number[] = [];
  for (let i = 0; i < 60; i++) {
    if (hostile.length < attacks && i % 5 === 0) hostile.push(attack(i));
    const from = performance.now();
    verdicts.push(...inWords(await watched.send("mailbox", transactionOf(mailOf(`other-${i}`), ["carol@another.test"]))));
    times.push(performance.now() - from);
  }
  const refused = (await Promise.all(hostile)).flatMap((each) => inWords(each)).filter((verdict) => verdict === no).length;
  circuit.end();
  return { verdicts, median: times.sort((one, other) => one - other)[30] ?? 0, openings: circuit.openings, refused };
}
