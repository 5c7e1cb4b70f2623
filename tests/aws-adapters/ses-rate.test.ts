// SendRate: the bucket, and the reading of the account's rate.

import { describe, expect, test } from "bun:test";
import { SendRate, type SendRateOptions } from "../../packages/aws-adapters/ses-rate.ts";
import { ManualTimers } from "./manual-timers.ts";

const never = () => Promise.reject(new Error("It must not be read"));

function rateOf(options: Partial<SendRateOptions>): { rate: SendRate; timers: ManualTimers } {
  const timers = new ManualTimers();
  return { rate: new SendRate({ timers, readRate: never, ...options }), timers };
}

describe("take()", () => {
  test("lets a second's worth go at once, then one after another", async () => {
    const { rate, timers } = rateOf({ perSecond: 4 });
    for (let n = 0; n < 7; n++) expect(await rate.take()).toBe(true);
    expect(timers.slept).toEqual([250, 250, 250]);
  });

  test("saves up no more than a second's worth", async () => {
    const { rate, timers } = rateOf({ perSecond: 2 });
    await rate.take();
    timers.advance(60_000);
    for (let n = 0; n < 4; n++) await rate.take();
    expect(timers.slept).toEqual([500, 500]);
  });

  test("keeps a rate below one in a second", async () => {
    const { rate, timers } = rateOf({ perSecond: 0.5 });
    for (let n = 0; n < 3; n++) await rate.take();
    expect(timers.slept).toEqual([2000, 2000]);
  });

  test("lets those who wait at once go in turn", async () => {
    const waits: number[] = [];
    const { rate } = rateOf({ perSecond: 1, timers: { now: () => 0, sleep: async (ms) => void waits.push(ms) } });
    await Promise.all([rate.take(), rate.take(), rate.take(), rate.take()]);
    expect(waits).toEqual([1000, 2000, 3000]);
  });

  test("turns away who would wait too long, and takes nothing then", async () => {
    const { rate, timers } = rateOf({ perSecond: 1, longestWaitMs: 1500, timers: { now: () => timers.now(), sleep: async () => {} } });
    expect([await rate.take(), await rate.take(), await rate.take(), await rate.take()]).toEqual([true, true, false, false]);
    timers.advance(1000);
    expect(await rate.take()).toBe(true);
  });
});

describe("drain()", () => {
  test("leaves nothing saved up", async () => {
    const { rate, timers } = rateOf({ perSecond: 10 });
    await rate.take();
    rate.drain();
    await rate.take();
    expect(timers.slept).toEqual([100]);
  });
});

describe("the account's rate", () => {
  test("is read once for mails that come together, and again after an hour, when nobody waits for it", async () => {
    const answers = [1, 100];
    let asked = 0;
    let answer = () => {};
    const readRate = () => {
      asked++;
      return new Promise<number>((resolve) => {
        answer = () => resolve(answers.shift() ?? 0);
      });
    };
    const { rate, timers } = rateOf({ readRate });
    const first = [rate.take(), rate.take()];
    answer();
    expect(await Promise.all(first)).toEqual([true, true]);
    expect([asked, timers.slept]).toEqual([1, [1000]]);
    timers.advance(3_599_000);
    await rate.take(); // at the old rate, and the answer is still due
    expect(asked).toBe(2);
    answer();
    await new Promise((resolve) => setTimeout(resolve, 0));
    for (let n = 0; n < 20; n++) await rate.take();
    expect(timers.slept.slice(1).every((ms) => ms <= 10)).toBe(true);
    expect(asked).toBe(2);
  });

  test("stays when it cannot be read, and is asked for again after five minutes", async () => {
    let asked = 0;
    const readRate = () => {
      asked++;
      return asked === 1 ? Promise.reject(new Error("denied")) : Promise.resolve(2);
    };
    const { rate, timers } = rateOf({ readRate });
    for (let n = 0; n < 11; n++) await rate.take();
    expect([asked, timers.slept]).toEqual([1, [100]]);
    timers.advance(300_000);
    await rate.take();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(asked).toBe(2);
  });

  test("is not believed when it is no rate", async () => {
    const { rate, timers } = rateOf({ readRate: async () => 0 });
    for (let n = 0; n < 11; n++) await rate.take();
    expect(timers.slept).toEqual([100]);
  });
});
