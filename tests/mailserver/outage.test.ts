// Outage: mails flow through a worker to the real mail server, which is restarted in the midst of it and then goes away for
// a while. No poll is made while it is away, and every mail arrives; another copy only where the log announced it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { Cloud } from "../system/cloud.ts";
import { type LogLine, WorkerProcess } from "../system/worker.ts";
import { mailOf } from "./mail.ts";
import { MailServer, until } from "./mail-server.ts";
import { missingPrograms } from "./programs.ts";

const missing = missingPrograms();
if (missing) console.warn(`SKIPPED tests/mailserver/outage: ${missing}`);

const domain = "example.com";
const [mails, concurrency] = [300, 8];
const retrySeconds = 66; // at most, for a mail that met the whole host in trouble twice

describe.skipIf(missing !== null)("the mail server goes away in the midst of the work", () => {
  let cloud: Cloud;
  let server: MailServer;
  let worker: WorkerProcess;

  beforeAll(async () => {
    [cloud, server] = await Promise.all([Cloud.start({ domains: [domain], maxReceiveCount: 5 }), MailServer.start()]);
  }, 60_000);
  afterAll(async () => {
    worker?.kill("SIGKILL");
    await Promise.all([cloud?.stop(), server?.stop()]);
  }, 60_000);

  const circuit = (state: string) => worker.linesOf("circuit").filter((line) => line["state"] === state).length;
  const closing = () => worker.linesOf("mail").filter((line) => (line["settlement"] as { kind?: string }).kind === "close");
  const polls = () => cloud.calls().get("ReceiveMessage") ?? 0;

  async function send(from: number, to: number): Promise<void> {
    for (let i = from; i < to; i++)
      await cloud.receive({ domain, key: `o${i}`, octets: mailOf(`o${i}`, 5000), recipients: [`alice@${domain}`] });
  }

  /** Every circuit that opened has closed, and mails that were put off may come back at once. */
  async function recovered(): Promise<void> {
    await until(() => circuit("open") === circuit("closed"), 40_000, "the circuit does not close");
    await cloud.emulator.advance(retrySeconds);
  }

  test("a restart costs no mail anything but time", async () => {
    await send(0, 100);
    worker = await WorkerProcess.start({
      ...cloud.env,
      SMTP_HOST: "127.0.0.1",
      SMTP_PORT: String(server.ports.smtp),
      SMTP_NAME: "worker.example.com",
      WAIT_SECONDS: "1",
      CONCURRENCY: String(concurrency),
    });
    await until(() => closing().length >= 30, 20_000, "the work does not begin", 2);
    server.stopPostfix();
    server.startPostfix();
    await server.listening();
    expect(closing().length).toBeLessThan(100);
    await recovered();
    await until(() => closing().length === 100, 60_000, "the mails do not all end");
  }, 120_000);

  test("no poll is made from the opening of the circuit to its closing", async () => {
    const opened = circuit("open");
    await send(100, mails);
    await until(() => closing().length >= 150, 20_000, "the work does not go on", 2);
    server.stopPostfix();
    await until(() => circuit("open") > opened, 20_000, "the circuit does not open", 2);
    const before = polls();
    const [left, done] = [await cloud.queued(domain), closing().length];
    await probedInVain(server.ports.smtp);
    expect([polls(), closing().length]).toEqual([before, done]);
    expect(await cloud.queued(domain)).toBe(left);
    expect(left).toBeGreaterThan(50);
    server.startPostfix();
    await server.listening();
    await recovered();
    await until(() => closing().length === mails, 60_000, "the mails do not all end");
    await until(async () => (await cloud.queued(domain)) === 0, 10_000, "entries are left");
  }, 120_000);

  test("every mail is in the mailbox, once unless the log announced another copy", async () => {
    await until(() => server.queued() === 0, 30_000, "Postfix keeps a mail");
    const copies = new Map<string, Set<string>>();
    for (const header of await server.headers(`alice@${domain}`)) {
      const text = header.toString("latin1");
      const [subject = "", id = ""] = [/^Subject: (.*)\r$/m, /\(Postfix\) with ESMTP id (\w+)/].map((each) => each.exec(text)?.[1]);
      // Postfix that is killed between Dovecot's answer and its own note hands one mail on twice: its id tells.
      copies.set(subject, (copies.get(subject) ?? new Set()).add(id));
    }
    const wrong = Array.from({ length: mails }, (_, i) => `o${i}`).filter((subject) => {
      const count = copies.get(subject)?.size ?? 0;
      return count < 1 || count > 1 + announced(worker.lines, `example-com-emails/${subject}`);
    });
    expect(wrong).toEqual([]);
  });

  test("receive counts stay low, and no mail comes near to the dead-letter queue", async () => {
    const counts = closing().map((line) => Number(line["receiveCount"]));
    expect(Math.max(...counts)).toBeLessThanOrEqual(3);
    // In each of two outages: those in work, and those that the poll brought that was then under way.
    expect(counts.filter((count) => count > 1).length).toBeLessThanOrEqual(2 * (concurrency + 10));
    expect(await cloud.queued(domain, "-dlq")).toBe(0);
    console.info(`receives for each mail: ${(counts.reduce((sum, count) => sum + count, 0) / mails).toFixed(2)}`);
  });
});

/** Stands in the place of the server until it is asked once, and turns that one away. */
async function probedInVain(port: number): Promise<void> {
  let probes = 0;
  const stand = createServer((socket) => {
    probes++;
    socket.end("421 4.3.2 mail.example.com is away\r\n");
  });
  await new Promise<void>((resolve) => stand.listen(port, "127.0.0.1", resolve));
  await until(() => probes > 0, 20_000, "the worker does not probe");
  await new Promise((closed) => stand.close(closed));
}

/** How many more copies of a mail the log has announced. */
function announced(lines: readonly LogLine[], mailId: string): number {
  return lines.filter((line) => line["mailId"] === mailId && /may be delivered more than once/.test(line.msg ?? "")).length;
}
