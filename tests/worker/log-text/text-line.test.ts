// textLine(): the lines of docs/logs.md from their JSON, the others in a table, old lines, and hostile text.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { textLine } from "../../../apps/worker/log-text/text-line.ts";
import { textStyle } from "../../../apps/worker/log-text/text-style.ts";

const style = textStyle({ hasUnicode: true, hasColours: false, timeZone: "UTC" });
const time = (clock: string) => `2026-11-24T${clock}.997Z`;
const said = (line: object) => textLine(JSON.stringify(line), style);

const delivery = { kind: "deliver", verdict: { action: "delivered", detail: "250 2.0.0 Ok: queued as 4XyZ12ab34z1K" } };
const reply = { kind: "reply", to: "bob@remote.test", route: "ses", verdict: { action: "relayed", detail: "0100db01" } };
const forward = { kind: "forward", to: "me@private.test", route: "ses", verdict: { action: "relayed", detail: "0100db02" } };
const failed = {
  kind: "deliver",
  verdict: { action: "failed", status: "5.1.1", reason: "no-such-mailbox", scope: "recipient", detail: "550 5.1.1 User unknown" },
};
const full = { action: "delayed", status: "4.2.2", reason: "try-later", scope: "recipient", detail: "452 4.2.2 Mailbox full" };
const waits = {
  action: "delayed",
  status: "4.4.0",
  reason: "waits-for-delivery",
  scope: "recipient",
  detail: "",
  possibleDuplicate: false,
};

type Extra = Readonly<{ withheld?: readonly object[]; warnings?: readonly object[] }>;
const serve = (recipient: string, effects: readonly object[], { withheld = [], warnings = [] }: Extra = {}) => {
  return { kind: "serve", recipient, effects, withheld, warnings };
};
const block = (recipient: string, pattern: string, matched: string) => {
  return { kind: "block", recipient, pattern, row: recipient, matched, warnings: [] };
};
const close = (status: string) => ({ kind: "close", mark: { status, invalidInboxes: [], blockedSender: null }, erase: false });
const retry = (reason: string, afterSeconds = 60) => ({ kind: "retry", afterSeconds, reason });

function mail(clock: string, from: string, settlement: object, courses: readonly object[], more: object = {}) {
  const [at, receivedAt] = [time(clock), new Date(Date.parse(time(clock)) - 100).toISOString()];
  const ids = { domain: "example.com", mailId: "example-com-emails/1", sesId: "1" };
  return {
    level: "info",
    time: at,
    event: "mail",
    ...ids,
    from,
    receivedAt,
    receiveCount: 1,
    settlement,
    seconds: 0.075,
    ...more,
    courses,
  };
}

const circuit = (clock: string, more: object) => ({
  level: "error",
  time: time(clock),
  event: "circuit",
  dependency: "mail-server",
  ...more,
});

/** The JSON of the lines that docs/logs.md shows, in its order. */
const shown: readonly object[] = [
  mail("16:14:18", "bob@remote.test", close("delivered"), [serve("alice@example.com", [delivery, reply])]),
  mail("16:14:19", "x@spam.test", close("blocked"), [block("alice@example.com", "*@spam.test", "x@spam.test")]),
  mail("16:14:20", "bob@remote.test", close("delivered"), [
    serve("carol@example.com", [delivery, forward], { withheld: [{ kind: "reply", reason: "bulk-precedence" }] }),
  ]),
  mail("16:14:22", "news@news.test", retry("try-later"), [serve("dave@example.com", [{ kind: "deliver", verdict: full }])]),
  mail("16:14:25", "kim@remote.test", close("all_invalid"), [serve("nobody@example.com", [failed])]),
  mail("16:14:31", "<>", close("delivered"), [serve("erin@example.com", [delivery])], {
    bounce: { result: "rewritten", failed: "lost@far.test" },
  }),
  mail("16:14:40", "bob@remote.test", close("partial"), [
    serve("alice@example.com", [delivery]),
    serve("nobody@example.com", [failed]),
    serve("carol@example.com", [delivery]),
  ]),
  circuit("16:20:03", { state: "open", detail: "unreachable: connect ECONNREFUSED 10.0.4.7:25" }),
  circuit("16:31:12", { state: "closed", detail: "the mail server answers", openSeconds: 669, waiting: 212 }),
];

test("textLine() makes the lines of docs/logs.md from their JSON", () => {
  const page = readFileSync(join(import.meta.dir, "../../../docs/logs.md"), "utf8");
  const [, lines = ""] = /## Lines for people\n\n```\n([\s\S]*?)```/.exec(page) ?? [];
  expect(shown.map(said).join("")).toBe(lines);
});

const bob = "bob@remote.test";
const rows: readonly (readonly [line: object, text: string])[] = [
  [
    mail("16:00:00", bob, close("delivered"), [serve("a@example.com", [delivery]), serve("b@example.com", [delivery, reply])]), // all have it
    "bob@remote.test → 2 recipients           delivered after 0.1 s to a@example.com and b@example.com; b@example.com: auto-reply to bob@remote.test sent",
  ],
  [
    mail("16:00:00", bob, close("delivered"), [serve("a@example.com", [delivery]), block("b@example.com", "*@remote.test", bob)]), // one blocks
    'bob@remote.test → 2 recipients           delivered after 0.1 s to a@example.com; b@example.com blocked: matches "*@remote.test" of the row b@example.com',
  ],
  [
    mail("16:00:00", bob, close("blocked"), [block("a@example.com", "*@spam.test", "x@spam.test"), block("b@example.com", "bob@*", bob)]), // From matched
    'bob@remote.test → 2 recipients           blocked: a@example.com: x@spam.test matches "*@spam.test" of the row a@example.com; b@example.com: matches "bob@*" of the row b@example.com',
  ],
  [
    mail("16:00:00", bob, close("rejected"), [{ kind: "refuse", recipient: "x@foreign.test", reason: "foreign-domain" }]), // with the sentence of explain
    "bob@remote.test → x@foreign.test         not delivered (foreign-domain): the domain is not a served domain",
  ],
  [
    mail("16:00:00", bob, close("all_invalid"), [
      serve("a@example.com", [failed]),
      { kind: "refuse", recipient: "?", reason: "invalid-address" },
    ]), // nobody
    "bob@remote.test → 2 recipients           not delivered; a@example.com (no-such-mailbox): 550 5.1.1 User unknown; ? (invalid-address): the recipient is not a valid address (RFC 5321 §4.1.2)",
  ],
  [
    mail("16:00:00", bob, close("rejected"), [{ kind: "discard", reason: "virus-verdict" }]), // no recipients in the line
    "bob@remote.test                          dropped (virus-verdict): Amazon SES found a virus in the mail, and VIRUS_VERDICT is drop",
  ],
  [
    mail("16:00:00", bob, close("delivered"), [serve("a@example.com", [failed, forward])]), // by the forward
    "bob@remote.test → a@example.com          not delivered (no-such-mailbox): 550 5.1.1 User unknown; forwarded to me@private.test",
  ],
  [
    mail("16:00:00", bob, close("delivered"), [serve("a@example.com", [delivery, { ...forward, notice: "too-large" }])]), // a stand-in
    "bob@remote.test → a@example.com          delivered after 0.1 s; not forwarded to me@private.test: stand-in sent (too-large)",
  ],
  [
    mail(
      "16:00:00",
      bob,
      retry("throttled", 700),
      [
        serve("a@example.com", [
          delivery,
          { ...forward, verdict: { ...full, reason: "throttled", detail: "Maximum sending rate exceeded" } },
        ]),
      ],
      { receiveCount: 3 },
    ), // only the forward waits
    "bob@remote.test → a@example.com          try 4 in 11 min 40 s for the forward (throttled); delivered after 0.1 s; forward to me@private.test delayed (throttled): Maximum sending rate exceeded",
  ],
  [
    mail("16:00:00", bob, retry("try-later"), [
      serve("a@example.com", [delivery]),
      serve("b@example.com", [
        { kind: "deliver", verdict: full },
        { ...reply, verdict: waits },
      ]),
    ]), // one of two
    "bob@remote.test → 2 recipients           try 2 in 60 s (try-later): b@example.com: 452 4.2.2 Mailbox full; a@example.com has it; b@example.com: auto-reply to bob@remote.test delayed (waits-for-delivery)",
  ],
  [
    mail("16:00:00", bob, retry("stopped", 0), [serve("a@example.com", [{ kind: "deliver", verdict: null }])]), // not begun
    "bob@remote.test → a@example.com          try 2 in 0 s (stopped)",
  ],
  [
    mail("16:00:00", bob, close("all_invalid"), []),
    "bob@remote.test → no recipients          not delivered: the notice names no recipient",
  ],
  [
    mail("16:00:00", bob, close("delivered"), [serve("a@example.com", [delivery])], { receivedAt: "2026-11-22T10:00:00.000Z" }), // days later
    "bob@remote.test → a@example.com          delivered after 2 days 6 h",
  ],
  [
    mail("16:00:00", bob, close("delivered"), [serve("a@example.com", [delivery])], { receivedAt: "2026-11-24T16:00:09.000Z" }), // the clock of SES is ahead
    "bob@remote.test → a@example.com          delivered after 75 ms",
  ],
  [
    mail("16:00:00", "a-very-long-address-of-a-sender@remote.test", close("delivered"), [serve("a@example.com", [delivery])]),
    "a-very-long-address-of-a-sender@remote.test → a@example.com  delivered after 0.1 s",
  ],
];
/** Columns have a test of their own: the lines of docs/logs.md. */
const oneGap = (text: string) => text.replace(/ {2,}/, "  ");
for (const [line, text] of rows) {
  test(`textLine() says: ${text.slice(0, 120)}`, () => {
    expect(oneGap(said(line).slice("16:00:00 ✓ ".length))).toBe(`${oneGap(text)}\n`);
  });
}

test("textLine() says each warning once, with its sentence, its word and its row", () => {
  const invalid = {
    kind: "rule-invalid",
    table: "rules",
    key: "a@example.com",
    text: 'Cannot read ooo_active: must be true or false, is "yes"',
  };
  const warnings = [invalid, { kind: "mail-defect", defect: "nul" }, { kind: "mail-defect", defect: "nul" }];
  expect(
    said(mail("16:00:00", bob, close("delivered"), [serve("a@example.com", [delivery], { warnings })]))
      .split("\n")
      .slice(1),
  ).toEqual([
    '         ↳ Sesame cannot read a part of the row and skips it; the rest of the row applies (rule-invalid): a@example.com in the rules: Cannot read ooo_active: must be true or false, is "yes"',
    "         ↳ the header has a NUL octet (RFC 5322 §2.1), which SMTP cannot carry; it is replaced (nul)",
    "",
  ]);
});

const fixes: readonly (readonly [detail: string, text: string, fix: string])[] = [
  ["try-later: 421 4.7.0 too many", "(try-later): 421 4.7.0 too many", "the server takes no more sessions: lower SMTP_POOL_SIZE"],
  ["refused-us: 535 5.7.8 Bad login", "(refused-us): 535 5.7.8 Bad login", "correct SMTP_USER and SMTP_PASSWORD"],
  ["self signed certificate", ": self signed certificate", "the certificate must be valid for SMTP_HOST; see SMTP_TLS and SMTP_TLS_VERIFY"],
  ["connect ECONNREFUSED 127.0.0.1:25", ": connect ECONNREFUSED 127.0.0.1:25", "start the mail server; see SMTP_HOST and SMTP_PORT"],
];
for (const [detail, text, fix] of fixes) {
  test(`textLine() says how to repair "${detail}"`, () => {
    const [line = "", more] = said(circuit("16:00:00", { state: "open", detail })).split("\n");
    expect([line.replace(/.*nothing is lost ?/, ""), more]).toEqual([text, `         ↳ ${fix}`]);
  });
}

test("textLine() reads lines of earlier versions, which lack fields, and of later ones", () => {
  expect(said({ level: "info", time: time("16:31:12"), event: "circuit", dependency: "ses", state: "closed", detail: "" })).toBe(
    "16:31:12 ✓ SES back                               forwards and replies continue\n",
  );
  expect(said({ level: "warn", time: time("16:00:00"), event: "of-tomorrow", msg: "something new" })).toBe(
    "16:00:00 ! of-tomorrow                            something new\n",
  );
  expect(said({ event: "mail" })).toBe("--:--:-- !  → no recipients                       not delivered: the notice names no recipient\n");
});

test("textLine() leaves other text as it is, and finds a line behind what an engine writes before it", () => {
  expect(textLine("Cannot read SMTP_PORT: must be 1 to 65535\r", style)).toBe("Cannot read SMTP_PORT: must be 1 to 65535\n");
  expect(textLine('{"no": "event"}', style)).toBe('{"no": "event"}\n');
  const line = JSON.stringify({ level: "info", time: time("16:00:00"), event: "stopped", seconds: 1.5 });
  expect(textLine(`sesame-1  | ${line}`, style)).toBe("16:00:00 – Sesame stopped                         after 1.5 s\n");
});

test("textLine() says nothing about a minute in which nothing happened, and says all of another one", () => {
  const status = { level: "info", time: time("16:00:00"), event: "status", domain: "example.com", received: 0, outcomes: {}, inFlight: 0 };
  const empty = { visible: 0, inFlight: 0, delayed: 0 };
  expect(said({ ...status, queue: empty })).toBe("");
  expect(said({ ...status, outcomes: { delivered: 12, retry: 1 }, inFlight: 3, queue: { ...empty, visible: 4, delayed: 1 } })).toBe(
    "16:00:00 – example.com                            12 delivered, 1 to try again in the last minute; 3 in work, 5 wait\n",
  );
  expect(said({ ...status, queue: null })).toContain(
    "! example.com                            nothing ended in the last minute; 0 in work, the queue does not answer",
  );
});

test("textLine() has signs for terminals without UTF-8, and colours only on signs and first words", () => {
  const plain = textStyle({ hasUnicode: false, hasColours: false, timeZone: "UTC" });
  const lines = shown.map((line) => textLine(JSON.stringify(line), plain)).join("");
  expect(lines).toMatch(/^[\x20-\x7e\n]*$/);
  expect([...lines.matchAll(/^[\d:]{8} (.)/gm)].map(([, sign]) => sign).join("")).toBe("+#+~x+!x+");
  const colours = textStyle({ hasUnicode: true, hasColours: true, timeZone: "UTC" });
  expect(textLine(JSON.stringify(shown[4]), colours)).toBe(
    "16:14:25 \x1b[31m✗\x1b[39m kim@remote.test → nobody@example.com   \x1b[31mnot delivered\x1b[39m (no-such-mailbox): 550 5.1.1 User unknown\n",
  );
  expect(shown.map((line) => Bun.stripANSI(textLine(JSON.stringify(line), colours)))).toEqual(shown.map(said));
});

test("textLine() shows controls and marks of direction in foreign text, and cuts nothing off", () => {
  const detail = `550 \x1b[2J\x07\u202eevil\u0085${"x".repeat(2000)}`;
  const text = said(
    mail("16:00:00", "a\x1b]0;t\x07@remote.test", close("rejected"), [
      serve("a@example.com", [{ ...failed, verdict: { ...failed.verdict, detail } }]),
    ]),
  );
  expect(text).toContain(`a\\x1b]0;t\\x07@remote.test → a@example.com`);
  expect(text).toContain(`550 \\x1b[2J\\x07\\u202eevil\\x85${"x".repeat(2000)}\n`);
});

test("textLine() takes any JSON: it fails for none, and no control reaches the terminal", () => {
  const events = ["mail", "circuit", "deed", "status", "fenced", "port-error", "constructor", "started", "stage"];
  const anything = fc.record(
    { event: fc.constantFrom(...events), time: fc.anything(), courses: fc.anything(), settlement: fc.anything() },
    { requiredKeys: ["event"] },
  );
  const foreign = fc.string({ unit: "binary", maxLength: 12 });
  const nested = fc.array(
    fc.dictionary(
      fc.constantFrom("kind", "recipient", "effects", "verdict", "reason", "detail", "key", "warnings"),
      fc.oneof(foreign, fc.array(fc.record({ kind: foreign, verdict: fc.record({ action: foreign, detail: foreign }) }))),
    ),
  );
  fc.assert(
    fc.property(anything, nested, foreign, (line, courses, text) => {
      for (const each of [line, { ...line, courses, keys: [text], detail: text, key: text, text, version: text, domain: text }]) {
        const shownText = said(each);
        expect(shownText).toMatch(/^[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]*$/);
      }
    }),
    { numRuns: 50 },
  );
});
