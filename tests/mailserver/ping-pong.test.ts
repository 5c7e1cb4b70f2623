// Ping-pong: out-of-office replies on both sides, and forwards that lead in a circle, within one domain and over the
// Internet. Every circle ends: by the mark, by the words of an automatic mail, or by the memory of replies. Mailboxes are
// counted by IMAP.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Cloud } from "../system/cloud.ts";
import { Internet } from "../system/internet.ts";
import { WorkerProcess } from "../system/worker.ts";
import { until } from "../until.ts";
import { MailServer } from "./mail-server.ts";
import { missingPrograms } from "./programs.ts";

const missing = missingPrograms();
if (missing) console.warn(`SKIPPED tests/mailserver/ping-pong: ${missing}`);

const [one, two, three] = ["example.com", "another.test", "third.test"];

/** Who forwards to whom. */
const forwards: Readonly<Record<string, string>> = {
  [`self@${one}`]: `self@${one}`, // a circle of one
  [`pair1@${one}`]: `pair2@${one}`, // of two and of three within one domain
  [`pair2@${one}`]: `pair1@${one}`,
  [`ring1@${one}`]: `ring2@${one}`,
  [`ring2@${one}`]: `ring3@${one}`,
  [`ring3@${one}`]: `ring1@${one}`,
  [`lonely@${one}`]: "far@elsewhere.test", // and the same over the Internet
  [`two1@${one}`]: `two2@${two}`,
  [`two2@${two}`]: `two1@${one}`,
  [`three1@${one}`]: `three2@${two}`,
  [`three2@${two}`]: `three3@${three}`,
  [`three3@${three}`]: `three1@${one}`,
};
const away = [`away1@${one}`, `away2@${two}`];

type Counts = Readonly<Record<string, number>>;

type Case = Readonly<{
  name: string;
  /** Domains of each installation; each has a worker of its own. Installations do not know each other's marks. */
  clouds: readonly (readonly string[])[];
  /** Fields that a gateway on the way takes out. */
  strips?: RegExp;
  /** Mails in each mailbox, the first one included. */
  mailboxes: Counts;
  /** Mails that left through SES, by target. */
  bySes: Counts;
  /** Mailboxes where a mail of ours was known when it came back. */
  known: readonly string[];
}>;

/** Within a domain a forward goes straight into the mailbox, so no circle begins. */
const within: Counts = {
  [`self@${one}`]: 1,
  [`pair1@${one}`]: 1,
  [`pair2@${one}`]: 1,
  [`ring1@${one}`]: 1,
  [`ring2@${one}`]: 1,
  [`ring3@${one}`]: 0,
};
/** Each forwards once, and the first one has the mail again. */
const around: Counts = {
  [`lonely@${one}`]: 2,
  [`two1@${one}`]: 2,
  [`two2@${two}`]: 1,
  [`three1@${one}`]: 2,
  [`three2@${two}`]: 1,
  [`three3@${three}`]: 1,
};
const aroundBySes: Counts = {
  "far@elsewhere.test": 1,
  [`two2@${two}`]: 1,
  [`two1@${one}`]: 1,
  [`three2@${two}`]: 1,
  [`three3@${three}`]: 1,
  [`three1@${one}`]: 1,
};
const knownAgain = [`lonely@${one}`, `three1@${one}`, `two1@${one}`];

const cases: readonly Case[] = [
  {
    name: "three installations that do not know each other",
    clouds: [[one], [two], [three]],
    mailboxes: { ...within, ...around, [`away1@${one}`]: 1, [`away2@${two}`]: 1 },
    bySes: { ...aroundBySes, [`away2@${two}`]: 1 },
    known: knownAgain,
  },
  {
    name: "three workers of one installation", // a mark stops the address that it names, and nobody else
    clouds: [[one, two, three]],
    mailboxes: { ...within, ...around, [`away1@${one}`]: 1, [`away2@${two}`]: 1 },
    bySes: { ...aroundBySes, [`away2@${two}`]: 1 },
    known: knownAgain,
  },
  {
    name: "installations behind a gateway that takes out what says that a mail is automatic",
    clouds: [[one], [two], [three]],
    strips: /^(?:auto-submitted|precedence|x-auto-response-suppress):/i,
    // The second answers the answer, and the memory of the first ends it.
    mailboxes: { ...within, ...around, [`away1@${one}`]: 2, [`away2@${two}`]: 1 },
    bySes: { ...aroundBySes, [`away2@${two}`]: 1, "a path of SES": 1 },
    known: knownAgain,
  },
];

for (const { name, clouds: groups, strips, mailboxes, bySes, known } of cases) {
  describe.skipIf(missing !== null)(`circles among ${name} end`, () => {
    let clouds: readonly Cloud[];
    let server: MailServer;
    let workers: readonly WorkerProcess[];

    beforeAll(async () => {
      const addresses = [...Object.keys(forwards), ...away];
      [clouds, server] = await Promise.all([
        Promise.all(groups.map((group) => Cloud.start({ domains: group }))),
        MailServer.start({ mailboxes: addresses.map((address) => ({ address })) }),
      ]);
      for (const cloud of clouds) await putRows(cloud);
      workers = await Promise.all(
        clouds.flatMap((cloud) => cloud.options.domains.map((domain) => WorkerProcess.start({ ...env(cloud, server), DOMAINS: domain }))),
      );
    }, 120_000);
    afterAll(async () => {
      await Promise.all((workers ?? []).map((worker) => worker.stop()));
      await Promise.all([...(clouds ?? []).map((cloud) => cloud.stop()), server?.stop()]);
    }, 120_000);

    test("each mailbox and each target has what it is due, and no more", async () => {
      const internet = new Internet({ clouds, forwards: { "far@elsewhere.test": `lonely@${one}` }, ...(strips && { strips }) });
      for (const start of ["self", "pair1", "ring1", "lonely", "two1", "three1"])
        await internet.bring({ from: "bob@remote.test", to: `${start}@${one}`, octets: mailTo(`${start}@${one}`, "bob@remote.test") });
      await internet.bring({ from: away[1] ?? "", to: away[0] ?? "", octets: mailTo(away[0] ?? "", away[1] ?? "") });
      let quiet = 0;
      await until(async () => {
        const moved = await internet.carry();
        const waiting = await Promise.all(clouds.flatMap((cloud) => cloud.options.domains.map((domain) => cloud.queued(domain))));
        quiet = moved || waiting.some((count) => count > 0) ? 0 : quiet + 1;
        return quiet >= 3;
      }, "it does not end");
      await until(() => server.queued() === 0, "Postfix keeps a mail");
      expect(await counts(Object.keys(mailboxes), async (address) => (await server.headers(address)).length)).toEqual(mailboxes);
      const sent = clouds.flatMap((cloud) => cloud.ses.sent.flatMap(({ destinations }) => destinations.map(targetOf)));
      expect(await counts([...new Set(sent)], (address) => sent.filter((to) => to === address).length)).toEqual(bySes);
      expect(workers.flatMap(recognised).sort()).toEqual([...known]);
    }, 120_000);
  });
}

/** Each answer to a mail that came by SES goes to a path that SES has made up. */
function targetOf(address: string): string {
  return address.endsWith("amazonses.com") ? "a path of SES" : address;
}

/** Recipients for whom no rule ran, since the mail was one of ours. */
function recognised(worker: WorkerProcess): readonly string[] {
  type Course = Readonly<{ recipient: string; withheld?: readonly Readonly<{ reason: string }>[] }>;
  const courses = worker.linesOf("mail").flatMap((line) => line["courses"] as readonly Course[]);
  return courses.filter(({ withheld = [] }) => withheld.some(({ reason }) => reason === "own-mark")).map(({ recipient }) => recipient);
}

async function putRows(cloud: Cloud): Promise<void> {
  for (const [email_address, target] of Object.entries(forwards)) await cloud.putRow("email-rules", { email_address, forwards: [target] });
  for (const email_address of away) await cloud.putRow("email-rules", { email_address, ooo_active: true, ooo_message: "I am away" });
}

function env(cloud: Cloud, { ports }: MailServer): Record<string, string> {
  return {
    ...cloud.env,
    SMTP_HOST: "127.0.0.1",
    SMTP_PORT: String(ports.smtp),
    INTERNAL_SMTP_PORT: String(ports.internal),
    SMTP_NAME: "worker.example.com",
    WAIT_SECONDS: "1",
  };
}

function mailTo(to: string, from: string): Buffer {
  return Buffer.from(
    `From: Somebody <${from}>\r\nTo: ${to}\r\nSubject: round\r\nDate: ${new Date().toUTCString().replace("GMT", "+0000")}\r\nMessage-ID: <${crypto.randomUUID()}@remote.test>\r\n\r\nHello\r\n`,
  );
}

async function counts(names: readonly string[], count: (name: string) => number | Promise<number>): Promise<Counts> {
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await count(name)] as const)));
}
