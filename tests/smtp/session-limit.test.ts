// Session limit: how many sessions a server gets, step by step, and as a property of any server and any course of events.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { LoadSign } from "../../packages/smtp/load-sign.ts";
import { SessionLimit } from "../../packages/smtp/session-limit.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";

const doubtful: LoadSign = { kind: "doubtful" };

/** A limit and its clock. All sessions that it allows are open and in use, and mails wait. */
class Bench {
  readonly timers = new FakeTimers();
  readonly limit: SessionLimit;

  constructor(poolSize = 32, minPoolSize = 4) {
    this.limit = new SessionLimit({ poolSize, minPoolSize }, this.timers);
  }

  /** So many answers in a row, each after some milliseconds. Returns the limit. */
  good(answers: number, answerMs = 8, everyMs = 0): number {
    for (let i = 0; i < answers; i++) {
      this.timers.advance(everyMs);
      this.limit.take({ kind: "good", answerMs }, this.limit.current, true);
    }
    return this.limit.current;
  }

  take(sign: LoadSign): number {
    this.limit.take(sign, this.limit.current, true);
    return this.limit.current;
  }

  refused(): number {
    this.limit.refused(this.limit.current);
    return this.limit.current;
  }

  /** Answers without trouble for some seconds, ten in each. */
  seconds(seconds: number): number {
    return this.good(10 * seconds, 8, 100);
  }
}

describe("SessionLimit", () => {
  test("current begins with 4, and grows by half for each answer in full use until the size is reached", () => {
    const bench = new Bench();
    expect([bench.limit.current, ...[1, 2, 3, 4, 5, 6, 7].map(() => bench.good(1))]).toEqual([4, 6, 9, 13, 19, 28, 32, 32]);
  });

  test("current stays while some session is free, however many mails are taken", () => {
    const bench = new Bench();
    for (let i = 0; i < 100; i++) bench.limit.take({ kind: "good", answerMs: 8 }, 4, false);
    expect(bench.limit.current).toBe(4);
  });

  for (const [size, least] of [
    [1, 1],
    [3, 3],
    [4, 4],
    [5, 4],
  ] as const) {
    test(`current stays from ${least} to ${size} with a size of ${size}`, () => {
      const bench = new Bench(size);
      expect([bench.limit.current, bench.good(50), bench.refused(), bench.seconds(3600)]).toEqual([least, size, least, size]);
    });
  }

  test("refused() halves, at most once in a second, and never below 4", () => {
    const bench = new Bench();
    bench.good(10);
    expect([bench.refused(), bench.refused(), bench.refused()]).toEqual([16, 16, 16]);
    bench.timers.advance(999);
    expect(bench.refused()).toBe(16);
    const cuts = [1, 2, 3, 4].map(() => {
      bench.timers.advance(1_000);
      return bench.refused();
    });
    expect(cuts).toEqual([8, 4, 4, 4]);
  });

  test("refused() halves the sessions that were open, not those that were allowed", () => {
    const bench = new Bench();
    bench.good(10);
    bench.limit.refused(10);
    expect(bench.limit.current).toBe(5);
  });

  test("refused() ends the quick growth: one session each second, and one in half a minute near the trouble", () => {
    const bench = new Bench();
    bench.good(10);
    bench.limit.refused(20);
    expect([bench.good(1), bench.good(500)]).toEqual([10, 10]);
    expect([1, 2, 3, 4, 5, 6, 7, 8].map(() => bench.seconds(1.1))).toEqual([11, 12, 13, 14, 15, 15, 15, 15]);
    expect([bench.seconds(15), bench.seconds(12), bench.seconds(31)]).toEqual([15, 16, 17]);
  });

  test("current skips the number that takes the last process of the server, and passes it when the server bears more", () => {
    const bench = new Bench();
    bench.good(10);
    bench.limit.refused(10);
    const seen = new Set<number>();
    for (let i = 0; i < 200; i++) seen.add(bench.seconds(1));
    expect([...seen]).toEqual([6, 7, 8, 9, 11, ...Array.from({ length: 21 }, (_, i) => 12 + i)]);
  });

  test("openedSlowly() leaves a quarter of the processes of the server to others", () => {
    const bench = new Bench();
    bench.good(10);
    bench.limit.openedSlowly(10);
    expect(bench.limit.current).toBe(7);
  });

  test("openedSlowly() says nothing while fewer than 4 sessions are open: others have taken the processes", () => {
    const bench = new Bench();
    bench.good(10);
    bench.limit.openedSlowly(3);
    expect(bench.limit.current).toBe(32);
  });

  test("slowOpeningMs is a second, or four times what is usual for this server", () => {
    const bench = new Bench();
    expect(bench.limit.slowOpeningMs).toBeNull();
    bench.limit.opened(20);
    expect(bench.limit.slowOpeningMs).toBe(1_000);
    for (let i = 0; i < 100; i++) bench.limit.opened(6_000); // postscreen
    expect(Math.round(bench.limit.slowOpeningMs ?? 0)).toBe(24_000);
  });

  test("take() cuts when answers are slow for more than a second, and not for a stall", () => {
    const bench = new Bench();
    bench.good(10);
    expect(bench.good(32, 900)).toBe(32); // all that were under way in a stall
    expect(bench.good(10)).toBe(32);
    expect(bench.good(20, 900, 100)).toBe(16);
  });

  test("take() does not grow while answers are slow", () => {
    const bench = new Bench();
    bench.good(1, 8);
    for (let i = 0; i < 5; i++) bench.limit.take({ kind: "good", answerMs: 900 }, 4, false);
    const before = bench.limit.current;
    bench.good(3, 900);
    bench.limit.waited();
    expect(bench.limit.current).toBe(before);
  });

  test("take() cuts for a second doubtful answer without a good one between", () => {
    const bench = new Bench();
    bench.good(10);
    for (let i = 0; i < 50; i++) {
      expect(bench.take(doubtful)).toBe(32);
      bench.good(1);
    }
    expect([bench.take(doubtful), bench.take(doubtful)]).toEqual([32, 16]);
  });

  test("take() keeps the sessions for what says nothing", () => {
    const bench = new Bench();
    bench.good(10);
    for (let i = 0; i < 100; i++) bench.take({ kind: "none" });
    expect(bench.limit.current).toBe(32);
  });

  test("waited() grows too: mails that take long must not keep all others waiting", () => {
    const bench = new Bench();
    const seen = [1, 2, 3].map(() => {
      bench.timers.advance(1_000);
      bench.limit.waited();
      return bench.limit.current;
    });
    expect(seen).toEqual([6, 9, 13]);
  });

  test("unreachable() begins anew, up to what the server had borne before", () => {
    const bench = new Bench();
    bench.good(10);
    bench.limit.refused(20);
    bench.limit.unreachable();
    expect(bench.limit.current).toBe(4);
    expect(bench.good(20)).toBe(15);
  });
});

type Event = Readonly<{ what: string; ms: number; open: number; full: boolean }>;

const event: fc.Arbitrary<Event> = fc.record({
  what: fc.constantFrom("good", "good", "good", "refused", "doubtful", "none", "opened", "slowly", "waited", "unreachable"),
  ms: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 100_000 })),
  open: fc.integer({ min: 0, max: 200 }),
  full: fc.boolean(),
});

function act(limit: SessionLimit, { what, ms, open, full }: Event): void {
  if (what === "opened") limit.opened(ms);
  else if (what === "refused") limit.refused(open);
  else if (what === "slowly") limit.openedSlowly(open);
  else if (what === "waited") limit.waited();
  else if (what === "unreachable") limit.unreachable();
  else if (what === "good") limit.take({ kind: "good", answerMs: ms }, open, full);
  else limit.take({ kind: what as "none" | "doubtful" }, open, full);
}

/** A server with so many processes, whose answers take longer when there are more sessions than it can work for at once. */
type Server = Readonly<{ processes: number; answerMs: number; workers: number }>;

/** Keeps a server busy for some seconds. Returns the limit at each of the last `seen` seconds. */
function busy(bench: Bench, server: Server, seconds: number, seen: number): number[] {
  const limits: number[] = [];
  const stepMs = 100;
  let stuckMs = 0;
  for (let at = 0; at < seconds * 1000; at += stepMs) {
    bench.timers.advance(stepMs);
    const { limit } = bench;
    const open = Math.min(limit.current, server.processes);
    const answerMs = server.answerMs * Math.max(1, open / server.workers);
    for (let i = 0; i < Math.ceil((open * stepMs) / answerMs) && i < 20; i++)
      limit.take({ kind: "good", answerMs }, open, open >= limit.current);
    stuckMs = server.processes < limit.current ? stuckMs + stepMs : 0;
    if (stuckMs >= (limit.slowOpeningMs ?? 1_000)) limit.openedSlowly(open);
    if (at % 1000 === 0 && at >= (seconds - seen) * 1000) limits.push(limit.current);
  }
  return limits;
}

const size = fc.integer({ min: 1, max: 100 });

describe("SessionLimit, whatever happens", () => {
  test("current is always from 4 (or a smaller size) to the size", () => {
    fc.assert(
      fc.property(size, fc.array(event, { maxLength: 300 }), (poolSize, events) => {
        const bench = new Bench(poolSize);
        const least = Math.min(4, poolSize);
        for (const each of events) {
          bench.timers.advance(each.ms % 2_000);
          const before = bench.limit.current;
          act(bench.limit, each);
          const now = bench.limit.current;
          if (now < least || now > poolSize) throw new Error(`${now} is not from ${least} to ${poolSize}`);
          if (now > before && (each.what === "refused" || each.what === "slowly")) throw new Error("trouble brought more sessions");
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("current settles below the processes of the server, and uses three quarters of them", () => {
    fc.assert(
      fc.property(size, fc.integer({ min: 1, max: 120 }), (poolSize, processes) => {
        const bench = new Bench(poolSize);
        const limits = busy(bench, { processes, answerMs: 8, workers: 1_000 }, 400, 380);
        const bearable = Math.min(poolSize, Math.max(4, processes));
        const settled = Math.min(poolSize, Math.max(4, Math.floor(processes * 0.75)));
        if (Math.min(...limits) < Math.min(settled, bearable)) throw new Error(`${Math.min(...limits)} of ${processes}`);
        // Once in a while it asks for one more than there are, and gives it up within a second.
        const over = limits.filter((limit) => limit > bearable).length;
        if (over > limits.length / 20) throw new Error(`above ${bearable} for ${over} s of ${limits.length}`);
      }),
      { numRuns: 100 },
    );
  });

  test("current settles where answers are not much slower than with few sessions", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 32 }), fc.integer({ min: 5, max: 3_000 }), (workers, answerMs) => {
        const bench = new Bench();
        const server = { processes: 1_000, answerMs, workers };
        const limits = busy(bench, server, 400, 300);
        const light = answerMs * Math.max(1, 4 / workers);
        const mean = limits.reduce((sum, each) => sum + each, 0) / limits.length;
        const atMean = answerMs * Math.max(1, mean / workers);
        if (atMean > Math.max(250, 4 * light) * 1.25) throw new Error(`answers after ${atMean} ms with ${mean} sessions, ${light} with 4`);
      }),
      { numRuns: 100 },
    );
  });

  test("current reaches the size again when the server bears it, after any course of events", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), (events) => {
        const bench = new Bench();
        for (const each of events) {
          bench.timers.advance(each.ms % 2_000);
          act(bench.limit, each);
        }
        busy(bench, { processes: 1_000, answerMs: 8, workers: 1_000 }, 900, 1);
        expect(bench.limit.current).toBe(32);
      }),
      { numRuns: 30 },
    );
  });
});
