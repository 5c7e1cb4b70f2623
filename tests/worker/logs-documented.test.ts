// docs/logs.md against the code: every event name, each with the levels and fields that are really logged, and every
// reason of the unions that a line may hold. Neither may name anything that the other does not.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Courier, delayed, type EffectKey, type EpochMs, type JournalEvent, type MailId } from "@sesame/core";
import pino from "pino";
import { logJournal } from "../../apps/worker/log.ts";
import { sentences } from "../../apps/worker/log-text/event-said.ts";
import { textLine } from "../../apps/worker/log-text/text-line.ts";
import { textStyle } from "../../apps/worker/log-text/text-style.ts";
import { away, factsOf, planOf } from "../core/sample.ts";
import { World } from "./world.ts";

const root = join(import.meta.dir, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const page = read("docs/logs.md");

type Documented = Readonly<{ levels: readonly string[]; fields: readonly string[] }>;
const words = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);

/** Rows of the tables of events: their first columns are event, level and fields. */
const documented = new Map<string, Documented>();
for (const section of page.split(/^## /m).filter((text) => text.startsWith("Lines about"))) {
  for (const row of section.split("\n").filter((line) => line.startsWith("| `"))) {
    const [events, levels, fields] = row.slice(2).split(" | ").map(words);
    for (const event of events ?? []) documented.set(event, { levels: levels ?? [], fields: fields ?? [] });
  }
}

const journal = read("packages/core/journey/events.ts");
const journalKinds = [...journal.matchAll(/readonly kind: "([a-z-]+)"/g)].map(([, kind = ""]) => kind);
const workerEvents = readdirSync(join(root, "apps/worker"), { recursive: true, encoding: "utf8" })
  .filter((name) => /\.tsx?$/.test(name) && !name.includes("node_modules"))
  .flatMap((name) => [...read(join("apps/worker", name)).matchAll(/\bevent: "([a-z-]+)"/g)].map(([, event = ""]) => event));

test("docs/logs.md names every event that the code logs, and no other", () => {
  expect(journalKinds.length).toBeGreaterThan(15);
  expect(workerEvents.length).toBeGreaterThan(10);
  expect([...documented.keys()].sort()).toEqual([...new Set([...journalKinds, ...workerEvents])].sort());
});

test("every event of docs/logs.md has a sentence for a terminal, and no other has one", () => {
  expect(Object.keys(sentences).sort()).toEqual([...documented.keys()].sort());
});

const mailId = "example-com-emails/1" as MailId;
const key = "deliver alice@example.com" as EffectKey;
const until = 0 as EpochMs;
const odd = await planOf({ rules: { "alice@example.com": { ...away, ooo_active: "yes" } } });
const plain = await planOf({});
const mail = {
  kind: "mail",
  mailId,
  sesId: "1",
  from: "bob@remote.test",
  receivedAt: factsOf({}).receivedAt,
  receiveCount: 1,
  verdicts: new Map(),
  settlement: { kind: "retry", afterSeconds: 1, reason: "try-later" },
  seconds: 0,
} as const;
const bounced = { kind: "carry", mailId, bounce: "unknown", courses: [] } as const;
const deed = { kind: "deed", mailId, effect: "deliver", key, route: "mailbox" } as const;

/** At least one of each kind, and one for each level that it is logged at. */
const samples: Readonly<Record<JournalEvent["kind"], readonly JournalEvent[]>> = {
  "entry-ignored": [{ kind: "entry-ignored", entryId: "1", reason: "setup-test" }],
  "entry-undecodable": [{ kind: "entry-undecodable", entryId: "1", text: "…" }],
  "event-noted": [{ kind: "event-noted", news: "bounce", sesId: "1" }],
  "already-closed": [{ kind: "already-closed", mailId }],
  "mark-honoured": [{ kind: "mark-honoured", mailId, processedBy: "old-worker", status: "delivered" }],
  "busy-elsewhere": [{ kind: "busy-elsewhere", mailId, until }],
  "taken-over": [{ kind: "taken-over", mailId, crashes: 1 }],
  "set-aside": [{ kind: "set-aside", mailId, crashes: 3 }],
  "object-missing": [{ kind: "object-missing", mailId }],
  unrecorded: [{ kind: "unrecorded", mailId, keys: [key] }],
  fenced: [
    { kind: "fenced", mailId, keys: [] },
    { kind: "fenced", mailId, keys: [key] },
  ],
  "erase-waits": [{ kind: "erase-waits", mailId, afterSeconds: 900 }],
  erased: [{ kind: "erased", mailId }],
  "blocked-kept": [{ kind: "blocked-kept", mailId, reason: "queues-never-quiet" }],
  bounce: [{ kind: "bounce", mailId, result: "unknown" }],
  deed: [
    { ...deed, standIn: "too-large", verdict: { action: "delivered", detail: "250 Ok" } },
    { ...deed, verdict: delayed("in-doubt", "mail", "…", { possibleDuplicate: true }) },
    { ...deed, verdict: delayed("refused-us", "mail", "554 5.7.1 no") },
  ],
  "audit-failed": [{ kind: "audit-failed", mailId, operation: "mark", text: "…" }],
  "port-error": [{ kind: "port-error", port: "Ledger", operation: "claim", text: "…", mailId }],
  stage: [{ kind: "stage", stage: "plan", seconds: 0, mailId }],
  mail: [
    { ...mail, plan: plain, bounce: ["lost@far.test"] },
    { ...mail, plan: odd },
    { ...mail, plan: bounced },
  ],
};

function linesOf(events: readonly JournalEvent[]): readonly Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  const log = logJournal(
    pino({ level: "debug", base: null, formatters: { level: (level) => ({ level }) } }, { write }),
    "example.com",
    "plain",
  );
  for (const event of events) log.note(event);
  return lines;
}

for (const [kind, events] of Object.entries(samples)) {
  test(`logJournal() writes ${kind} under its own name, with the level and the fields of docs/logs.md`, () => {
    const lines = linesOf(events);
    const { levels, fields } = documented.get(kind) ?? { levels: [], fields: [] };
    expect(lines.map(({ event }) => event)).toEqual(events.map(() => kind));
    expect([...new Set(lines.map(({ level }) => level))].sort()).toEqual([...levels].sort());
    if (kind === "mail") return; // its fields have a table of their own
    const logged = new Set(lines.flatMap((line) => Object.keys(line)));
    for (const common of ["level", "time", "event", "domain", "msg"]) logged.delete(common);
    expect([...logged].sort()).toEqual([...fields].sort());
  });
}

const style = textStyle({ hasUnicode: true, hasColours: false, timeZone: "UTC" });
for (const [kind, events] of Object.entries(samples)) {
  test(`textLine() says ${kind} in words, without a value that is missing`, () => {
    for (const line of linesOf(events)) {
      const text = textLine(JSON.stringify({ ...line, time: "2026-11-24T16:14:18.000Z" }), style);
      expect(text).toMatch(/^16:14:18 [✓✗↻⊘!–] \S.+ {2,}\S.*\n(?: {9}↳ \S.*\n)*$/);
      expect(text).not.toMatch(/undefined|null|NaN|\[object|\{"/);
    }
  });
}

test("docs/logs.md names every field of the closing line", () => {
  const line = Object.assign({}, ...linesOf(samples.mail)) as Record<string, unknown>;
  const table = page.slice(page.indexOf("| field | meaning |"));
  const named = table
    .slice(0, table.indexOf("\n\n"))
    .split("\n")
    .flatMap((row) => words(row.split(" | ")[0] ?? ""));
  expect(named.sort()).toEqual(
    Object.keys(line)
      .filter((name) => !["level", "time", "event", "domain", "msg"].includes(name))
      .sort(),
  );
});

const core = readdirSync(join(root, "packages/core"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => read(join("packages/core", name)).replace(/\/\/.*$/gm, ""))
  .join("\n");

/** The words of a union in the source of the core. */
function union(name: string): readonly string[] {
  const [, text = ""] = new RegExp(`export type ${name} =([^;]*);`).exec(core) ?? [];
  return [...text.matchAll(/"([a-z0-9-]+)"/g)].map(([, word = ""]) => word);
}

const unions = ["FailReason", "DelayReason", "SkipReason", "WithheldReason", "AutomaticReason", "RefuseReason", "DiscardReason"];
for (const name of [...unions, "HeaderDefect", "IgnoreReason", "KeptReason"]) {
  test(`docs/logs.md explains every word of ${name}`, () => {
    const all = union(name);
    expect(all.length).toBeGreaterThan(1);
    expect(all.filter((word) => !page.includes(`\`${word}\``))).toEqual([]);
  });
}

for (const [logAddresses, shown] of [
  ["plain", "bob@remote.test"],
  ["masked", "b***@remote.test"],
] as const) {
  test(`the line of the circuit has ${shown} where LOG_ADDRESSES is ${logAddresses}`, async () => {
    const refusal = delayed("try-later", "host", "421 4.7.0 <bob@remote.test> come back later");
    const courier: Courier = { send: async (_, { recipients }) => new Map(recipients.map((recipient) => [recipient.key, refusal])) };
    const world = new World({ courier, logAddresses });
    world.put();
    world.fleet.start();
    await world.pass(1);
    const [line] = world.lines.filter(({ event }) => event === "circuit");
    expect(line?.["detail"]).toBe(`try-later: 421 4.7.0 <${shown}> come back later`);
    await world.end();
  });
}

test("the line of a circuit that closes says how long it was open", async () => {
  const refusal = delayed("unreachable", "host", "connect ECONNREFUSED");
  const courier: Courier = { send: async (_, { recipients }) => new Map(recipients.map((recipient) => [recipient.key, refusal])) };
  const world = new World({ courier, probe: async () => null });
  world.put();
  world.fleet.start();
  await world.pass(7);
  const lines = world.lines.filter(({ event }) => event === "circuit").slice(0, 2);
  expect(lines.map(({ state, openSeconds }) => [state, openSeconds])).toEqual([
    ["open", undefined],
    ["closed", 5],
  ]);
  await world.end();
});
