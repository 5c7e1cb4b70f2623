// What is joined, and that nobody gets another's rows or waits for a call that hangs.

import { expect, test } from "bun:test";
import type { Directory, DirectoryRows, Inquiry } from "@sesame/core";
import { JoinedDirectory } from "../../packages/aws-adapters/joined-directory.ts";
import { GarbledError } from "../../packages/aws-adapters/trouble.ts";

type Asked = Readonly<{ inquiry: Inquiry; answer: (rows: DirectoryRows) => void; fail: (error: unknown) => void }>;

/** A directory that answers when the test says so. */
class ManualDirectory implements Directory {
  readonly asked: Asked[] = [];

  look(inquiry: Inquiry): Promise<DirectoryRows> {
    return new Promise((answer, fail) => {
      this.asked.push({ inquiry, answer, fail });
    });
  }
}

const inquiryOf = (...keys: string[]): Inquiry => ({ rules: keys, blocked: keys });
const rowsOf = (...keys: string[]): DirectoryRows => ({
  rules: new Map(keys.map((key) => [key, `rule of ${key}`])),
  blocked: new Map(keys.map((key) => [key, `patterns of ${key}`])),
});
const settled = () => new Promise((resolve) => setImmediate(resolve));

function harness(options: Readonly<{ limit?: number }> = {}) {
  const directory = new ManualDirectory();
  let now = 0;
  const joined = new JoinedDirectory({ directory, timers: { now: () => now }, ...options });
  const keysAsked = () => directory.asked.map(({ inquiry }) => inquiry.rules.join(" "));
  return { directory, joined, keysAsked, wait: (ms: number) => (now += ms) };
}

test("look() asks at once when nothing is under way, and joins what comes meanwhile", async () => {
  const { directory, joined, keysAsked } = harness();
  const [first, second, third] = [joined.look(inquiryOf("a", "*")), joined.look(inquiryOf("b", "*")), joined.look(inquiryOf("c", "*"))];
  expect(keysAsked()).toEqual(["a *"]);
  directory.asked[0]?.answer(rowsOf("a", "*"));
  expect(await first).toEqual(rowsOf("a", "*"));
  await settled();
  expect(keysAsked()).toEqual(["a *", "b * c"]);
  directory.asked[1]?.answer(rowsOf("c", "*"));
  expect([await second, await third]).toEqual([rowsOf("*"), rowsOf("c", "*")]);
});

test("look() sends no more keys in one than a batch takes, and an inquiry is never cut", async () => {
  const { directory, joined, keysAsked } = harness({ limit: 6 });
  const all = [
    joined.look(inquiryOf("x")),
    ...["a b", "b c", "d", "e f g h", "i"].map((keys) => joined.look(inquiryOf(...keys.split(" ")))),
  ];
  directory.asked[0]?.answer(rowsOf("x"));
  await settled();
  expect(keysAsked().slice(1)).toEqual(["a b c", "d", "e f g h", "i"]);
  for (const { inquiry, answer } of directory.asked.slice(1)) answer(rowsOf(...inquiry.rules));
  expect((await Promise.all(all)).map(({ rules }) => [...rules.keys()].join(" "))).toEqual(["x", "a b", "b c", "d", "e f g h", "i"]);
});

test("look() waits no longer than 50 ms for one that is under way", async () => {
  const { joined, keysAsked, wait } = harness();
  void joined.look(inquiryOf("hangs"));
  void joined.look(inquiryOf("a"));
  wait(51);
  void joined.look(inquiryOf("b"));
  expect(keysAsked()).toEqual(["hangs", "a b"]);
});

for (const [why, error, alone] of [
  [
    "an outage fails all of them, and nothing is asked again",
    new Error("ignored", { cause: Object.assign(new Error(), { code: "ECONNREFUSED" }) }),
    false,
  ],
  ["what may be about one of them is asked for each alone", new GarbledError("a row is cut"), true],
] as const) {
  test(`look(): ${why}`, async () => {
    const { directory, joined, keysAsked } = harness();
    void joined.look(inquiryOf("x"));
    const both = [joined.look(inquiryOf("a")), joined.look(inquiryOf("b"))];
    const ends = Promise.allSettled(both);
    directory.asked[0]?.answer(rowsOf());
    await settled();
    directory.asked[1]?.fail(error);
    await settled();
    expect(keysAsked()).toEqual(["x", "a b", ...(alone ? ["a", "b"] : [])]);
    directory.asked[2]?.answer(rowsOf("a"));
    directory.asked[3]?.fail(error);
    expect((await ends).map(({ status }) => status)).toEqual(alone ? ["fulfilled", "rejected"] : ["rejected", "rejected"]);
  });
}
