// Contract of Outbound: rows are found by the first id that has one, and completed rather than overwritten.

import { expect } from "bun:test";
import type { Outbound, OutboundRow } from "@sesame/core";
import { type Cases, type Harness, runSuite, type SuiteOptions } from "./suite.ts";

export type OutboundHarness = Harness & Readonly<{ outbound: Outbound }>;

/** Declares the contract's tests for one implementation. */
export function outboundContract(name: string, makeHarness: () => Promise<OutboundHarness>, options: SuiteOptions = {}): void {
  runSuite(`${name} as Outbound`, makeHarness, cases, options);
}

const sent: OutboundRow = {
  MessageId: "0100-a-000000",
  original_source: "alice@example.com",
  bouncedRecipients: ["bob@remote.test"],
  kind: "forward",
  timestamp: "2026-01-01T00:00:00Z",
};
const bounced: OutboundRow = {
  MessageId: "0100-a-000000",
  original_source: "alice@example.com",
  bouncedRecipients: ["bob@remote.test"],
  bounceType: "Permanent",
  bounceSubType: "General",
};

const cases: Cases<OutboundHarness> = {
  "find() gives nothing when no id has a row": async ({ outbound }) => {
    expect((await outbound.find(["0100-a-000000", "0100-b-000000"])) ?? null).toBeNull();
    expect((await outbound.find([])) ?? null).toBeNull();
  },
  "find() gives the row of the first id that has one": async ({ outbound }) => {
    await outbound.note({ ...sent, MessageId: "second" });
    await outbound.note({ ...sent, MessageId: "third" });
    expect(await outbound.find(["first", "second", "third"])).toMatchObject({ MessageId: "second" });
    expect(await outbound.find(["third", "second"])).toMatchObject({ MessageId: "third" });
  },
  "note() writes a row with all its fields": async ({ outbound }) => {
    await outbound.note(sent);
    expect(await outbound.find([sent.MessageId])).toMatchObject(sent);
  },
  "note() changes nothing when the row is written twice": async ({ outbound }) => {
    await outbound.note(sent);
    const once = await outbound.find([sent.MessageId]);
    await outbound.note(sent);
    expect(await outbound.find([sent.MessageId])).toEqual(once);
  },
  "note() completes a row when the bounce comes after the send": async ({ outbound }) => {
    await outbound.note(sent);
    await outbound.note(bounced);
    expect(await outbound.find([sent.MessageId])).toMatchObject({ ...bounced, ...sent });
  },
  "note() completes a row when the bounce comes before the send": async ({ outbound }) => {
    await outbound.note(bounced);
    await outbound.note(sent);
    expect(await outbound.find([sent.MessageId])).toMatchObject({ ...bounced, ...sent });
  },
  "note() keeps known recipients when a later row names none": async ({ outbound }) => {
    await outbound.note(bounced);
    await outbound.note({ ...sent, bouncedRecipients: [] });
    expect(await outbound.find([sent.MessageId])).toMatchObject({ bouncedRecipients: ["bob@remote.test"] });
  },
};
