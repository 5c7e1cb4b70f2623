// Mutations: mails broken on purpose, and facts for them, as cases of `explain --batch`. Every case follows from its seed and
// number, whatever else was made before it.

import { corpusMails } from "../core/corpus.ts";
import { canaryDomain, hostileText, hostileValue } from "./hostile-text.ts";
import { Random } from "./random.ts";

/** One case: its line for `explain --batch`, and what its answer is held against. */
export type MutationCase = Readonly<{ id: string; line: string; mail: Uint8Array; facts: Readonly<Record<string, unknown>> }>;

const person =
  'From: Bob <bob@remote.test>\r\nTo: alice@example.com, Zoë <zoe@another.test>,\r\n "a b"@example.com\r\nSubject: Hello\r\nMessage-ID: <m1@remote.test>\r\n' +
  "References: <m0@remote.test>\r\nDate: Mon, 5 Jan 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHi Alice\r\n";

/** Mails as characters, one for each octet. */
const seeds: readonly [string, ...string[]] = [person, ...corpusMails().map(({ octets }) => Buffer.from(octets).toString("latin1"))];

/** Cases from number `first` on. */
export function* mutationCases(count: number, seed: number, first: number = 0): Generator<MutationCase> {
  for (let number = first; number < first + count; number++) {
    const random = new Random(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b));
    const id = `${seed}-${number}`;
    const mail = new Uint8Array(Buffer.from(mutated(random), "latin1"));
    const facts = factsFor(random);
    yield { id, mail, facts, line: JSON.stringify({ id, mail: Buffer.from(mail).toString("base64"), facts }) };
  }
}

function mutated(random: Random): string {
  // Half of them begin as a mail that is answered and forwarded, so that there is something to inject into.
  let mail = random.chance(0.5) ? person : random.pick(seeds);
  for (let rounds = 1 + random.below(5); rounds > 0; rounds--) mail = random.pick(mutations)(mail, random);
  return mail;
}

type Mutation = (mail: string, random: Random) => string;

const flip: Mutation = (mail, random) => {
  const at = random.below(mail.length);
  return mail.slice(0, at) + String.fromCharCode(random.below(256)) + mail.slice(at + 1);
};

const remove: Mutation = (mail, random) => {
  const at = random.below(mail.length);
  return mail.slice(0, at) + mail.slice(at + 1 + random.below(random.pick([4, 80, 2000])));
};

const duplicate: Mutation = (mail, random) => {
  const from = random.below(mail.length);
  const part = mail.slice(from, from + 1 + random.below(random.pick([4, 80, 2000])));
  return insertAt(mail, random.below(mail.length + 1), part);
};

const duplicateLine: Mutation = (mail, random) => {
  const lines = mail.split("\r\n");
  const line = lines[random.below(lines.length)] ?? "";
  lines.splice(random.below(lines.length + 1), 0, line);
  return lines.join("\r\n");
};

const splice: Mutation = (mail, random) => {
  const other = random.pick(seeds);
  return mail.slice(0, random.below(mail.length + 1)) + other.slice(random.below(other.length));
};

const insertToken: Mutation = (mail, random) => {
  const at = random.chance(0.7) ? random.below(Math.min(mail.length, 600) + 1) : random.below(mail.length + 1);
  return insertAt(mail, at, random.chance(0.5) ? random.pick(tokens) : octetsOf(hostileText(random)));
};

/** A field, on top or somewhere in the header, with a hostile value; sometimes folded into it. */
const poison: Mutation = (mail, random) => {
  const name = random.pick(decoded);
  const value = octetsOf(hostileValue(name, random));
  const field = `${random.chance(0.1) ? name.toLowerCase() : name}${random.chance(0.1) ? " " : ""}: ${value}\r\n`;
  const place = new RegExp(`^${name}:.*\\r\\n`, "im");
  return place.test(mail) && random.chance(0.7) ? mail.replace(place, () => field) : field + mail;
};

const repeat: Mutation = (mail, random) => {
  const token = random.chance(0.7) ? random.pick(repeated) : mail.slice(random.below(mail.length)).slice(0, 1 + random.below(60));
  const length = random.pick([200, 2000, 20_000, 70_000, 300_000]);
  return insertAt(mail, random.below(Math.min(mail.length, 1500) + 1), token.repeat(Math.ceil(length / Math.max(1, token.length))));
};

const changeLineEnds: Mutation = (mail, random) => mail.replaceAll("\r\n", random.pick(["\n", "\r", "\r\r\n", "\n\r"]));

const cut: Mutation = (mail, random) => mail.slice(0, random.below(mail.length + 1));

const mutations: readonly [Mutation, ...Mutation[]] = [
  poison,
  poison,
  poison,
  insertToken,
  insertToken,
  flip,
  flip,
  remove,
  duplicate,
  duplicateLine,
  splice,
  repeat,
  changeLineEnds,
  cut,
];

const decoded: readonly [string, ...string[]] = [
  "Subject",
  "From",
  "To",
  "Cc",
  "Reply-To",
  "Sender",
  "Message-ID",
  "References",
  "In-Reply-To",
  "Date",
  "Content-Type",
  "Content-Disposition",
  "Content-Description",
  "Content-ID",
  "Thread-Topic",
  "List-Id",
  "Received",
  "Return-Path",
  "X-Loop",
  "X-SES-CONFIGURATION-SET",
  "DKIM-Signature",
];
const tokens: readonly [string, ...string[]] = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  "\r\n\r\n",
  "\r\n.\r\n",
  "\xff\xfe",
  "\x80",
  ":",
  "<",
  ">",
  '"',
  "(",
  "@",
  ",",
  "=?",
  "?=",
  "From ",
];
const repeated: readonly [string, ...string[]] = [
  " ",
  "a",
  "\t",
  "\0",
  "\r\n",
  "\r\n ",
  "(",
  '"',
  "<",
  "a@b.test, ",
  "=?utf-8?Q?",
  "=?utf-8?Q?a?= ",
  "=?utf-8?B?YQ==?=",
  "X: y\r\n",
  "<1@x.test> ",
  "Received: from x by y\r\n",
  "--b\r\n",
  "a:",
  "; a=b",
  "\\",
  "&lt;",
  "<a ",
];

function insertAt(mail: string, at: number, part: string): string {
  return mail.slice(0, at) + part + mail.slice(at);
}

/** A text as the octets of its UTF-8, one character each. */
function octetsOf(text: string): string {
  return Buffer.from(text).toString("latin1");
}

const addresses: readonly [string, ...string[]] = [
  "alice@example.com",
  "alice+tag@example.com",
  "Zoe@another.test",
  '"a b"@example.com',
  "jörg@example.com",
];
const froms: readonly [string | null, ...(string | null)[]] = [
  "bob@remote.test",
  "bob@remote.test",
  "bob@remote.test",
  null,
  "prvs=1234=bob@remote.test",
];

function factsFor(random: Random): Readonly<Record<string, unknown>> {
  const brokenPath = () => `bob@remote.test${hostileText(random)}`;
  return {
    receivedAt: "2026-01-05T12:00:00Z",
    domains: ["example.com", "another.test"],
    envelope: {
      from: random.chance(0.9) ? random.pick(froms) : brokenPath(),
      recipients: [
        random.pick(addresses),
        ...random.some([...addresses, "eve@foreign.test", `alice@example.com${hostileText(random)}`, ""], 0.15),
      ],
    },
    verdicts: random.chance(0.9)
      ? {}
      : { spam: random.pick(["PASS", "FAIL", "GRAY", "nonsense"]), dmarc: "FAIL", dmarcPolicy: random.pick(["none", "reject"]) },
    rules: { "*@example.com": rule(random), "zoe@another.test": rule(random) },
    blocked: random.chance(0.3) ? { "*@example.com": patterns(random) } : {},
    outbound: Object.fromEntries(sesIds.map((id) => [id, { original_source: "alice@example.com", bouncedRecipients: bounced(random) }])),
  };
}

function rule(random: Random): unknown {
  return {
    ooo_active: random.chance(0.8),
    ooo_message: random.pick(["I am away", `I am away${hostileText(random)}`, "Ich bin nicht da – bis später\r\n.\r\n", "<p>Away</p>"]),
    ooo_content_type: random.pick(["text", "html"]),
    ...(random.chance(0.5) && { ooo_subject: random.chance(0.5) ? hostileText(random) : "Away until Monday" }),
    forwards: random.some(
      [
        "x@other.test",
        "carol@another.test",
        "y@bücher.example",
        `x@other.test${hostileText(random)}`,
        `x@other.test, evil@${canaryDomain}`,
      ],
      0.5,
    ),
  };
}

function patterns(random: Random): readonly unknown[] {
  if (random.chance(0.1)) return ["bob@*"];
  return random.some(["*@spam.test", "*a*a*a*a*a*a*b", "[", "[!", "*\r\n*", hostileText(random), "?".repeat(300), 7, null], 0.5);
}

function bounced(random: Random): readonly string[] {
  return random.some(["kijitora@example.org", "nobody@example.net", `kijitora@example.org${hostileText(random)}`], 0.6);
}

/** Ids under which the bounces of the corpus and of the golden folders may be looked up. */
const sesIds: readonly string[] = [
  ...new Set(seeds.flatMap((mail) => mail.match(/[0-9a-f]{16}(?:-[0-9a-f]{4,12}){5}-[0-9a-f]{6}/g) ?? [])),
];
