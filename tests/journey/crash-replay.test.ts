// Crash replay: whatever call of a port a worker dies at, before or after it took effect, and whatever call fails or
// delays, the entry comes back until it is acknowledged, and then nothing is lost, no reply went out twice, and of each
// copy too many the journal had said that it may come. Every single fault; pairs of faults by seeds. On fakes;
// aws-replay.test.ts has the single faults on the adapters.

import { describe, expect, test } from "bun:test";
import type { EffectKey } from "@sesame/core";
import { type FaultAct, FaultInjector, faultAt } from "../fakes/faults.ts";
import { alice, faultsAt, mail, pointsOf, Replay, type Scenario, scenarios, textOf, wrongAfter } from "./replay.ts";
import { location } from "./way.ts";

describe("handleEntry() keeps its promise", () => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    test(`with ${name}, whatever single call dies, fails or delays`, async () => {
      const points = await pointsOf(Replay, scenario);
      expect(points.length).toBeGreaterThan(6);
      for (const fault of points.flatMap(faultsAt)) {
        const { wrong } = await wrongAfter(Replay, scenario, [fault]);
        expect([textOf([fault]), wrong]).toEqual([textOf([fault]), []]);
      }
    }, 120_000);
  }

  const seeds = 400;
  test(`with any of ${seeds} pairs of faults`, async () => {
    const all = await Promise.all(
      Object.values(scenarios).map(async (scenario) => ({ scenario, points: await pointsOf(Replay, scenario) })),
    );
    for (let seed = 0; seed < seeds; seed++) {
      const { scenario, points } = all[seed % all.length] as (typeof all)[number];
      const first = pick(seed, 1, points.flatMap(faultsAt));
      // The second one strikes what the first one brings about, too.
      const after = await wrongAfter(Replay, scenario, [first]);
      const second = pick(seed, 2, after.way.faults.points.flatMap(faultsAt));
      const { wrong } = await wrongAfter(Replay, scenario, [first, second]);
      expect([seed, textOf([first, second]), wrong]).toEqual([seed, textOf([first, second]), []]);
    }
  }, 120_000);

  test("X18 and no reply is lost by a worker that dies before it claimed, also while it waits for the rate of SES", async () => {
    const scenario = scenarios["a reply and two forwards"] as Scenario;
    const points = await pointsOf(Replay, scenario);
    const before = points.slice(0, points.indexOf("Ledger.claimReply#1"));
    expect(before).toContain("Courier.turn#1");
    for (const fault of before.flatMap((point) => ["die-before", "die-after"].map((kind) => faultAt(point, { kind } as FaultAct)))) {
      const { way } = await wrongAfter(Replay, scenario, [fault]);
      expect([textOf([fault]), way.copies().get(scenario.reply as EffectKey)]).toEqual([textOf([fault]), 1]);
    }
  });

  test("and the journal tells of the copies too many that a death makes", async () => {
    const scenario = scenarios["one recipient"] as Scenario;
    const { way } = await wrongAfter(Replay, scenario, [faultAt("Courier.send#1", { kind: "die-after" })]);
    expect([...way.copies().values()]).toEqual([2]);
    expect(way.heard.filter(({ kind }) => kind === "taken-over").length).toBe(1);
  });
});

test("handleEntry() mends no trail, and erases nothing, where the rules say otherwise by now", async () => {
  const way = new Replay(mail);
  way.faults = new FaultInjector([faultAt("MailStore.mark#1", { kind: "die-before" })]);
  await expect(way.receive()).resolves.toEqual({ kind: "ack" }); // says the dead one
  way.faults.revive();
  way.directory.block(alice, ["*@remote.test"]);
  await way.untilAcknowledged();
  expect(way.store.attributesOf(location)).toEqual({});
  way.directory.block(alice, []);
  await way.receive();
  expect(way.store.attributesOf(location)).toMatchObject({ status: "delivered" });
});

/** Which one a seed picks. */
function pick<T>(seed: number, turn: number, list: readonly T[]): T {
  return list[Number(BigInt.asUintN(31, BigInt(Bun.hash(`${seed} ${turn}`)))) % list.length] as T;
}
