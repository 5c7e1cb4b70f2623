// Outage: mails flow through a worker to the real mail server, which is restarted in the midst of it and then goes away for
// a while. No poll is made while it is away, and every mail arrives; another copy only where the log announced it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { Cloud } from "../system/cloud.ts";
import { type LogLine, WorkerProcess } from "../system/worker.ts";
import { until } from "../until.ts";
import { mailOf } from "./mail.ts";
import { MailServer } from "./mail-server.ts";
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
  }, 120_000);
  afterAll(async () => {
    worker?.kill("SIGKILL");
    if (worker?.other.length) console.warn(worker.other.join("\n")); // a worker that did not start says why
    await Promise.all([cloud?.stop(), server?.stop()]);
  }, 120_000);

  const circuit = (state: string) => worker.linesOf("circuit").filter((line) => line["state"] === state).length;
  const closing = () => worker.linesOf("mail").filter((line) => (line["settlement"] as { kind?: string }).kind === "close");
  const polls = () => cloud.calls().get("ReceiveMessage") ?? 0;

  async function send(from: number, to: number): Promise<void> {
    for (let i = from; i < to; i++)
      await cloud.receive({ domain, key: `o${i}`, octets: mailOf(`o${i}`, 5000), recipients: [`alice@${domain}`] });
  }

  async function health(): Promise<Readonly<{ loopAgeSeconds: number; inFlight: number }>> {
    const page = (await (await fetch(`http://127.0.0.1:${worker.healthPort}/health`)).json()) as { domains: [never] };
    return page.domains[0];
  }

  /** Every circuit that opened has closed, and mails that were put off come back at once, until so many have ended. */
  async function ended(count: number): Promise<void> {
    const isDone = async () => {
      if (closing().length >= count) return true;
      // Not while mails are in work: their entries would come back beside them.
      if (circuit("open") === circuit("closed") && (await health()).inFlight === 0) await cloud.emulator.advance(retrySeconds);
      return false;
    };
    await until(isDone, "the mails do not all end", 500);
    expect(closing().length).toBe(count);
  }

  /** While Postfix is down its port is anybody's, for a connection of another test too, and its start fails until that has ended. */
  async function restarted(): Promise<void> {
    const started = () => {
      try {
        server.startPostfix();
        return true;
      } catch (error) {
        console.warn(`${error}\n${server.postfixLog().split("\n").slice(-4).join("\n")}`);
        return false;
      }
    };
    await until(started, "Postfix does not start", 1000);
    await server.listening();
  }

  /** Waits for the poll and the mails that were under way when the circuit opened. Gives what was done until then. */
  async function atRest() {
    const [since, { loopAgeSeconds }] = [performance.now(), await health()];
    const isAtRest = async () => {
      const view = await health();
      const cameRound = view.loopAgeSeconds < loopAgeSeconds + (performance.now() - since) / 1000 - 0.5;
      return cameRound && view.inFlight === 0;
    };
    await until(isAtRest, "the work does not come to rest", 50);
    return done();
  }

  async function done() {
    const ends = (await worker.metrics()).match(/^sesame_mails_total.*/gm);
    return { polls: polls(), ends, queued: await cloud.queued(domain) };
  }

  test("a restart costs no mail anything but time", async () => {
    await send(0, 60);
    worker = await WorkerProcess.start({
      ...cloud.env,
      SMTP_HOST: "127.0.0.1",
      SMTP_PORT: String(server.ports.smtp),
      SMTP_NAME: "worker.example.com",
      WAIT_SECONDS: "1",
      CONCURRENCY: String(concurrency),
    });
    await until(() => closing().length >= 20, "the work does not begin", 2);
    server.stopPostfix();
    await send(60, 100); // so that it is restarted in the midst of the work, however fast that is
    await restarted();
    await ended(100);
  }, 240_000);

  test("no poll is made from the opening of the circuit to its closing", async () => {
    const opened = circuit("open");
    await send(100, 180);
    await until(() => closing().length >= 120, "the work does not go on", 2);
    server.stopPostfix();
    await send(180, mails);
    await until(() => circuit("open") > opened, "the circuit does not open", 2);
    const before = await atRest();
    await probedInVain(server.ports.smtp);
    expect(await done()).toEqual(before);
    expect(before.queued).toBeGreaterThan(50);
    await restarted();
    await ended(mails);
    await until(async () => (await cloud.queued(domain)) === 0, "entries are left");
  }, 300_000);

  test("every mail is in the mailbox, once unless the log announced another copy", async () => {
    await until(() => server.queued() === 0, "Postfix keeps a mail");
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
  }, 120_000);

  test("receive counts stay low, and no mail comes near to the dead-letter queue", async () => {
    const counts = closing().map((line) => Number(line["receiveCount"]));
    const openings = circuit("open");
    expect(Math.max(...counts)).toBeLessThanOrEqual(1 + openings);
    // At each opening: those in work, and those that the poll brought that was then under way.
    expect(counts.filter((count) => count > 1).length).toBeLessThanOrEqual(openings * (concurrency + 10));
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
  await until(() => probes > 0, "the worker does not probe");
  await new Promise((closed) => stand.close(closed));
}

/** How many more copies of a mail the log has announced. */
function announced(lines: readonly LogLine[], mailId: string): number {
  return lines.filter((line) => line["mailId"] === mailId && /may be delivered more than once/.test(line.msg ?? "")).length;
}
