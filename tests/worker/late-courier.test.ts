// A courier whose code is loaded with its first mail.

import { expect, test } from "bun:test";
import { LateCourier, type Loaded } from "../../apps/worker/late-courier.ts";

const transaction = {} as Parameters<Loaded["send"]>[1];

function courier() {
  const calls: string[] = [];
  const loaded: Loaded = {
    turn: async (route) => {
      calls.push(`turn ${route}`);
      return "ready";
    },
    send: async (route) => {
      calls.push(`send ${route}`);
      return new Map();
    },
    abort: () => void calls.push("abort"),
    close: () => void calls.push("close"),
  };
  const late = new LateCourier(async () => {
    calls.push("load");
    return loaded;
  });
  return { late, calls };
}

test("it is loaded once, by the first mail", async () => {
  const { late, calls } = courier();
  expect(calls).toEqual([]);
  expect(await Promise.all([late.turn("ses"), late.turn("ses")])).toEqual(["ready", "ready"]);
  await late.send("ses", transaction);
  late.abort();
  late.close();
  expect(calls).toEqual(["load", "turn ses", "turn ses", "send ses", "abort", "close"]);
});

test("an abort before it is loaded reaches it, and without a mail nothing is loaded", async () => {
  const { late, calls } = courier();
  late.abort();
  late.close();
  expect(calls).toEqual([]);
  await late.send("ses", transaction);
  expect(calls).toEqual(["load", "abort", "send ses"]);
});

test("what could not be loaded is loaded by the next mail", async () => {
  let times = 0;
  const late = new LateCourier(() => Promise.reject(new Error(`no memory ${++times}`)));
  await expect(late.turn("ses")).rejects.toThrow("no memory 1");
  await expect(late.turn("ses")).rejects.toThrow("no memory 2");
});
