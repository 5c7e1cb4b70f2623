// AWS matrix: fourteen calls, each going wrong in fourteen ways under a real worker with the real adapters. Whatever goes
// wrong, nothing is lost, no reply is repeated, a second copy is announced, and the entry is acknowledged last.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { ways } from "../aws-adapters/ways.ts";
import { callNames } from "./aws-calls.ts";
import { bodyLine, type CellEnd, type LogLine, playCell } from "./aws-cell.ts";
import { expectedOf, numberOf, reasoned } from "./aws-expected.ts";
import { awsTable } from "./aws-table.ts";
import { variantsOf, wayNames } from "./aws-ways.ts";
import { AwsWorld } from "./aws-world.ts";
import { pageSection, writtenSection } from "./page.ts";

let world: AwsWorld;
beforeAll(async () => {
  world = await AwsWorld.start();
}, 120_000);
afterAll(() => world.stop(), 60_000);

const cells = callNames.flatMap((call) => wayNames.map((way) => ({ call, way, variants: variantsOf(call, way) })));

for (const [index, { call, way, variants }] of cells.entries()) {
  for (const [at, variant] of variants.entries()) {
    const expected = expectedOf(call, way, variant);
    const number = numberOf(call, way);
    const title = `${number === null ? "" : `${number} `}Fleet ends with ${inWords(expected.copies)} when ${call} meets ${way}${variant.name && `, ${variant.name}`}`;
    test.concurrent.each(ways)(
      `${title}, by the %s`,
      async (way) => {
        const end = await playCell(world, way, `cell-${way.toLowerCase().replace(/[^a-z]+/g, "-")}-${index}-${at}`, call, variant);
        expectInvariants(end, call === "DeleteObject");
        const { first, copies, trail, outbound } = end;
        expect({ first, copies: Object.values(copies), trail, outbound }).toEqual({
          first: expected.first,
          copies: [...expected.copies],
          trail: expected.trail,
          outbound: expected.outbound,
        });
        if (expected.attempts !== null) expect(end.attempts).toBe(expected.attempts);
        if (expected.event !== null) expect(eventsOf(end.lines)).toContain(expected.event);
        if (expected.counter !== null) expect([...end.counters.keys()]).toContain(expected.counter);
        if (call === "GetQueueAttributes") expect(end.sizeKnown).toEqual([false, true]);
        if (call === "DeleteMessageBatch") expect(end.counters.get("sesame_redelivered_done_total") ?? 0).toBe(end.attempts - 1);
      },
      120_000,
    );
  }
}

test("the matrix has 196 cells, and each of them is played", () => {
  expect(cells.length).toBe(14 * 14);
  expect(new Set(cells.map(({ call, way }) => `${call} ${way}`)).size).toBe(196);
  expect(cells.filter(({ variants }) => variants.length === 0)).toEqual([]);
  for (const { call, way, what } of reasoned) expect(variantsOf(call, way).map(({ name }) => name)).not.toContain(what);
});

test("docs/reliability.md shows the matrix as it is played", () => {
  expect(writtenSection("aws-matrix", awsTable())).toBe(pageSection("aws-matrix"));
});

/** What holds whatever went wrong. */
function expectInvariants(end: CellEnd, isBlocked: boolean): void {
  const { mailbox, reply, forward } = end.copies;
  const extra = Math.max(mailbox - 1, 0) + Math.max(forward - 1, 0);
  const announced = end.counters.get("sesame_possible_duplicates_total") ?? 0;
  const mails = [...end.counters].filter(([name]) => name.startsWith("sesame_mails_total")).map(([, value]) => value);
  expect({ left: end.left, isClosed: end.isClosed, ackedEarly: end.ackedEarly, isWhole: end.isWhole }).toEqual({
    left: { queue: 0, deadLetters: 0 },
    isClosed: true,
    ackedEarly: 0,
    isWhole: true,
  });
  if (!isBlocked) expect(mailbox).toBeGreaterThanOrEqual(1);
  expect(reply).toBeLessThanOrEqual(1);
  expect(extra).toBeLessThanOrEqual(announced);
  expect(end.lines.filter(isClosing).length).toBe(1);
  expect(mails).toEqual([1]);
  const log = JSON.stringify(end.lines);
  for (const secret of [bodyLine, "I am away"]) expect(log).not.toContain(secret);
}

function isClosing({ event, settlement }: LogLine): boolean {
  return event === "mail" && (settlement as { kind?: string } | undefined)?.kind === "close";
}

function eventsOf(lines: readonly LogLine[]): readonly string[] {
  return lines.map(({ event, port, operation }) => (port === undefined ? String(event) : `${event} ${port}.${operation}`));
}

function inWords([mailbox, reply, forward]: readonly [number, number, number]): string {
  return `${mailbox} in the mailbox, ${reply} reply, ${forward} forward`;
}
