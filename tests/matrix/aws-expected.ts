// AWS expected: what each cell of the matrix must come to. For each call how it ends as a rule, and then the ways in
// which it ends otherwise. What holds in every cell (nothing lost, nothing acknowledged early, …) stands in the test.

import type { CallName } from "./aws-calls.ts";
import type { Variant, WayName } from "./aws-ways.ts";

export type Expected = Readonly<{
  /** How the first attempt ends; see `CellEnd`. */
  first: "ack" | "ack lost" | "retry" | "retry lost" | "threw" | "poll-error" | "nothing";
  /** How often the mail is received; `null`: once, or again where its work took longer than the short visibility of a lost poll. */
  attempts: number | null;
  /** Copies in the mailbox, of the reply and of the forward. */
  copies: readonly [mailbox: number, reply: number, forward: number];
  trail: "delivered" | "blocked" | "none" | "gone";
  /** Rows in the outbound table. */
  outbound: number;
  /** A line of the log: its event, and the port and operation where it has them. */
  event: string | null;
  /** A counter that moves, with its labels but for the domain. */
  counter: string | null;
  /** Why this is so, where it is not plain. */
  why?: string;
}>;

const portError = (port: string, operation: string) => ({
  event: `port-error ${port}.${operation}`,
  counter: `sesame_port_errors_total ${port} ${operation}`,
});
const usual: Expected = { first: "ack", attempts: 1, copies: [1, 1, 1], trail: "delivered", outbound: 2, event: null, counter: null };
const again: Expected = { ...usual, attempts: 2 };

/** How a call that goes wrong ends as a rule. */
const rules: Readonly<Record<CallName, Expected>> = {
  ReceiveMessage: { ...usual, first: "poll-error", event: portError("MailQueue", "receive").event, counter: "sesame_poll_errors_total" },
  DeleteMessageBatch: { ...again, first: "ack lost", ...portError("MailQueue", "ack") },
  ChangeMessageVisibilityBatch: { ...again, first: "retry lost", ...portError("MailQueue", "extend") },
  GetQueueUrl: { ...usual, first: "poll-error", event: portError("MailQueue", "receive").event, counter: "sesame_poll_errors_total" },
  GetQueueAttributes: usual,
  GetObject: { ...again, first: "threw", ...portError("MailStore", "open") },
  CopyObject: { ...usual, trail: "none", event: "audit-failed", counter: "sesame_port_errors_total MailStore mark" },
  DeleteObject: {
    ...usual,
    copies: [0, 0, 0],
    trail: "blocked",
    outbound: 0,
    event: "audit-failed",
    counter: "sesame_port_errors_total MailStore erase",
  },
  BatchGetItem: { ...again, first: "threw", ...portError("Directory", "look") },
  "UpdateItem (claim)": { ...again, first: "threw", ...portError("Ledger", "claim") },
  "UpdateItem (record)": {
    ...again,
    first: "threw",
    copies: [2, 1, 1],
    event: "unrecorded",
    counter: "sesame_possible_duplicates_total",
    why: "what was done and could not be recorded is done again, and the log announces it",
  },
  "UpdateItem (outbound)": { ...usual, outbound: 0, ...portError("Outbound", "note") },
  SendRawEmail: sent("ses"),
  "SendEmail (v2)": sent("ses"),
};

/** Nothing left: only what SES did not take is sent again. */
function sent(route: string): Expected {
  return { ...again, first: "retry", event: "deed", counter: `sesame_forwards_total ${route} delayed` };
}

type Exception = Readonly<{ call: readonly CallName[]; way: readonly WayName[]; variant?: string }> & Partial<Expected>;

const sends: readonly CallName[] = ["SendRawEmail", "SendEmail (v2)"];
const lost: readonly WayName[] = ["reset in mid-answer", "no answer", "dripping answer"];
const [lostPoll, lostAck, recorded] = [
  "the poll received the entry, and the answer was lost; the entry comes back when its visibility timeout ends",
  "the entry is deleted; only the answer was lost",
  "it was recorded; only the answer was lost",
];
const inDoubt = {
  copies: [1, 0, 1],
  outbound: 1,
  event: "deed",
  counter: "sesame_possible_duplicates_total",
  why: "SES may already have accepted it: a reply is not sent a second time, a forward is sent again, and the log announces it",
} as const satisfies Partial<Expected>;

/** Where a cell ends otherwise; of several that fit the last one counts. */
const exceptions: readonly Exception[] = [
  { call: ["ReceiveMessage"], way: lost, attempts: null, why: lostPoll },
  { call: ["ReceiveMessage"], way: ["no answer"], variant: "and not done", attempts: 1 },
  {
    call: ["ReceiveMessage"],
    way: ["200 with a wrong body"],
    variant: "an error",
    first: "nothing",
    event: null,
    counter: null,
    why: "an empty queue gives the same answer, without entries",
  },
  { call: ["DeleteMessageBatch"], way: lost, attempts: 1, why: lostAck },
  { call: ["DeleteMessageBatch"], way: ["no answer"], variant: "and not done", attempts: 2 },
  {
    call: ["GetObject"],
    way: ["404"],
    first: "retry",
    event: "object-missing",
    counter: "sesame_retries_total object-missing",
    why: "the object may come later; if it never comes, the mail ends in the dead-letter queue",
  },
  {
    call: ["GetObject"],
    way: ["reset in mid-answer"],
    variant: "behind the head",
    ...usual,
    why: "Sesame reads the rest with a second call",
  },
  { call: ["CopyObject"], way: lost, trail: "delivered", why: "the audit mark was written; only the answer was lost" },
  { call: ["CopyObject"], way: ["no answer"], variant: "and not done", trail: "none" },
  { call: ["DeleteObject"], way: lost, trail: "gone", why: "the object is deleted; only the answer was lost" },
  { call: ["DeleteObject"], way: ["no answer"], variant: "and not done", trail: "blocked" },
  {
    call: ["DeleteObject"],
    way: ["dripping answer"],
    event: null,
    counter: null,
    why: "the answer has no body that could arrive slowly, and its head arrives in time",
  },
  ...["garbled", "short"].map(
    (variant): Exception => ({
      call: ["DeleteObject"],
      way: ["200 with a wrong body"],
      variant,
      event: null,
      counter: null,
      why: "S3 answers 204 without a body, so Sesame does not read the body; the audit mark is there in any case",
    }),
  ),
  { call: ["UpdateItem (record)"], way: lost, copies: [1, 1, 1], why: recorded },
  { call: ["UpdateItem (record)"], way: ["no answer"], variant: "and not done", copies: [2, 1, 1] },
  { call: ["UpdateItem (outbound)"], way: lost, outbound: 2, why: "the row was written; only the answer was lost" },
  { call: ["UpdateItem (outbound)"], way: ["no answer"], variant: "and not done", outbound: 0 },
  {
    call: sends,
    way: ["400"],
    ...usual,
    copies: [1, 0, 0],
    outbound: 0,
    event: "mail",
    counter: "sesame_forwards_total ses failed",
    why: "SES refuses this mail (MessageRejected): final for this reply or forward, and the delivery counts",
  },
  { call: sends, way: ["500", "200 with a wrong body"], ...inDoubt },
  { call: sends, way: lost, ...inDoubt, copies: [1, 1, 2] },
  { call: sends, way: ["no answer"], variant: "and not done", ...inDoubt },
];

/** What a variant of a cell must come to. */
export function expectedOf(call: CallName, way: WayName, { name }: Variant): Expected {
  const fitting = exceptions.filter(
    (each) => each.call.includes(call) && each.way.includes(way) && (each.variant === undefined || each.variant === name),
  );
  return fitting.reduce(
    (expected: Expected, { call: _, way: __, variant: ___, ...more }) => ({ ...withoutWhy(expected), ...more }),
    rules[call],
  );
}

/** A reason belongs to what it stands beside. */
function withoutWhy({ why: _, ...expected }: Expected): Expected {
  return expected;
}

/** What cannot occur, by cell and variant; these are not counted. */
export const reasoned: readonly Readonly<{ call: CallName; way: WayName; what: string; why: string }>[] = [
  {
    call: "GetObject",
    way: "200 with a wrong body",
    what: "an error",
    why: "the body of the answer is the mail; S3 puts an error into a 200 only for copies and for the end of a multipart upload",
  },
  {
    call: "DeleteObject",
    way: "reset in mid-answer",
    what: "within the body",
    why: "the answer is a 204 without a body, so it can break off only in its head",
  },
];

/** The fault's number in the project's list of 88, where it has one. */
export function numberOf(call: CallName, way: WayName): string | null {
  const general = ["TLS failure", "no answer", "dripping answer", "200 with a wrong body"].includes(way) ? "F34" : null;
  return numbers[call]?.[way] ?? numbers[call]?.all ?? general;
}

type Numbers = Partial<Record<WayName | "all", string>>;
const sendNumbers: Numbers = {
  "400": "F31",
  "403 denied": "F31",
  throttled: "F30",
  "reset in mid-answer": "F32",
  "no answer": "F32",
  "dripping answer": "F32",
};
const numbers: Partial<Record<CallName, Numbers>> = {
  ReceiveMessage: {
    "403 denied": "F03",
    "403 expired token": "F03",
    "404": "F04",
    throttled: "F05",
    "500": "F01",
    "503": "F01",
    refused: "F01",
    "DNS failure": "F01",
    "reset in mid-answer": "F01",
    "no answer": "F02",
    "dripping answer": "F02",
  },
  DeleteMessageBatch: { all: "F06", "200 with a wrong body": "F07" },
  ChangeMessageVisibilityBatch: { all: "F09" },
  GetQueueUrl: { "404": "F04" },
  GetQueueAttributes: { all: "F10" },
  GetObject: {
    "403 denied": "F13",
    "403 expired token": "F13",
    "404": "F11",
    throttled: "F14",
    "500": "F14",
    "503": "F14",
    "reset in mid-answer": "F15",
    "200 with a wrong body": "F15",
    "no answer": "F16",
    "dripping answer": "F16",
  },
  CopyObject: { all: "F18", "200 with a wrong body": "F19" },
  DeleteObject: { all: "F23" },
  BatchGetItem: {
    "403 denied": "F25",
    "404": "F25",
    throttled: "F24",
    "500": "F24",
    "503": "F24",
    "no answer": "F24",
    "dripping answer": "F24",
    "200 with a wrong body": "F26",
  },
  SendRawEmail: sendNumbers,
  "SendEmail (v2)": sendNumbers,
};
