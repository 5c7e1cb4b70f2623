// The local ledger beyond the contract: restarts and expiry.

import { describe, expect, test } from "bun:test";
import { openDatabase } from "../../apps/worker/local/database.ts";
import { SqliteLedger } from "../../apps/worker/local/sqlite-ledger.ts";
import { delivered, deliverKey, mailId } from "../contracts/samples.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { inDataFolder } from "./data-folder.ts";

const mail = mailId("example-com-emails/a");

async function withFolder(run: (open: () => SqliteLedger, clock: FakeClock) => Promise<void>): Promise<void> {
  await inDataFolder(async (folder) => {
    const clock = new FakeClock();
    let database = openDatabase(folder);
    let lives = 0;
    const open = () => {
      database.close();
      database = openDatabase(folder);
      return new SqliteLedger({ database, owner: `life-${++lives}`, clock });
    };
    await run(open, clock);
    database.close();
  });
}

describe("SqliteLedger", () => {
  test("releaseAll() lets the next claim count a crash when a lease was open", () =>
    withFolder(async (open) => {
      const before = open();
      const claim = await before.claim(mail, 120, []);
      if (claim.kind === "held") await before.record(claim.lease, new Map([[deliverKey("a@example.com"), delivered]]), "hold");
      const after = open();
      after.releaseAll();
      const again = await after.claim(mail, 120, []);
      expect(again).toMatchObject({ kind: "held", lease: { crashes: 1, takenOver: true } });
      expect(again.kind === "held" && again.lease.finals.size).toBe(1);
    }));

  test("releaseAll() counts nothing when leases were released or closed", () =>
    withFolder(async (open) => {
      const before = open();
      for (const [id, then] of [
        ["released", "release"],
        ["closed", "close"],
      ] as const) {
        const claim = await before.claim(mailId(id), 120, []);
        if (claim.kind === "held") await before.record(claim.lease, new Map(), then);
      }
      const after = open();
      after.releaseAll();
      expect(await after.claim(mailId("released"), 120, [])).toMatchObject({ kind: "held", lease: { crashes: 0, takenOver: false } });
      expect(await after.claim(mailId("closed"), 120, [])).toMatchObject({ kind: "closed" });
    }));

  test("loopKey() is the same after a restart", () =>
    withFolder(async (open) => {
      const key = await open().loopKey();
      expect(Buffer.compare(await open().loopKey(), key)).toBe(0);
    }));

  test("forget() drops mails whose days are over, with their finals, and no others", () =>
    withFolder(async (open, clock) => {
      const ledger = open();
      const claim = await ledger.claim(mail, 120, []);
      if (claim.kind === "held") await ledger.record(claim.lease, new Map([[deliverKey("a@example.com"), delivered]]), "close");
      clock.advance(34 * 86_400);
      ledger.forget();
      expect(await ledger.claim(mail, 120, [])).toMatchObject({ kind: "closed" });
      clock.advance(2 * 86_400);
      ledger.forget();
      const again = await ledger.claim(mail, 120, []);
      expect(again.kind === "held" && again.lease.finals.size).toBe(0);
    }));
});
