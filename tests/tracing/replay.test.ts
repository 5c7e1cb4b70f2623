// `sesame replay`: what is missing by the ledger, and nothing twice.

import { describe, expect, test } from "bun:test";
import { Writable } from "node:stream";
import { type Final, mailId } from "@sesame/core";
import { type ReplayOptions, replayOn } from "../../apps/worker/commands/replay.ts";
import { TracingWorld } from "./tracing-world.ts";

const delivered: Final = { action: "delivered", detail: "250 Ok" };
const failed: Final = {
  action: "failed",
  status: "5.1.1",
  reason: "no-such-mailbox",
  scope: "recipient",
  detail: "550 5.1.1 User unknown",
};
const usual = { LEDGER: "table", LEDGER_DAYS: 35, AUDIT_MARK: "all" } as const;

class Text extends Writable {
  text = "";

  override _write(piece: Buffer, _: unknown, done: () => void): void {
    this.text += piece.toString();
    done();
  }
}

async function run(world: TracingWorld, options: ReplayOptions = {}) {
  const [out, problems] = [new Text(), new Text()];
  const code = await replayOn(world.places, usual, { rate: 1_000_000, ...options }, { out, problems });
  return { code: code.ok ? code.value : code.error, out: out.text, problems: problems.text };
}

const [alice, carol] = ["alice@example.com", "carol@example.com"];
const both = { to: `${alice}, ${carol}` };

/** One mail of each state. */
async function mixed(): Promise<TracingWorld> {
  const world = new TracingWorld();
  world.store("forgotten");
  world.store("open");
  world.store("openshared", both);
  world.store("done", {}, { mark: "delivered" });
  world.store("partly", both, { mark: "partial" });
  world.store("nobody", { forWhom: "nobody@example.com" }, { mark: "all_invalid" });
  world.store("refused", {}, { mark: "rejected" });
  world.store("long-ago", {}, { mark: "rejected" });
  await world.taken("open", { [alice]: delivered }, "release");
  await world.taken("openshared", { [alice]: delivered, [carol]: delivered, "dan@example.com": delivered }, "release");
  await world.taken("done", { [alice]: delivered });
  await world.taken("partly", { [alice]: delivered, [carol]: failed });
  await world.taken("nobody", { "nobody@example.com": failed });
  await world.taken("refused", { [alice]: failed });
  return world;
}

describe("replay", () => {
  test("is dry, and lists what no worker ended, without --requeue", async () => {
    const world = await mixed();
    const { code, out } = await run(world);
    expect([code, world.sent]).toEqual([1, []]);
    expect(out).toStartWith("Looked at 8 mails: 3 are missing for somebody\n");
    expect(out).toMatch(/example-com-emails\/forgotten +for alice@example.com\n/);
    expect(out).toMatch(/openshared +for alice@example.com, carol@example.com; doubtful: 3 wait by the ledger, and its header names 2\n/);
    expect(out).toContain("Nothing was changed.");
  });

  test("sends to those who wait, and doubtful ones only with --doubtful", async () => {
    const world = await mixed();
    expect((await run(world, { requeue: true })).code).toBe(1);
    expect(world.sentTo).toEqual({ forgotten: [alice], open: [alice] } as never);
    world.sent.length = 0;
    expect((await run(world, { requeue: true, doubtful: true, status: ["open"] })).code).toBe(0);
    expect(world.sentTo).toEqual({ open: [alice], openshared: [alice, carol] } as never);
  });

  test("tries failed deliveries anew, and for nobody who has the mail", async () => {
    const world = await mixed();
    const { code, out } = await run(world, { requeue: true, status: ["partial", "rejected", "all_invalid"] });
    expect(code).toBe(0);
    expect(world.sentTo).toEqual({ partly: [carol], nobody: ["nobody@example.com"], refused: [alice] } as never);
    expect(world.sent.every(({ afterSeconds }) => afterSeconds > 0)).toBe(true);
    expect(out).toMatch(/long-ago +the ledger does not remember it/);
    // What a worker finds when the notice comes: carol is missing, and alice has it.
    world.clock.advance(60);
    const claim = await world.ledger.claim(mailId("example-com-emails/partly"), 60, [carol as never]);
    expect(claim).toMatchObject({ kind: "closed" });
    expect(claim.kind === "closed" && [...claim.finals.values()]).toEqual([delivered]);
    world.sent.length = 0;
    expect((await run(world, { requeue: true, status: ["partial", "rejected", "all_invalid"] })).code).toBe(0);
    expect(world.sent).toEqual([]); // a second run has nothing to take back
  });

  test("looks at the keys that begin with --prefix only", async () => {
    const world = await mixed();
    await run(world, { requeue: true, prefix: "forg" });
    expect(Object.keys(world.sentTo)).toEqual(["forgotten"]);
  });

  test("sends nothing while an entry may be in a queue", async () => {
    const world = await mixed();
    Object.assign(world, { queue: { ...world.queue, dead: 1 } });
    const { out } = await run(world, { requeue: true, doubtful: true });
    expect(world.sent).toEqual([]);
    expect(out).toContain("perhaps waiting: the dead-letter queue of example-com-queue has about 1 entries");
  });

  test("refuses a status that there is not, and a time that the ledger forgot", async () => {
    const world = new TracingWorld();
    expect((await run(world, { status: ["delivered"] })).code).toStartWith(
      'Cannot replay mails of the status "delivered": must be one of forgotten, open',
    );
    expect((await run(world, { since: "60d" })).code).toStartWith("Cannot compare mails since");
  });

  test("prints JSON that a program can read", async () => {
    const { out } = await run(await mixed(), { json: true, status: ["partial"] });
    expect(JSON.parse(out)).toMatchObject({
      looked: 8,
      missing: [{ mailId: "example-com-emails/partly", status: "partial", recipients: [carol] }],
      requeued: null,
    });
  });
});
