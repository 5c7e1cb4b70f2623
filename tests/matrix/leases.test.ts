// Leases: what the real ledger does where workers disagree about the time, where a lease has no time left, and where
// DynamoDB did what it was asked and its answer was lost.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { AwsClock, DynamoLedger, type LocalTime } from "@sesame/aws-adapters";
import type { Claim, Lease, Ledger, MailId } from "@sesame/core";
import { type Dynalite, dynamoClient, ManualAwsClock, startDynalite } from "../aws-adapters/dynalite.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { MemoryLedger, memoryLedgerTables } from "../fakes/memory-ledger.ts";
import { type AwsProxy, startAwsProxy } from "../system/aws-proxy.ts";

let dynalite: Dynalite;
let proxy: AwsProxy;
beforeAll(async () => {
  dynalite = await startDynalite();
  proxy = await startAwsProxy(dynalite.endpoint);
}, 120_000);
afterAll(async () => {
  await proxy.close();
  await dynalite.close();
}, 120_000);

let mails = 0;
const nextMail = () => `example-com-emails/lease-${++mails}` as MailId;
const minutes = 60_000;

function leaseOf(claim: Claim): Lease {
  if (claim.kind !== "held") throw new Error(`the claim is ${claim.kind}`);
  return claim.lease;
}

/** Time of a machine whose clock is wrong by so many milliseconds. */
function wrongBy(ms: number): LocalTime {
  return { wall: () => Date.now() + ms, monotonic: () => performance.now() };
}

async function dynamoLedger(
  owner: string,
  wrongMs: number,
): Promise<Readonly<{ ledger: DynamoLedger; clock: AwsClock; close: () => void }>> {
  const clock = new AwsClock(wrongBy(wrongMs));
  const client = clock.observe(dynamoClient(dynalite.endpoint));
  const ledger = new DynamoLedger({ client, clock, owner });
  await ledger.probe(); // as a worker does at its start: from the answer on it knows AWS's time
  return { ledger, clock, close: () => client.destroy() };
}

test("F87 two DynamoLedgers agree on a lease when their machines' clocks are ten minutes apart", async () => {
  const [ahead, behind] = await Promise.all([dynamoLedger("ahead", 5 * minutes), dynamoLedger("behind", -5 * minutes)]);
  expect(Math.abs(ahead.clock.now() - behind.clock.now())).toBeLessThan(60_000);
  for (const [one, other] of [
    [ahead, behind],
    [behind, ahead],
  ] as const) {
    const mail = nextMail();
    const lease = leaseOf(await one.ledger.claim(mail, 120, []));
    expect(Math.abs(lease.until - (Date.now() + 120_000))).toBeLessThan(60_000);
    expect(await other.ledger.claim(mail, 120, [])).toEqual({ kind: "busy", until: lease.until });
    expect(await one.ledger.extend(lease, 120)).toBe("kept");
    expect(await one.ledger.record(lease, new Map(), "close")).toBe("closed");
    expect((await other.ledger.claim(mail, 120, [])).kind).toBe("closed");
  }
  for (const { close } of [ahead, behind]) close();
});

test("F87 ledgers of two clocks take nothing over early, and at once when the lease is over", async () => {
  const real = new FakeClock("2026-01-05T12:00:00Z");
  const tables = memoryLedgerTables();
  const ledgerOf = (owner: string, wrongMs: number) => {
    const clock = new AwsClock({ wall: () => real.now() + wrongMs, monotonic: () => real.now() });
    clock.hear(new Date(real.now()).toUTCString(), 10);
    return new MemoryLedger({ clock, owner, tables });
  };
  const [ahead, behind] = [ledgerOf("ahead", 5 * minutes), ledgerOf("behind", -5 * minutes)];
  for (const [one, other] of [
    [ahead, behind],
    [behind, ahead],
  ] as const) {
    const mail = nextMail();
    await one.claim(mail, 120, []);
    real.advance(115);
    expect((await other.claim(mail, 120, [])).kind).toBe("busy");
    real.advance(10);
    expect(await other.claim(mail, 120, [])).toMatchObject({ kind: "held", lease: { crashes: 1, takenOver: true } });
  }
});

const ledgers: readonly (readonly [name: string, make: () => readonly [Ledger, Ledger]])[] = [
  [
    "MemoryLedger",
    () => {
      const [clock, tables] = [new FakeClock(), memoryLedgerTables()];
      return [new MemoryLedger({ clock, owner: "one", tables }), new MemoryLedger({ clock, owner: "two", tables })];
    },
  ],
  [
    "DynamoLedger",
    () => {
      const clock = new ManualAwsClock();
      const { client } = dynalite;
      return [new DynamoLedger({ client, clock, owner: "one" }), new DynamoLedger({ client, clock, owner: "two" })];
    },
  ],
];
for (const [name, make] of ledgers) {
  for (const seconds of [0, -1, -3600]) {
    test(`F45 ${name} takes a lease with ${seconds} seconds left for one that ran out, and fences off its holder`, async () => {
      const [one, two] = make();
      const mail = nextMail();
      const lease = leaseOf(await one.claim(mail, seconds, []));
      expect(await two.claim(mail, 60, [])).toMatchObject({ kind: "held", lease: { crashes: 1, takenOver: true } });
      expect(await one.extend(lease, 60)).toBe("lost");
      expect(await one.record(lease, new Map(), "close")).toBe("fenced");
    });
  }
}

/** A ledger behind the proxy, which gives up soon. */
function behindProxy(owner: string, clock: ManualAwsClock): DynamoLedger {
  return new DynamoLedger({ client: dynamoClient(proxy.endpoint), clock, owner, deadlineMs: 1500 });
}

for (const kind of ["silence", "reset"] as const) {
  test(`DynamoLedger.claim() counts no crash when its write was done and its answer was lost by ${kind}, however often`, async () => {
    const clock = new ManualAwsClock();
    const [one, two] = [behindProxy("one", clock), behindProxy("two", clock)];
    const mail = nextMail();
    proxy.fault = (name) => (name === "UpdateItem" ? { kind, done: true } : null);
    for (const ledger of [one, two, one, two]) {
      await expect(ledger.claim(mail, 60, [])).rejects.toThrow("Cannot claim");
      clock.advance(61);
    }
    proxy.fault = () => null;
    expect(await one.claim(mail, 60, [])).toMatchObject({ kind: "held", lease: { crashes: 0, takenOver: false } });
  });
}

test("DynamoLedger.claim() says that it took over when the answer to the takeover was lost", async () => {
  const clock = new ManualAwsClock();
  const [one, two] = [behindProxy("one", clock), behindProxy("two", clock)];
  const mail = nextMail();
  await one.claim(mail, 60, []); // and dies
  clock.advance(61);
  let writes = 0;
  proxy.fault = (name) => (name === "UpdateItem" && ++writes > 1 ? { kind: "silence", done: true } : null);
  await expect(two.claim(mail, 60, [])).rejects.toThrow("Cannot claim");
  proxy.fault = () => null;
  expect(await two.claim(mail, 60, [])).toMatchObject({ kind: "held", lease: { crashes: 1, takenOver: true } });
  expect(await two.claim(mail, 60, [])).toMatchObject({ kind: "held", lease: { crashes: 1, takenOver: false } });
});
