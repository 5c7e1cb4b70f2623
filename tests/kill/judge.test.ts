// The judge, on runs that never were: what it must find, one fault at a time.

import { expect, test } from "bun:test";
import { batchOf } from "./batch.ts";
import { type KillCase, termsOf } from "./case.ts";
import { type Ended, type Evidence, judge } from "./judge.ts";

const idOf = (key: string) => `example-com-emails/${key}`;

/** A run in which all went well. */
function goodRun(one: KillCase): Evidence {
  const samples = batchOf(one, 0);
  const closing = samples.map(({ mail }) => ({ event: "mail", mailId: idOf(mail.key), settlement: { kind: "close" } }));
  const killed = one.signal === "KILL";
  const first: Ended = {
    code: killed ? null : 0,
    lines: [{ event: "kill-point-reached" }, ...(killed ? [] : [{ event: "stopped", seconds: 1 }])],
    other: [],
  };
  const ends = new Map(samples.map(({ mail, trail }) => [mail.key, { ...trail, closed: true }] as const));
  return {
    one,
    terms: { ...termsOf(one), concurrency: 1 },
    samples,
    arrived: samples.flatMap(({ expected }) => expected),
    first,
    second: { code: 0, lines: closing, other: [] },
    ends,
    hidden: 0,
    moved: killed ? 121 : 0,
    left: 0,
    deadLetters: 0,
  };
}

const kill = goodRun({ point: "answer-read", signal: "KILL", mix: "one", seed: 0, client: "fast" });
const term = goodRun({ point: "data", signal: "TERM", mix: "three", seed: 0, client: "fast" });
const said = (event: string, msg = "") => ({ event, msg, mailId: idOf("answer-read-KILL-one-0-fast-0") });
const [copy, reply] = kill.arrived;
if (!copy || !reply) throw new Error("no copies");
const without = (evidence: Evidence, at: number) => evidence.arrived.filter((_, index) => index !== at);
const [firstKey = ""] = kill.ends.keys();

test("judge() finds nothing wrong with a run in which all went well", () => {
  for (const one of [kill, term]) expect(judge(one)).toMatchObject({ reached: true, lost: [], extra: [], wrong: [] });
});

test("judge() lets one copy too many pass that a log announced, and a reply that was given up", () => {
  const twice = {
    ...kill,
    arrived: [...kill.arrived, copy],
    first: { ...kill.first, lines: [...kill.first.lines, said("taken-over", "may be delivered more than once")] },
  };
  for (const point of ["marked", "acked"] as const) expect(judge({ ...twice, one: { ...kill.one, point } }).wrong).toEqual([]); // of the next mail
  expect(judge(twice)).toMatchObject({ extra: [expect.stringContaining("mailbox rich@")], announced: 1, wrong: [] });
  const doubt = { ...said("mail", "reply skipped (reply-in-doubt)"), settlement: { kind: "close" } };
  const lines = [doubt, ...kill.second.lines.slice(1)];
  expect(judge({ ...kill, arrived: without(kill, 1), second: { ...kill.second, lines } }).wrong).toEqual([]);
});

const rows: readonly [string, Evidence, RegExp][] = [
  ["a copy that is missing", { ...kill, arrived: without(kill, 0) }, /^lost: mailbox rich@/],
  ["a reply that is missing without a word", { ...kill, arrived: without(kill, 1) }, /^lost: ses person-.* Auto: /],
  ["a copy too many that no log announced", { ...kill, arrived: [...kill.arrived, copy] }, /arrived 2 times and no log says so/],
  ["three copies", { ...kill, arrived: [...kill.arrived, copy, copy] }, /^arrived 3 times: /],
  ["a reply that went out twice", { ...kill, arrived: [...kill.arrived, reply] }, /^1 replies went out twice/],
  [
    "what nobody expected",
    { ...kill, arrived: [...kill.arrived, { ...copy, to: "x@example.com" }] },
    /^arrived and was not expected: mailbox x@/,
  ],
  [
    "a copy too many where none may come",
    { ...kill, one: { ...kill.one, point: "closed" }, arrived: [...kill.arrived, copy] },
    /^a copy too many, and only after dot-sent/,
  ],
  ["a point that was not reached", { ...kill, first: { ...kill.first, lines: [] } }, /^the point was not reached/],
  ["a worker that was not killed", { ...kill, first: { ...kill.first, code: 1 } }, /^the first worker ended by itself with 1/],
  [
    "a crash of the second worker",
    { ...kill, second: { ...kill.second, code: 1, other: ["TypeError"] } },
    /^the second worker ended with 1/,
  ],
  ["a text that is no log line", { ...kill, second: { ...kill.second, other: ["TypeError"] } }, /^a worker said: TypeError/],
  ["an entry that is left", { ...kill, left: 1 }, /^1 entries are left in the queue/],
  ["an entry among the dead letters", { ...kill, deadLetters: 1 }, /^1 entries are in the dead-letter queue/],
  ["a mail without its trail", { ...kill, ends: new Map([...kill.ends].slice(1)) }, /^its trail says undefined/],
  [
    "a trail that names the wrong mailbox",
    { ...term, ends: new Map([...term.ends].map(([key, end]) => [key, { ...end, invalid: "ok@example.com" }])) },
    /^its trail says partial ok@/,
  ],
  [
    "a mail that is not closed",
    { ...kill, ends: new Map([...kill.ends, [firstKey, { status: "delivered", invalid: undefined, closed: false }]]) },
    /^not closed in the ledger: /,
  ],
  ["a mail without a closing line", { ...kill, second: { ...kill.second, lines: kill.second.lines.slice(1) } }, /^0 closing lines: /],
  ["two closing lines", { ...kill, first: { ...kill.first, lines: [...kill.first.lines, ...kill.second.lines] } }, /^2 closing lines: /],
  [
    "any copy too many after SIGTERM",
    { ...term, arrived: [...term.arrived, ...term.arrived.slice(0, 1)] },
    /^a copy too many after SIGTERM/,
  ],
  ["an exit code after SIGTERM", { ...term, first: { ...term.first, code: 1 } }, /^the first worker ended with 1/],
  [
    "a stop that takes too long",
    { ...term, first: { ...term.first, lines: [{ event: "kill-point-reached" }, { event: "stopped", seconds: 11 }] } },
    /^the first worker stopped after 11 s/,
  ],
  ["an entry that is not handed back", { ...term, hidden: 1 }, /^1 entries were not handed back/],
  ["an entry that waits its visibility out", { ...term, moved: 136 }, /^an entry waited for 136 s/],
];
for (const [what, evidence, expected] of rows) {
  test(`judge() finds ${what}`, () => {
    expect(judge(evidence).wrong).toContainEqual(expect.stringMatching(expected));
  });
}
