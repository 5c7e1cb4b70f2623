// Worker: the whole of it, from the queue to the mail server, against the naive worker of naive.ts. AWS is a round trip of
// 10 ms away and the mail server of 1 ms; both workers have the same mails, tables and servers. Of ten mails one is
// blocked and one is for two recipients. Ours keeps a ledger besides, and decides on replies, forwards and bounces.

import { type Bench, compare, type Row, type Scale } from "./compare.ts";
import { digestOf, letter } from "./letters.ts";
import { type Ends, type Program, System } from "./system.ts";

const oneByOne = "one mail after another";
const distances = { awsMs: 10, mailServerMs: 1 };

type Sample = Readonly<{ key: string; source: string; recipients: readonly string[]; octets: Uint8Array }>;

export const worker: Bench = {
  name: "worker",
  about: "the whole worker with AWS 10 ms away, against a script that takes one mail after another (bench/naive.ts)",
  run: async (scale) => {
    const system = await System.start({ ...distances, env: { BLOCKED_MAIL: "keep" } }); // an erasure waits longer than a bench
    try {
      const patterns = ["nobody@remote.test", "*@spam.test"].map((pattern) => ({ S: pattern }));
      const row = { email_address: { S: "bob@example.com" }, blocked_patterns: { L: patterns } };
      system.tables.put("email-blocked-senders", row);
      return await rowsOf(system, scale);
    } finally {
      await system.stop();
    }
  },
};

async function rowsOf(system: System, scale: Scale): Promise<readonly Row[]> {
  const calls = new Map<Program, number>();
  const against = (otherWay: string, program: Program, count: number) => {
    const samples = samplesOf(count);
    const take = (which: Program) => async () => {
      const run = await system.run(which, samples);
      calls.set(which, run.callsPerMail);
      return { figure: (count * 1000) / run.ms, result: run.ends };
    };
    const ways = { ours: take("ours"), otherWay, other: take(program), expected: endsOf(samples) };
    return compare({ what: `${count} mails`, unit: "mails/s", better: "more", rounds: scale === "tiny" ? 1 : 3, warmUps: 0, ...ways });
  };
  const rows = [await against(oneByOne, "naive", scale === "tiny" ? 10 : 100)];
  if (scale === "full") rows.push(await against("the same, ten at once", "naive at once", 200));
  return [...rows, callsRow(calls.get("ours") ?? 0, calls.get("naive") ?? 0)];
}

/** A count: it is the same in every round, but for how full the batches are. */
function callsRow(ours: number, other: number): Row {
  const ratio = other / ours;
  const names = { what: "calls to AWS for a mail", unit: "calls", otherWay: oneByOne };
  return { ...names, ours, other, ratio: { median: ratio, least: ratio, most: ratio } };
}

function samplesOf(count: number): readonly Sample[] {
  return Array.from({ length: count }, (_, i) => {
    const isBlocked = i % 10 === 3;
    const source = isBlocked ? "evil@spam.test" : `person-${i}@remote.test`;
    const recipients = isBlocked ? ["bob@example.com"] : i % 10 === 7 ? ["alice@example.com", "carol@example.com"] : ["alice@example.com"];
    const key = `mail-${i}`;
    return { key, source, recipients, octets: letter({ id: key, from: source, to: recipients, size: 10_000 }) };
  });
}

function endsOf(samples: readonly Sample[]): Ends {
  const isBlocked = ({ source }: Sample) => source === "evil@spam.test";
  const arrived = samples.flatMap((sample) => (isBlocked(sample) ? [] : sample.recipients.map((to) => `${to} ${digestOf(sample.octets)}`)));
  const objects = samples.map((sample) => `${sample.key} ${isBlocked(sample) ? "blocked" : "delivered"}`);
  return { arrived: arrived.sort(), objects: objects.sort() };
}
