// Session limit with the real Postfix, which has ten processes of each kind (default_process_limit = 10): a burst of mails
// through a pool of 32 sessions. All mails arrive, and another program that sends mail meanwhile gets its greeting. The same with
// 32 sessions that do not adapt shows the difference.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { SmtpCourier, type SmtpOptions } from "@sesame/smtp";
import { until } from "../until.ts";
import { inWords, mailOf, transactionOf } from "./mail.ts";
import { MailServer } from "./mail-server.ts";
import { missingPrograms } from "./programs.ts";

const missing = missingPrograms();
if (missing) console.warn(`SKIPPED tests/mailserver/session-limit: ${missing}`);

const processes = 10;
const burst = 500; // mails
const lanes = 128; // mails in work, as CONCURRENCY

describe.skipIf(missing !== null)("the session limit with a small Postfix", () => {
  let server: MailServer;

  beforeAll(async () => {
    server = await MailServer.start({ main: [`default_process_limit = ${processes}`] });
  }, 120_000);
  afterAll(() => server?.stop(), 120_000);

  test("a burst leaves processes to other clients, and with 32 fixed sessions it does not", async () => {
    const fixed = await run(server, "alice", { minPoolSize: 32 });
    const adapting = await run(server, "bob", {});
    for (const [name, { ms, longestMs, mails, limit, waits }] of Object.entries({ fixed, adapting }))
      console.info(
        `${name}: ${mails} mails in ${ms.toFixed(0)} ms, the slowest ${longestMs.toFixed(0)} ms, ${limit} sessions at the end; ` +
          `another client was greeted ${waits.length} times, at the latest after ${worst(waits, "ms").toFixed(0)} ms and ${worst(waits, "mails")} mails`,
      );
    for (const { verdicts } of [fixed, adapting]) expect(verdicts).toEqual(["delivered"]);
    for (const [name, { mails }] of [["alice", fixed] as const, ["bob", adapting] as const]) {
      await until(() => server.queued() === 0, "Postfix does not hand over to Dovecot");
      const subjects = (await server.headers(`${name}@example.com`)).map((mail) => /^Subject: (\S+)\r$/m.exec(mail.toString())?.[1]);
      expect([subjects.length, new Set(subjects).size]).toEqual([mails, mails]);
    }
    expect([fixed.limit, adapting.limit >= 4, adapting.limit < processes]).toEqual([32, true, true]);
    // How often the other client gets its turn, by mails and not by time: the machine may be busy.
    expect(worst(adapting.waits, "mails")).toBeLessThan(worst(fixed.waits, "mails"));
    expect(worst(adapting.waits, "mails")).toBeLessThan(burst);
  }, 120_000);
});

type Wait = Readonly<{ ms: number; mails: number }>;

const worst = (waits: readonly Wait[], unit: "ms" | "mails") => Math.max(...waits.map((wait) => wait[unit]));

/** Sends a burst, and a second one when the number of sessions has settled. Another client connects again and again in the second. */
async function run(server: MailServer, name: string, options: Partial<SmtpOptions>) {
  const mailbox = { host: "127.0.0.1", port: server.ports.smtp, protocol: "smtp" } as const;
  const courier = new SmtpCourier({ mailbox, internal: mailbox }, { name: "worker.example.com", tls: "off", ...options });
  const verdicts = new Set<string>();
  let [sent, done, longestMs] = [0, 0, 0];
  const lane = async (isOver: () => boolean) => {
    while (!isOver()) {
      const began = performance.now();
      const transaction = transactionOf(mailOf(`${name}-${sent++}`), [`${name}@example.com`]);
      for (const verdict of inWords(await courier.send("mailbox", transaction))) verdicts.add(verdict);
      longestMs = Math.max(longestMs, performance.now() - began);
      done++;
    }
  };
  const all = (isOver: () => boolean) => Promise.all(Array.from({ length: lanes }, () => lane(isOver)));
  const began = performance.now();
  const isFixed = courier.sessionLimit === 32;
  let hasGrown = false;
  await all(() => {
    hasGrown ||= courier.sessionLimit > processes;
    return sent >= burst && hasGrown && (isFixed || courier.sessionLimit < processes);
  });
  const end = sent + 2 * burst;
  const waits: Wait[] = [];
  const other = (async () => {
    while (sent < end) {
      const [from, before] = [performance.now(), done];
      await greeted(server.ports.smtp);
      waits.push({ ms: performance.now() - from, mails: done - before });
      const next = done + lanes / 8;
      await until(() => done >= next || sent >= end, "the burst does not go on", 1);
    }
  })();
  await all(() => sent >= end);
  const ms = performance.now() - began;
  await courier.close();
  await other;
  return { verdicts: [...verdicts], mails: done, ms, longestMs, limit: courier.sessionLimit, waits };
}

/** Connects, waits for the greeting, says goodbye and waits for the end. */
function greeted(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the server closed the connection")));
    socket.once("data", () => {
      socket.end("QUIT\r\n");
      resolve();
    });
  });
}
