// The leases of DynamoLedger under every fate: two or three workers at one mail, whose requests interleave in any order,
// whose requests and answers are lost, who hang past their lease, die, and come back under another name.

import { expect, test } from "bun:test";
import { type AttributeValue, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoLedger } from "@sesame/aws-adapters";
import type { EffectKey, Final, Lease } from "@sesame/core";
import { ConfiguredRetryStrategy } from "@smithy/core/retry";
import fc from "fast-check";
import type { TableCalls } from "../../packages/aws-adapters/hot-calls.ts";
import { delivered, mailId } from "../contracts/samples.ts";
import { ConditionalTable, type Fate, type Item, type Write } from "./conditional-table.ts";
import { ManualAwsClock } from "./dynalite.ts";
import { tablesBy, type Way, ways } from "./ways.ts";

const mail = mailId("example-com-emails/contended");
const leaseSeconds = 60;

type Deed = "claim" | "extend" | "hold" | "release" | "close" | "die";
type Move = Readonly<{ worker: number; deed: Deed }>;
/** Workers that move at once, after some seconds. */
type Round = Readonly<{ afterSeconds: number; moves: readonly Move[] }>;

type Worker = { name: string; ledger: DynamoLedger; lease: Lease | null; until: number; era: number; tookOver: boolean; crashes: number };

/** One mail, its row, and what must be true of them whatever happens. */
class World {
  readonly clock = new ManualAwsClock();
  readonly workers: Worker[];
  /** Finals that a write brought into the row, and those of a record that was answered. */
  readonly written = new Set<string>();
  /** Finals in further rows, which only grow. */
  readonly #further = new Set<string>();
  /** Grows whenever another worker than before gets the row. */
  #era = 0;
  #holder: string | null = null;
  #names = 0;
  #keys = 0;
  /** Which era a final's lease is of. */
  readonly #eraOf = new Map<string, number>();
  /** Workers who could not give a claim back whose answer was lost. */
  readonly #kept = new Set<string>();
  /** The first thing that was not true within a request: what is thrown there ends in the SDK. */
  #broken: unknown = null;
  readonly #table: ConditionalTable;
  readonly #rowLimit: number;
  readonly #client: DynamoDBClient;
  readonly #hot: TableCalls;

  /** `rowLimit`: octets of a row, so that finals go on in further rows or not. */
  constructor(way: Way, workers: number, rowLimit: number, serve: (request: Write) => Promise<Fate>) {
    this.#rowLimit = rowLimit;
    this.#table = new ConditionalTable({
      serve: async (request) => {
        const fate = await serve(request);
        if (isGivingBack(request) && fate !== "answered") this.#kept.add(request.ExpressionAttributeValues[":me"]?.S ?? "");
        return fate;
      },
      wrote: (...write) => this.#watch(() => this.#wrote(...write)),
    });
    this.#client = new DynamoDBClient({
      region: "eu-central-1",
      endpoint: "http://dynamo.test",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      retryStrategy: new ConfiguredRetryStrategy(3, () => 0),
      requestHandler: this.#table.requestHandler,
    });
    this.#hot = tablesBy(way, this.#client, this.clock, [["email-worker-ledger"]], this.#table.exchange);
    this.workers = Array.from({ length: workers }, () => this.#hire());
  }

  /** Number of requests that the lane made. */
  get laned(): number {
    return this.#table.exchanged;
  }

  get row(): Item {
    return this.#table.item(mail) ?? {};
  }

  async move({ worker: index, deed }: Move): Promise<void> {
    const worker = this.workers[index];
    if (worker === undefined) return;
    if (deed === "die") this.workers[index] = this.#hire();
    else if (deed === "claim") await this.#claim(worker);
    else if (worker.lease !== null && deed === "extend") await this.#extend(worker, worker.lease);
    else if (worker.lease !== null && deed !== "extend") await this.#record(worker, worker.lease, deed);
    this.#check();
  }

  #watch(judge: () => void): void {
    try {
      judge();
    } catch (error) {
      this.#broken ??= error;
    }
  }

  #hire(): Worker {
    const name = `worker-${this.#names++}`;
    const ledger = new DynamoLedger({ client: this.#client, clock: this.clock, hot: this.#hot, owner: name, rowLimit: this.#rowLimit });
    return { name, ledger, lease: null, until: 0, era: 0, tookOver: false, crashes: 0 };
  }

  /** As the worker does: never while it works on the mail already. */
  async #claim(worker: Worker): Promise<void> {
    if (worker.lease !== null) return;
    this.#kept.delete(worker.name);
    const claim = await worker.ledger.claim(mail, leaseSeconds, []).catch(() => null);
    if (claim === null) return this.#checkGivenBack(worker);
    if (this.row["closed"]?.BOOL) expect(claim.kind).not.toBe("busy");
    if (claim.kind === "busy") return;
    const finals = claim.kind === "held" ? claim.lease.finals : claim.finals;
    if (claim.kind === "closed") expect(this.row["closed"]).toEqual({ BOOL: true });
    expect([...finals.keys()].filter((key) => !this.written.has(key))).toEqual([]);
    if (claim.kind === "closed") return;
    if (worker.tookOver) expect(claim.lease.takenOver).toBe(true); // whether the answer to that was heard or not
    if (claim.lease.takenOver) expect(claim.lease.crashes).toBeGreaterThan(worker.crashes);
    worker.crashes = claim.lease.crashes;
    worker.tookOver = false;
    Object.assign(worker, { lease: claim.lease, until: claim.lease.until, era: this.#era });
    for (const key of this.written) expect(claim.lease.finals.has(key as EffectKey)).toBe(true);
  }

  /** Else the next holder would take it for a death. */
  #checkGivenBack({ name, tookOver }: Worker): void {
    if (this.row["owner"]?.S === name && !tookOver) expect([...this.#kept]).toContain(name);
  }

  async #extend(worker: Worker, lease: Lease): Promise<void> {
    const until = this.clock.now() + leaseSeconds * 1000;
    const outcome = await worker.ledger.extend(lease, leaseSeconds).catch(() => null);
    if (outcome === "kept") worker.until = until;
    if (outcome === "lost") worker.lease = null;
  }

  async #record(worker: Worker, lease: Lease, then: "hold" | "release" | "close"): Promise<void> {
    const key = `deliver ${this.#keys++}@example.com`;
    this.#eraOf.set(key, worker.era);
    const finals = new Map<EffectKey, Final>([[key as EffectKey, delivered]]);
    if (then !== "hold") worker.lease = null; // whatever comes of it, it works no more
    const outcome = await worker.ledger.record(lease, finals, then).catch(() => null);
    if (outcome === "recorded" || outcome === "closed") expect(this.written.has(key)).toBe(true);
    if (outcome === "fenced") worker.lease = null;
  }

  /** A late writer may still reach a further row until its next holder takes it over, and reads what was written. */
  #wroteFurther(after: Item, values: Item): void {
    for (const added of values[":added"]?.L ?? []) this.written.add(keyIn(added));
    for (const final of after["done"]?.L ?? []) this.#further.add(keyIn(final));
  }

  #wrote(before: Item | undefined, after: Item = {}, { Key, ExpressionAttributeValues: values }: Write, isLate: boolean): void {
    if (Key["id"]?.S !== mail) {
      this.#wroteFurther(after, values);
      return;
    }
    const [was, is] = [before?.["owner"]?.S ?? null, after["owner"]?.S ?? null];
    if (isLate && is !== null) this.#kept.add(is); // it may arrive after it was given back
    const crash = Number(after["crashes"]?.N ?? 0) - Number(before?.["crashes"]?.N ?? 0);
    expect(crash).toBe(was !== null && is !== null && was !== is ? 1 : 0);
    if (crash === 1) {
      expect(Number(before?.["until"]?.N)).toBeLessThanOrEqual(this.clock.now());
    }
    // What nobody heard of must not be given back, or the next holder would not hear of it either.
    if (is === null) expect(this.workers.find(({ name }) => name === was)?.tookOver ?? false).toBe(false);
    for (const worker of this.workers) worker.tookOver = worker.name === is && (worker.tookOver || crash === 1);
    if (is !== null && is !== this.#holder) {
      this.#holder = is;
      this.#era++;
    }
    expect(before?.["closed"]).toBeUndefined();
    for (const added of values[":added"]?.L ?? []) {
      const key = keyIn(added);
      expect(this.#eraOf.get(key)).toBe(this.#era); // else somebody else had the mail meanwhile
      this.written.add(key);
    }
    const kept = new Set([...(after["done"]?.L?.map(keyIn) ?? []), ...this.#further]);
    expect([...this.written].filter((key) => !kept.has(key))).toEqual([]);
  }

  #check(): void {
    const broken = this.#broken ?? this.#table.broken;
    if (broken !== null) throw broken;
    const inForce = this.workers.filter(({ lease, until }) => lease !== null && until > this.clock.now());
    expect(inForce.length).toBeLessThanOrEqual(1);
  }
}

function isGivingBack({ ConditionExpression, UpdateExpression }: Write): boolean {
  return UpdateExpression === "REMOVE #owner" && ConditionExpression?.includes("#nonce") === true;
}

/** The effect's key of a final in the row. */
function keyIn({ S: final = "[]" }: AttributeValue): string {
  const [key = ""] = JSON.parse(final) as readonly string[];
  return key.replace(/^d /, "deliver ");
}

const fates: fc.Arbitrary<readonly Fate[]> = fc.array(
  fc.oneof(
    { weight: 7, arbitrary: fc.constant<Fate>("answered") },
    { weight: 5, arbitrary: fc.constantFrom<Fate>("request lost", "answer lost", "throttled", "late") },
  ),
  { minLength: 20, maxLength: 80 },
);
const move = (worker: number): fc.Arbitrary<Move> =>
  fc.record({
    worker: fc.constant(worker),
    deed: fc.oneof(
      { weight: 9, arbitrary: fc.constant<Deed>("claim") },
      { weight: 5, arbitrary: fc.constantFrom<Deed>("extend", "hold", "release", "die") },
      { weight: 1, arbitrary: fc.constant<Deed>("close") },
    ),
  });
const round: fc.Arbitrary<Round> = fc.record({
  afterSeconds: fc.constantFrom(0, 0, 59, 60, 61, 61),
  moves: fc.tuple(fc.option(move(0)), fc.option(move(1)), fc.option(move(2))).map((all) => all.filter((each) => each !== null)),
});

/** Plays rounds; each request is served when the scheduler says so. */
async function play(
  way: Way,
  scheduler: fc.Scheduler,
  rounds: readonly Round[],
  rowLimit: number,
  fateOf: (n: number) => Fate,
): Promise<World> {
  let served = 0;
  const world = new World(way, 3, rowLimit, async ({ UpdateExpression }) => {
    await scheduler.schedule(Promise.resolve());
    const fate = fateOf(served++);
    // A takeover that arrives after its worker claimed again, half a minute later at least, would not be told of.
    return fate === "late" && UpdateExpression?.includes("ADD #crashes") ? "request lost" : fate;
  });
  for (const { afterSeconds, moves } of rounds) {
    world.clock.advance(afterSeconds);
    await scheduler.waitFor(Promise.all(moves.map((each) => world.move(each))));
  }
  return world;
}

test.each(ways)(
  "X19 X23 DynamoLedger by the %s keeps its word in every interleaving, whatever answers are lost, with one row and with many",
  async (way) => {
    let laned = 0;
    const property = fc.asyncProperty(
      fc.scheduler(),
      fc.array(round, { minLength: 2, maxLength: 20 }),
      fc.constantFrom(100_000, 400, 1),
      fates,
      async (scheduler, rounds, rowLimit, fate) => {
        laned += (await play(way, scheduler, rounds, rowLimit, (n) => fate[n] ?? "answered")).laned;
      },
    );
    await fc.assert(property, { numRuns: Number(process.env["RUNS"] ?? 200), seed: Number(process.env["SEED"] ?? 20260101) });
    expect(laned > 500).toBe(way === "lane");
  },
  600_000,
);
