// Large mail: what has to be read of a mail of 25 MB to decide on it. Ours opens the head and plans; the other ways parse
// the mail to its end, as a script does that wants to know who wrote it, and then ask the blocklist.

import {
  type Address,
  compileBlocklist,
  type Domain,
  defaultPolicy,
  type EpochMs,
  type Facts,
  findBlock,
  headLimit,
  type MailId,
  openMail,
  type Plan,
  parseRecipients,
  parseReversePath,
  plan,
} from "@sesame/core";
import { simpleParser } from "mailparser";
import PostalMime from "postal-mime";
import { parseVerdictStatus } from "../packages/core/ses/ses-verdicts.ts";
import { type Bench, compare, type Row, type Scale, type Taken, timed } from "./compare.ts";
import { letterWithAttachment } from "./letters.ts";

const [to, envelopeFrom] = ["alice@example.com", "bounces@list.test"];
const patterns = ["*@spam.test", "nobody@remote.test"];

/** Whether the mail is blocked. */
type Decide = (octets: Uint8Array) => Promise<boolean>;

export const largeMail: Bench = {
  name: "large-mail",
  about: `deciding on a mail of 25 MB by its first ${headLimit / 1024} KiB, against parsing it to its end`,
  run: async (scale) => [await rowOf(scale, "mailparser", byMailparser), await rowOf(scale, "postal-mime", byPostalMime)],
};

function rowOf(scale: Scale, otherWay: string, other: Decide): Promise<Row> {
  const size = scale === "tiny" ? 400_000 : 25e6;
  const mails = ["person@remote.test", "evil@spam.test"].map((from) => letterWithAttachment(from, to, size));
  const take = (decide: Decide, times: number) => () => decisions(decide, mails, times);
  const rounds = scale === "tiny" ? { rounds: 1, warmUps: 0 } : { rounds: 5, warmUps: 1 };
  const ways = { ours: take(byHead, 20), otherWay, other: take(other, 1) }; // ours takes less than a millisecond
  return compare({ what: `a mail of ${size / 1e6} MB`, unit: "ms", better: "less", ...rounds, expected: [false, true], ...ways });
}

/** Milliseconds for one mail, each decided on so many times. */
async function decisions(decide: Decide, mails: readonly Uint8Array[], times: number): Promise<Taken<readonly boolean[]>> {
  const { figure, result } = await timed(async () => {
    const blocked = mails.map(() => false);
    for (let time = 0; time < times; time++) for (const [index, mail] of mails.entries()) blocked[index] = await decide(mail);
    return blocked;
  });
  return { figure: figure / (times * mails.length), result };
}

async function byHead(octets: Uint8Array): Promise<boolean> {
  const decided = await plan(factsOf(octets.subarray(0, headLimit), octets.length), defaultPolicy);
  return isBlocked(decided);
}

function isBlocked(decided: Plan): boolean {
  return decided.kind === "carry" && decided.courses.every((course) => course.kind === "block");
}

/** What a worker would have gathered for it. */
function factsOf(head: Uint8Array, size: number): Facts {
  const none = parseVerdictStatus(undefined);
  return {
    mailId: "example-com-emails/large" as MailId,
    receivedAt: Date.parse("2026-01-05T12:00:00Z") as EpochMs,
    envelope: { reversePath: parseReversePath(envelopeFrom), recipients: parseRecipients([to], ["example.com" as Domain]) },
    sesVerdicts: { spam: none, virus: none, spf: none, dkim: none, dmarc: none, dmarcPolicy: null },
    domains: ["example.com" as Domain],
    mail: openMail(head, size),
    bounce: "not-a-bounce",
    rules: new Map(),
    blocklist: compileBlocklist(new Map([[to, [...patterns]]])),
    finals: new Map(),
    answered: new Map(),
    attachments: [],
    loopKey: new Uint8Array(32),
  };
}

async function byMailparser(octets: Uint8Array): Promise<boolean> {
  const { from } = await simpleParser(Buffer.from(octets.buffer, octets.byteOffset, octets.length));
  return areBlocked([envelopeFrom, ...(from?.value.map(({ address = "" }) => address) ?? [])]);
}

async function byPostalMime(octets: Uint8Array): Promise<boolean> {
  const { from } = await PostalMime.parse(octets);
  return areBlocked([envelopeFrom, from?.address ?? ""]);
}

function areBlocked(senders: readonly string[]): boolean {
  return findBlock(compileBlocklist(new Map([[to, [...patterns]]])), senders as Address[]) !== null;
}
