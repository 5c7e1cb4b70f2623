// Courier process: the SMTP client of the worker, alone in a process of its own. It sends mails in a number of sessions, after a
// warm-up, and prints what one took. Arguments: port, sessions, mails, recipients of each mail, octets of each mail.

import type { Address, EffectKey, MailId, MailTransaction, ReversePath } from "@sesame/core";
import { courierTo } from "../../tests/smtp/samples.ts";
import { letterWithAttachment } from "../letters.ts";

const [port = 0, sessions = 1, mails = 1, recipients = 1, size = 0] = process.argv.slice(2).map(Number);
const courier = courierTo(port, "smtp", { poolSize: sessions, minPoolSize: sessions });
const names = Array.from({ length: recipients }, (_, n) => ({
  address: `user-${n}@example.com` as Address,
  key: `deliver ${n}` as EffectKey,
}));
const octets = letterWithAttachment("carol@remote.test", "user@example.com", size);
const headOctets = 256 * 1024;

await send(Math.ceil(mails / 4));
const [began, before] = [performance.now(), process.cpuUsage()];
await send(mails);
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ ms: (performance.now() - began) / mails, cpuMs: (user + system) / 1000 / mails }));
await courier.close();

async function send(count: number): Promise<void> {
  let left = count;
  const lane = async () => {
    while (left-- > 0) {
      const verdicts = [...(await courier.send("mailbox", transaction())).values()];
      const failed = verdicts.find(({ action }) => action !== "delivered");
      if (failed !== undefined || verdicts.length !== recipients) throw new Error(JSON.stringify(failed));
    }
  };
  await Promise.all(Array.from({ length: sessions }, lane));
}

/** As the worker has it: the head in memory, and the rest of a large mail in pieces as they come from S3. */
function transaction(): MailTransaction {
  const head = octets.subarray(0, headOctets);
  const isLarge = octets.length > headOctets;
  const content = {
    pieces: [head],
    rest: isLarge ? piecesFrom : null,
    size: octets.length,
    eightBit: isLarge ? "unknown" : false,
  } as const;
  return { mailId: "bench/mail" as MailId, from: "carol@remote.test" as ReversePath, recipients: names, content };
}

async function* piecesFrom(): AsyncGenerator<Uint8Array> {
  const piece = 64 * 1024;
  for (let at = headOctets; at < octets.length; at += piece) yield octets.subarray(at, at + piece);
}
