// What the buckets of the last mails say about more mail of the queue.

import { expect, test } from "bun:test";
import { RecentBuckets } from "../../apps/worker/recent-buckets.ts";
import { MemoryMailStore } from "../fakes/memory-mail-store.ts";

/** Buckets that are away or may try, after mails in these buckets. */
async function after(opened: readonly string[], away: readonly string[], trying: readonly string[] = []) {
  const buckets = new RecentBuckets({ stopsBucket: (name) => away.includes(name), triesBucket: (name) => trying.includes(name) });
  const store = buckets.watch(new MemoryMailStore());
  for (const bucket of opened) expect(await store.open({ kind: "object", bucket, key: "k" })).toBe("missing");
  return [buckets.areAway, buckets.needTrial];
}

const rows: readonly (readonly [what: string, opened: readonly string[], away: readonly string[], areAway: boolean])[] = [
  ["before the first mail", [], ["a"], false],
  ["while the only bucket is away", ["a", "a"], ["a"], true],
  ["while one of two is away", ["a", "b"], ["a"], false],
  ["while both are away", ["a", "b"], ["a", "b"], true],
  ["while one is away, and the other had mail 20 mails ago", ["b", ...Array(19).fill("a")], ["a"], false],
  ["while one is away, and the other had mail 21 mails ago", ["b", ...Array(20).fill("a")], ["a"], true],
];
for (const [what, opened, away, areAway] of rows) {
  test(`RecentBuckets ${areAway ? "stop" : "let"} the queue ${what}`, async () => {
    expect(await after(opened, away)).toEqual([areAway, false]);
  });
}

test("RecentBuckets ask for a trial while one of them may try", async () => {
  expect([await after(["a", "b"], [], ["b"]), await after(["a"], [], ["b"])]).toEqual([
    [false, true],
    [false, false],
  ]);
});
