// Sieve differences: where Sesame and Pigeonhole's vacation action judge a mail differently, each kind with the reason why
// it is so on purpose and with the number of generated mails, of invented and of real mails of the corpus that show it. What is in no kind is an error of one of the two.

import type { Answer, Question } from "./sieve-judge.ts";

/** A mail that both judged. `ours` is "reply" or the word why not; `header` is the header block as text. */
export type Judged = Readonly<{ question: Question; ours: string; sieve: Answer; header: string }>;

export type Difference = Readonly<{
  name: string;
  why: string;
  generated: number;
  fixtures?: number;
  corpus?: number;
  is: (judged: Judged) => boolean;
}>;

const local = (address: string | null | undefined) => (address ?? "").replace(/@[^@]*$/, "").toLowerCase();
const value = (header: string, name: string) =>
  new RegExp(`^${name}[ \\t]*:(.*(?:\\r?\\n[ \\t].*)*)`, "im").exec(header)?.[1]?.trim() ?? null;
const authors = (header: string) =>
  ["From", "Sender"].flatMap((name) => [...(value(header, name) ?? "").matchAll(/[^\s<>,;:"]+@[^\s<>,;:"]+/g)]).map(([address]) => address);

const senders = ({ question, header }: Judged) => [question.sender, ...authors(header)].map(local);

/** We do not reply, and Pigeonhole would. */
export const weWithhold: readonly Difference[] = [
  {
    name: "case of a list's address",
    why: "`Owner-x` and `x-Request` are who `owner-x` and `x-request` are; Pigeonhole compares these two in the case that they have",
    generated: 2,
    is: ({ question, ours }) =>
      ours === "system-sender" && /^owner-|-request/.test(local(question.sender)) && !/^owner-|-request/.test(question.sender ?? ""),
  },
  {
    name: "nobody reads it",
    why: "RFC 3834 §2 lets a responder leave out addresses that a person does not read; noreply says so itself",
    generated: 7,
    is: (judged) => judged.ours === "system-sender" && senders(judged).some((name) => /^no-?reply|^do-?not-?reply/.test(name)),
  },
  {
    name: "it takes bounces",
    why: "a reply to the address that collects bounces is read as one, and may end a subscription (RFC 3834 §2)",
    generated: 4,
    is: (judged) => judged.ours === "system-sender" && senders(judged).some((name) => /(?:^|-)bounces?(?:[-+]|$)/.test(name)),
  },
  {
    name: "a daemon or a list in From or Sender",
    why: "a host may rewrite the path of a machine's mail; who wrote it still is a machine. Pigeonhole looks at the path alone",
    generated: 2,
    is: ({ question, ours, header }) =>
      ours === "system-sender" &&
      !/^(?:mailer-daemon|owner-)|-request/.test(local(question.sender)) &&
      authors(header).some((address) => /^(?:mailer-daemon$|owner-)|-request/.test(local(address))),
  },
  {
    name: "SES's own bounces",
    why: 'they come with a null path; should a notice lose it, SES\'s daemon in From still tells (SES Developer Guide, "Amazon SES notifications through email")',
    generated: 1,
    fixtures: 3,
    corpus: 3,
    is: ({ ours, header }) => ours === "ses-bounce" && /^From:.*MAILER-DAEMON@.*amazonses\.com/im.test(header),
  },
  {
    name: "a report",
    why: "RFC 3834 §2: no answer to a delivery or disposition notification, whatever path it came with",
    generated: 3,
    is: ({ ours, header }) =>
      ours === "report" &&
      (value(header, "X-Failed-Recipients") !== null || /^multipart\/report/i.test(value(header, "Content-Type") ?? "")),
  },
  {
    name: "bulk in other words",
    why: "`bulk (list)` and `auto_reply` are what programs write for bulk and for an automatic reply; Pigeonhole takes the bare word alone",
    generated: 2,
    is: ({ ours, header }) => ours === "bulk-precedence" && /^(?:bulk .|auto_reply)/i.test(value(header, "Precedence") ?? ""),
  },
  {
    name: "suppressed in other words",
    why: "`OOF (x)` and `All;OOF` name the word that suppresses a reply; Pigeonhole wants commas and nothing else",
    generated: 2,
    is: ({ ours, header }) => ours === "response-suppressed" && /^(?:OOF \(|All;)/.test(value(header, "X-Auto-Response-Suppress") ?? ""),
  },
  {
    name: "an older word for automatic",
    why: "X-Autoreply and X-Autorespond are what responders wrote before RFC 3834, and some write nothing else",
    generated: 2,
    is: ({ ours, header }) => ours === "auto-submitted" && /^X-Auto(?:reply|respond):/im.test(header),
  },
  {
    name: "oneself with a tag",
    why: "`alice+x` is alice (RFC 5233); Pigeonhole knows it where the script names the address",
    generated: 1,
    is: ({ question, ours }) => ours === "from-self" && `${local(question.sender).replace(/\+.*/, "")}` === local(question.mailbox),
  },
  {
    name: "oneself in From",
    why: "a mail of one's own may come back with a path that the sending service made for it",
    generated: 1,
    is: ({ question, ours, header }) => ours === "from-self" && authors(header).some((address) => address === question.mailbox),
  },
  {
    name: "the null path in Return-Path",
    why: "SES writes the path on top of the mail, so a notice that lost it is mended; Pigeonhole trusts its envelope, and may",
    generated: 1,
    is: ({ ours, header }) => ours === "null-reverse-path" && /^Return-Path: <>/im.test(header),
  },
  {
    name: "a sender whom SES cannot reach",
    why: "SES takes no address literal as a recipient, so a reply to one could never leave; Pigeonhole has a mail server that may",
    generated: 1,
    is: ({ question, ours }) => ours === "address-unsupported" && /@\[.*\]$/.test(question.sender ?? ""),
  },
];

/** We reply, and Pigeonhole would not. */
export const weReply: readonly Difference[] = [
  {
    name: "no, and more",
    why: "`no (comment)` and `no; parameter` say no (RFC 3834 §5.2); Pigeonhole compares the whole value",
    generated: 2,
    is: ({ header }) => /^no *[(;]/i.test(value(header, "Auto-Submitted") ?? ""),
  },
  {
    name: "another tag of the mailbox",
    why: "who writes to `alice+other` writes to alice (RFC 5233), and alice is named (RFC 5230 §4.5); Pigeonhole compares whole addresses",
    generated: 2,
    is: ({ header }) => /alice\+other@/.test(value(header, "To") ?? ""),
  },
  {
    name: "a domain in its other spelling",
    why: "U-label and A-label are one domain (RFC 5890 §2.3.2.4); Pigeonhole compares octets",
    generated: 1,
    is: ({ question, header }) => /@xn--/.test(question.recipient) && /@[^\s]*[^ -~]/.test(value(header, "To") ?? ""),
  },
  {
    name: "a domain with its final dot",
    why: "the dot is no part of the name (RFC 5321 §2.3.5); Pigeonhole's parser gives the address up",
    generated: 1,
    is: ({ header }) => /@example\.com\.$/.test(value(header, "To") ?? ""),
  },
];

/** Pigeonhole takes no question about it. */
export const unasked: readonly Difference[] = [
  {
    name: "an address that is not ASCII",
    why: "sieve-test takes 7-bit addresses alone",
    generated: 3,
    is: ({ question }) => /[^ -~]/.test(`${question.sender}${question.recipient}`),
  },
];
