// Delivery: sessions that are kept, against a connection for each mail and against nodemailer's own pool. Eight mails at a
// time on all sides, of 10 kB each, to a server that is near, to one that is a round trip of 5 ms away, and to one that
// wants STARTTLS besides. What the server got must be the mails, octet by octet.

import type { Address, EffectKey, MailId, MailTransaction, ReversePath } from "@sesame/core";
import type SMTPPool from "nodemailer/lib/smtp-pool";
import type SMTPTransport from "nodemailer/lib/smtp-transport";
import { courierTo } from "../tests/smtp/samples.ts";
import { type Bench, compare, type Row, type Scale, type Taken, timed } from "./compare.ts";
import { far } from "./far.ts";
import { digestOf, type Letter, lettersOf } from "./letters.ts";
import { type MailSink, plainSink, tlsSink } from "./mail-sinks.ts";
import { createTransport } from "./nodemailer.ts";

const lanes = 8;

type Way = (letters: readonly Letter[], port: number, isSecure: boolean) => Promise<void>;
type Place = Readonly<{ what: string; roundTripMs: number; isSecure: boolean; letters: number; rounds: number; warmUps: number }>;

const places: readonly Place[] = [
  { what: "mail server near by", roundTripMs: 0, isSecure: false, letters: 3000, rounds: 7, warmUps: 1 },
  { what: "mail server 5 ms away", roundTripMs: 5, isSecure: false, letters: 300, rounds: 5, warmUps: 1 },
  { what: "the same with STARTTLS", roundTripMs: 5, isSecure: true, letters: 120, rounds: 3, warmUps: 1 },
];

export const delivery: Bench = {
  name: "delivery",
  about: "mails to the mail server over kept sessions, against a connection for each and against the pool of nodemailer",
  run: async (scale) => {
    const rows: Row[] = [];
    for (const place of places) rows.push(...(await rowsAt(place, scale)));
    return rows;
  },
};

async function rowsAt(place: Place, scale: Scale): Promise<readonly Row[]> {
  const { what, roundTripMs, isSecure } = place;
  const { letters: count, rounds, warmUps } = scale === "tiny" ? { letters: 20, rounds: 1, warmUps: 0 } : place;
  const sink = await (isSecure ? tlsSink() : plainSink());
  if (sink === null) {
    console.warn(`SKIPPED ${what}: there is no openssl`);
    return [];
  }
  const server = await far(sink.port, roundTripMs);
  const letters = lettersOf(count, 10_000);
  const take = (way: Way) => () => taken(() => way(letters, server.port, isSecure), count, sink);
  const common = { what, unit: "mails/s", better: "more", rounds, warmUps, expected: arrivedOf(letters), ours: take(kept) } as const;
  try {
    const once = await compare({ ...common, otherWay: "a connection for each mail", other: take(each) });
    return isSecure ? [once] : [once, await compare({ ...common, otherWay: "nodemailer's pool", other: take(pooled) })];
  } finally {
    server.close();
    sink.close();
  }
}

async function taken(act: () => Promise<void>, count: number, sink: MailSink): Promise<Taken<readonly string[]>> {
  const { figure } = await timed(act);
  const result = sink.take().map(({ recipients, data }) => `${recipients.join()} ${digestOf(data)}`);
  return { figure: (count * 1000) / figure, result: result.sort() };
}

function arrivedOf(letters: readonly Letter[]): readonly string[] {
  return letters.map(({ to, octets }) => `${to} ${digestOf(octets)}`).sort();
}

async function inLanes(letters: readonly Letter[], send: (letter: Letter) => Promise<unknown>): Promise<void> {
  const left = [...letters];
  const lane = async () => {
    for (let letter = left.pop(); letter !== undefined; letter = left.pop()) await send(letter);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function kept(letters: readonly Letter[], port: number, isSecure: boolean): Promise<void> {
  const courier = courierTo(port, "smtp", { poolSize: lanes, minPoolSize: lanes, tls: isSecure ? "opportunistic" : "off" });
  await inLanes(letters, async (letter) => {
    const [verdict] = (await courier.send("mailbox", transactionOf(letter))).values();
    if (verdict?.action !== "delivered") throw new Error(JSON.stringify(verdict));
  });
  await courier.close();
}

function transactionOf({ from, to, octets }: Letter): MailTransaction {
  return {
    mailId: `bench/${to}` as MailId,
    from: from as ReversePath,
    recipients: [{ address: to as Address, key: "deliver" as EffectKey }],
    content: { pieces: [octets], rest: null, size: octets.length, eightBit: false },
  };
}

function each(letters: readonly Letter[], port: number, isSecure: boolean): Promise<void> {
  return byNodemailer(letters, { port }, isSecure);
}

function pooled(letters: readonly Letter[], port: number, isSecure: boolean): Promise<void> {
  return byNodemailer(letters, { port, pool: true, maxConnections: lanes }, isSecure);
}

type TransportOptions = SMTPTransport.Options | SMTPPool.Options;

async function byNodemailer(letters: readonly Letter[], options: TransportOptions, isSecure: boolean): Promise<void> {
  const tls = { ignoreTLS: !isSecure, tls: { rejectUnauthorized: false } }; // any certificate, as ours does
  const transport = createTransport({ host: "127.0.0.1", name: "worker.test", ...tls, ...options });
  await inLanes(letters, ({ from, to, octets }) => transport.sendMail({ envelope: { from, to }, raw: Buffer.from(octets) }));
  transport.close();
}
