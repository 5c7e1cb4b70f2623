// `sesame reconcile`: it names what is forgotten, sends what it can know, and refuses what it cannot.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import type { Final } from "@sesame/core";
import { type ReconcileOptions, reconcileOn } from "../../apps/worker/commands/reconcile.ts";
import { rememberedSince, sinceOf } from "../../apps/worker/tracing/since.ts";
import { TracingWorld } from "./tracing-world.ts";

const delivered: Final = { action: "delivered", detail: "250 Ok" };
const usual = { LEDGER: "table", LEDGER_DAYS: 35, AUDIT_MARK: "all" } as const;

class Text extends Writable {
  text = "";

  override _write(piece: Buffer, _: unknown, done: () => void): void {
    this.text += piece.toString();
    done();
  }
}

async function run(world: TracingWorld, options: Partial<ReconcileOptions> = {}, config: Parameters<typeof reconcileOn>[1] = usual) {
  const out = new Text();
  const code = await reconcileOn(world.places, config, { since: "2026-11-20", rate: 1_000_000, ...options }, { out, problems: new Text() });
  return { code: code.ok ? code.value : code.error, out: out.text };
}

/** One mail of each kind. */
async function mixed(): Promise<TracingWorld> {
  const world = new TracingWorld();
  for (const name of ["done", "held", "open", "forgotten"]) world.store(name);
  world.store("marked", {}, { mark: "delivered" });
  world.store("old", {}, { hoursAgo: 200 });
  world.store("doubtful", { to: "alice@example.com, Carol <carol@example.com>, dan@another.com, x@remote.test" });
  world.store("unnamed", { forWhom: "", to: "x@remote.test" });
  world.store("copied", { id: "another" });
  world.store("AMAZON_SES_SETUP_NOTIFICATION");
  await world.taken("done", { "alice@example.com": delivered });
  await world.taken("held", { "alice@example.com": delivered }, "hold");
  await world.taken("open", { "alice@example.com": delivered }, "release");
  return world;
}

describe("reconcile", () => {
  test("lists what is forgotten and changes nothing without --requeue", async () => {
    const world = await mixed();
    const { code, out } = await run(world);
    expect([code, world.sent]).toEqual([1, []]);
    expect(out).toStartWith("Looked at 8 mails since 2026-11-20: 2 done, 2 in work, 3 forgotten\n");
    expect(out).toMatch(
      /Forgotten: no worker has taken them.*\n.*\n {2}2026-11-24 09:00:00 +\d+ B {3}example-com-emails\/forgotten {3}for alice@example.com\n/,
    );
    expect(out).toMatch(/Doubtful: .*\n.*\n.*example-com-emails\/doubtful {3}for alice@example.com, carol@example.com\n/);
    expect(out).toContain("example-com-emails/unnamed");
    expect(out).toContain("Objects that are no mail which SES stored under this key: 1.");
    expect(out).toContain("Nothing was changed. To put them into the queue: sesame reconcile --since 2026-11-20 --requeue");
    expect(out).not.toContain("/marked");
    expect(out).not.toContain("/old");
  });

  test("sends with --requeue what is certain, and with --doubtful the others", async () => {
    const world = await mixed();
    expect((await run(world, { requeue: true })).code).toBe(1); // the doubtful one is left
    expect(world.sentTo).toEqual({ forgotten: ["alice@example.com"] });
    world.sent.length = 0;
    await run(world, { requeue: true, doubtful: true });
    expect(world.sentTo).toEqual({ forgotten: ["alice@example.com"], doubtful: ["alice@example.com", "carol@example.com"] });
  });

  test("ends with 0 where nothing is left", async () => {
    const world = new TracingWorld();
    world.store("forgotten");
    expect((await run(world, { requeue: true })).code).toBe(0);
    await world.taken("forgotten", { "alice@example.com": delivered });
    expect(await run(world, { requeue: true })).toMatchObject({ code: 0, out: expect.stringContaining("1 done, 0 in work, 0 forgotten") });
    expect(world.sent).toHaveLength(1);
  });

  test("sends the notice that SES would send, with what stands in the mail and nothing else", async () => {
    const world = new TracingWorld();
    const top =
      "X-SES-Spam-Verdict: FAIL\r\nX-SES-Virus-Verdict: PASS\r\nAuthentication-Results: amazonses.com; spf=fail; dkim=pass; dmarc=fail;\r\n";
    world.store("one", { top });
    world.store("two", { from: "<>" });
    await run(world, { requeue: true });
    expect(world.notices).toMatchObject([
      {
        mailId: "example-com-emails/one",
        sesId: "one",
        messageId: "<one@remote.test>",
        receivedAt: Date.parse("2026-11-24T03:00:00Z"),
        envelope: { reversePath: "bob@remote.test", recipients: ["alice@example.com"] },
        sesVerdicts: { spam: "FAIL", virus: "PASS", spf: "FAIL", dkim: "PASS", dmarc: "FAIL", dmarcPolicy: "reject" },
      },
      { envelope: { reversePath: null }, sesVerdicts: { spam: "none", virus: "none", spf: "none", dkim: "none", dmarc: "none" } },
    ] as never);
  });

  const waits: readonly (readonly [string, (world: TracingWorld) => void, string])[] = [
    ["a mail of the last hour", (world) => void world.store("forgotten", {}, { hoursAgo: 0.5 }), "it was stored less than an hour ago"],
    [
      "a queue with entries",
      (world) => void Object.assign(world, { queue: { ...world.queue, size: { visible: 1, inFlight: 0, delayed: 0 } } }),
      "example-com-queue has about 1 entries",
    ],
    [
      "a queue with entries in flight",
      (world) => void Object.assign(world, { queue: { ...world.queue, size: { visible: 0, inFlight: 2, delayed: 0 } } }),
      "has about 2 entries",
    ],
    [
      "a queue with delayed entries",
      (world) => void Object.assign(world, { queue: { ...world.queue, size: { visible: 0, inFlight: 0, delayed: 3 } } }),
      "has about 3 entries",
    ],
    [
      "dead letters",
      (world) => void Object.assign(world, { queue: { ...world.queue, dead: 4 } }),
      "the dead-letter queue of example-com-queue has about 4 entries",
    ],
    [
      "a dead-letter queue that cannot be read",
      (world) => void Object.assign(world, { queue: { ...world.queue, dead: null } }),
      "the dead-letter queue of example-com-queue cannot be read",
    ],
    [
      "a queue that cannot be read",
      (world) => void Object.assign(world, { onQueue: () => Promise.reject(new Error("access denied")) }),
      "its queue cannot be read: access denied",
    ],
  ];
  for (const [what, prepare, why] of waits) {
    test(`calls a mail perhaps waiting, and does not send it, for ${what}`, async () => {
      const world = new TracingWorld();
      world.store("forgotten");
      prepare(world);
      const { code, out } = await run(world, { requeue: true, doubtful: true });
      expect([code, world.sent]).toEqual([0, []]);
      expect(out).toContain("0 forgotten, 1 perhaps waiting");
      expect(out).toContain(why);
    });
  }

  test("leaves out what a worker took while it looked", async () => {
    const world = new TracingWorld();
    world.store("taken");
    world.store("gone");
    world.onQueue = async () => {
      await world.taken("taken", { "alice@example.com": delivered });
      world.objects.delete("gone");
    };
    expect(await run(world, { requeue: true })).toMatchObject({ code: 0, out: expect.stringContaining("2 done, 0 in work, 0 forgotten") });
    expect(world.sent).toEqual([]);
  });

  test("refuses what it cannot know", async () => {
    const world = await mixed();
    const refusals = [
      await run(world, { requeue: true }, { ...usual, LEDGER: "memory" }),
      await run(world, { requeue: true, since: "34d" }, usual),
      await run(world, { requeue: true, since: "35d" }, usual),
      await run(world, { requeue: true, since: "tomorrow" }, usual),
      await run(new TracingWorld(), { since: "2026-11-25" }),
    ];
    expect(refusals.map(({ code }) => (typeof code === "string" ? code.slice(0, 31) : code))).toEqual([
      "Cannot compare with the ledger:",
      1,
      "Cannot compare mails since 2026",
      "Cannot read --since: must be a ",
      "Cannot read --since: must not b",
    ]);
    const empty = new TracingWorld();
    empty.store("forgotten");
    expect((await run(empty, { requeue: true }, { ...usual, AUDIT_MARK: "exceptions" })).code).toStartWith(
      "Cannot compare: with AUDIT_MARK=exceptions",
    );
    expect(empty.sent).toEqual([]);
    await empty.taken("forgotten", { "alice@example.com": delivered });
    expect((await run(empty, {}, { ...usual, AUDIT_MARK: "exceptions" })).code).toBe(0);
  });

  test("writes the gauge of what is left", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sesame-gauge-"));
    try {
      const metrics = join(folder, "sesame.prom");
      const world = await mixed();
      await run(world, { metrics });
      expect(readFileSync(metrics, "utf8")).toContain(
        'sesame_orphaned_mails{domain="example.com"} 3\nsesame_orphaned_mails{domain="another.com"} 0\n',
      );
      await run(world, { metrics, requeue: true });
      expect(readFileSync(metrics, "utf8")).toContain('sesame_orphaned_mails{domain="example.com"} 2\n');
      expect(readFileSync(metrics, "utf8")).toContain(`sesame_reconciled_timestamp_seconds ${world.clock.now() / 1000}\n`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("prints JSON that a program can read", async () => {
    const { out } = await run(await mixed(), { json: true });
    expect(JSON.parse(out)).toMatchObject({
      looked: 8,
      done: 2,
      forgotten: [
        { mailId: "example-com-emails/doubtful", doubtful: true, recipients: ["alice@example.com", "carol@example.com"] },
        { mailId: "example-com-emails/forgotten", doubtful: false, recipients: ["alice@example.com"] },
      ],
      requeued: null,
    });
  });
});

const now = Date.parse("2026-11-24T12:00:00Z");
const times: readonly (readonly [string, string | null])[] = [
  ["2026-11-20", "2026-11-20T00:00:00Z"],
  ["2026-11-20T10:00+01:00", "2026-11-20T09:00:00Z"],
  ["36h", "2026-11-23T00:00:00Z"],
  ["3d", "2026-11-21T12:00:00Z"],
  ["90m", "2026-11-24T10:30:00Z"],
  ["2026-11-20T10:00", null], // in which zone?
  ["2026-13-40", null],
  ["3w", null],
  ["", null],
];
for (const [text, expected] of times) {
  test(`sinceOf() reads ${JSON.stringify(text)}`, () => {
    const since = sinceOf(text, now);
    expect(since.ok ? since.value : null).toBe((expected === null ? null : Date.parse(expected)) as never);
  });
}

test("rememberedSince() allows LEDGER_DAYS less one", () => {
  const of = (days: number) => rememberedSince((now - days * 86_400_000) as never, now, { LEDGER: "table", LEDGER_DAYS: 10 }).ok;
  expect([of(0), of(9), of(9.01), of(10)]).toEqual([true, true, false, false]);
});
