// Dead letters: who is asked, what becomes of the number, and what a missing right does.

import { expect, test } from "bun:test";
import type { Domain, MailQueue } from "@sesame/core";
import { DeadLetters } from "../../apps/worker/dead-letters.ts";
import { makeMetrics } from "../../apps/worker/metrics.ts";
import { membersOf } from "../../apps/worker/queue-members.ts";

function lettersOf(answers: Readonly<Record<string, (() => Promise<number | null>) | undefined>>) {
  const metrics = makeMetrics("0");
  let now = 1000;
  const queues = Object.entries(answers).map(
    ([name, deadLetterCount]) => [name as Domain, { deadLetterCount } as unknown as MailQueue] as const,
  );
  const letters = new DeadLetters({ members: membersOf(new Map(queues)), metrics, now: () => now });
  const shown = async () => (await metrics.registry.metrics()).split("\n").filter((line) => line.startsWith("sesame_dead_letters{"));
  return { letters, shown, at: (then: number) => (now = then) };
}

test("DeadLetters asks one queue after another, and tells since when each is not empty", async () => {
  let count = 3;
  const { letters, shown, at } = lettersOf({ "a.test": async () => count, "b.test": async () => 0 });
  expect(letters.gapMs).toBe(150_000);
  await letters.askNext();
  await letters.askNext();
  expect(letters.list).toEqual([{ label: "a.test", entries: 3, since: 1000 }]);
  expect(await shown()).toEqual(['sesame_dead_letters{domain="a.test"} 3', 'sesame_dead_letters{domain="b.test"} 0']);
  at(2000);
  count = 5;
  await letters.askNext();
  expect(letters.list).toEqual([{ label: "a.test", entries: 5, since: 1000 }]);
  count = 0;
  await letters.askNext();
  await letters.askNext();
  expect(letters.list).toEqual([]);
});

test("DeadLetters shows no number where it may not look, where there is no such queue, and where it no longer answers", async () => {
  let mayLook = true;
  const { letters, shown } = lettersOf({
    "a.test": async () => {
      if (!mayLook) throw new Error("AWS denied access");
      return 2;
    },
    "b.test": async () => null,
    "c.test": undefined,
  });
  for (let i = 0; i < 2; i++) await letters.askNext();
  expect(await shown()).toEqual(['sesame_dead_letters{domain="a.test"} 2']);
  mayLook = false;
  await letters.askNext();
  expect([await shown(), letters.list]).toEqual([[], []]);
});

test("DeadLetters asks nobody where no queue can say", async () => {
  const { letters } = lettersOf({ "a.test": undefined });
  expect(letters.gapMs).toBeNull();
  await letters.askNext();
  expect(letters.list).toEqual([]);
});
