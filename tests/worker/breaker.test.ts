// The circuits of the ledger, of SES and of buckets: what opens them, and how they close.

import { expect, test } from "bun:test";
import {
  type Courier,
  delayed,
  type Ledger,
  type MailStore,
  type MailTransaction,
  type ObjectLocation,
  PortError,
  type Verdict,
} from "@sesame/core";
import { Breaker, type Sign } from "../../apps/worker/breaker.ts";
import { Circuits, signOf } from "../../apps/worker/circuits.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function breakerOf(probe?: () => Promise<Sign>) {
  const timers = new FakeTimers();
  const said: string[] = [];
  const changed = (state: string, detail: string) => void said.push(`${state}: ${detail}`);
  const breaker = new Breaker({ timers, changed, ...(probe && { probe }) });
  const away = (...mails: string[]) => {
    for (const mail of mails) breaker.note(mail, "away", "reset");
  };
  return { timers, said, breaker, away };
}

test("X08 Breaker opens when three mails failed, and never because of one", () => {
  const { breaker, away, said } = breakerOf();
  away("a", "a", "a", "a", "b");
  expect(breaker.state).toBe("closed");
  away("c");
  expect([breaker.state, ...said]).toEqual(["open", "open: reset"]);
});

test("Breaker stays closed while successes are as many as failures, and forgets failures after ten minutes", () => {
  const { breaker, away, timers } = breakerOf();
  for (let i = 0; i < 50; i++) {
    away(`a${i}`);
    breaker.note(`b${i}`, "answered");
  }
  away("x", "y");
  timers.advance(600_001);
  away("z");
  expect(breaker.state).toBe("closed");
  expect(breaker.isUnmarked).toBe(false);
  breaker.note("q", "answered");
  expect(breaker.isUnmarked).toBe(true);
});

test("X08 Breaker lets one mail try after a pause, which doubles while it fails, and closes when that mail succeeds", () => {
  const { breaker, away, timers, said } = breakerOf();
  away("a", "b", "c");
  for (const pause of [5000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
    timers.advance(pause - 1);
    expect([breaker.state, breaker.admit()]).toEqual(["open", false]);
    timers.advance(1);
    expect([breaker.state, breaker.admit(), breaker.admit()]).toEqual(["half-open", true, false]);
    breaker.note("d", "away", "reset");
  }
  timers.advance(60_000);
  expect(breaker.admit()).toBe(true);
  breaker.note("e", "answered");
  expect([breaker.state, breaker.admit(), said.length]).toEqual(["closed", true, 2]); // one line for the whole outage, and one for its end
  away("a", "b", "c");
  timers.advance(5000);
  expect(breaker.state).toBe("half-open");
});

test("Breaker lets another mail try when the first trial gave no sign for a minute", () => {
  const { breaker, away, timers } = breakerOf();
  away("a", "b", "c");
  timers.advance(5000);
  expect([breaker.admit(), breaker.couldAdmit()]).toEqual([true, false]);
  timers.advance(60_000);
  expect(breaker.admit()).toBe(true);
});

test("Breaker probes before a mail may try, where it can, and ends without a timer", async () => {
  let sign: Sign = "away";
  let probes = 0;
  const { breaker, away, timers } = breakerOf(async () => {
    probes++;
    return sign;
  });
  away("a", "b", "c");
  for (const pause of [5000, 10_000, 20_000]) {
    timers.advance(pause);
    await turn();
  }
  expect([probes, breaker.state]).toEqual([3, "open"]);
  sign = "answered";
  timers.advance(40_000);
  await turn();
  expect(breaker.state).toBe("half-open");
  breaker.note("d", "away");
  breaker.end();
  expect(timers.pending).toBe(0);
});

/** An error as an adapter throws it. */
const thrown = (cause: object) => new PortError("MailStore", "open", "Cannot open", Object.assign(new Error("no"), cause));
const signs: readonly (readonly [sign: Sign, cause: object])[] = [
  ["away", { code: "ECONNREFUSED" }],
  ["away", { name: "InternalServerError", $metadata: { httpStatusCode: 500 } }],
  ["away", { name: "SlowDown", $metadata: { httpStatusCode: 503 } }],
  ["away", { name: "ThrottlingException", $metadata: { httpStatusCode: 400 } }],
  ["away", { name: "TimeoutError" }],
  ["answered", { name: "AccessDenied", $metadata: { httpStatusCode: 403 } }],
  ["answered", { name: "NoSuchBucket", $metadata: { httpStatusCode: 404 } }],
  ["answered", { name: "ValidationException", $metadata: { httpStatusCode: 400 } }],
  ["answered", { name: "KMS.DisabledException", $metadata: { httpStatusCode: 400 } }],
];
for (const [sign, cause] of signs) {
  test(`X08 signOf() is "${sign}" for ${JSON.stringify(cause)}`, () => {
    expect(signOf(thrown(cause))).toBe(sign);
  });
}

function circuitsOf() {
  const timers = new FakeTimers();
  const trouble = new Map<string, unknown>();
  const calls: string[] = [];
  const asked = async (name: string) => {
    calls.push(name);
    if (trouble.has(name)) throw trouble.get(name);
  };
  const ledger = {
    claim: async (mail: string) => asked("claim").then(() => mail),
    extend: async () => asked("extend").then(() => "lost"),
  } as unknown as Ledger;
  const store = { open: async ({ bucket }: ObjectLocation) => asked(bucket).then(() => "missing") } as unknown as MailStore;
  const changes: string[] = [];
  const changed = (dependency: string, state: string) => void changes.push(`${dependency} ${state}`);
  const circuits = new Circuits({ probe: async () => null, ledger, store, timers, changed });
  const open = async (bucket: string, key: string) =>
    circuits
      .watchStore(store)
      .open({ kind: "object", bucket, key })
      .then(String, (error: Error) => error.name);
  const claim = (mail: string) =>
    circuits
      .watchLedger(ledger)
      .claim(mail as never, 120, [])
      .then(
        () => "ok",
        (error: Error) => error.name,
      );
  return { timers, trouble, calls, circuits, changes, open, claim };
}

test("X08 a bucket that does not answer stops its own mail, and no other bucket", async () => {
  const { circuits, trouble, calls, changes, timers, open } = circuitsOf();
  trouble.set("one", thrown({ code: "ECONNRESET" }));
  for (const key of ["a", "b", "c"]) expect(await open("one", key)).toBe("PortError");
  expect([circuits.stopsBucket("one"), circuits.stopsBucket("two"), circuits.stopsAll]).toEqual([true, false, false]);
  expect([await open("one", "d"), await open("two", "d")]).toEqual(["CircuitOpen", "missing"]);
  expect(circuits.states().get("s3:one")).toBe(true);
  expect(calls).toEqual(["one", "one", "one", "two"]);
  trouble.clear();
  timers.advance(5000); // the probe asks for the object that failed first
  await turn();
  expect([circuits.stopsBucket("one"), await open("one", "e"), await open("one", "f")]).toEqual([false, "missing", "missing"]);
  expect([changes, circuits.states().has("s3:one")]).toEqual([["s3:one open", "s3:one closed"], false]);
  circuits.end();
  expect(timers.pending).toBe(0);
});

test("X08 one denied bucket and one throttled key stop nobody", async () => {
  const { circuits, trouble, open, claim } = circuitsOf();
  trouble.set("one", thrown({ name: "AccessDenied", $metadata: { httpStatusCode: 403 } }));
  trouble.set("claim", thrown({ name: "ThrottlingException", $metadata: { httpStatusCode: 400 } }));
  for (let i = 0; i < 20; i++) {
    await open("one", `key-${i}`);
    await claim("b/same");
  }
  expect([circuits.stopsBucket("one"), circuits.stopsAll, [...circuits.states().values()].includes(true)]).toEqual([false, false, false]);
});

test("X08 names of buckets that strangers write take no memory", async () => {
  const { circuits, trouble, open } = circuitsOf();
  for (let i = 0; i < 3000; i++) {
    trouble.set(`bucket-${i}`, thrown({ code: "ENOTFOUND" }));
    await open(`bucket-${i}`, "key");
  }
  expect(circuits.states().size).toBe(3 + 1000);
  circuits.end();
});

test("X08 the ledger away: nothing is received, and it is probed without a mail", async () => {
  const { circuits, trouble, calls, timers, claim } = circuitsOf();
  for (const name of ["claim", "extend"]) trouble.set(name, thrown({ name: "ThrottlingException", $metadata: { httpStatusCode: 400 } }));
  for (const mail of ["b/1", "b/2", "b/3"]) await claim(mail);
  expect([circuits.stopsAll, circuits.allAnswer, calls.length]).toEqual([true, false, 3]);
  for (const pause of [5000, 10_000]) {
    timers.advance(pause);
    await turn();
  }
  expect([calls.slice(3), circuits.stopsAll]).toEqual([["extend", "extend"], true]);
  trouble.clear();
  timers.advance(20_000);
  await turn();
  expect([circuits.stopsAll, circuits.allAnswer]).toEqual([false, false]); // one mail tries
  await claim("b/4");
  expect(circuits.allAnswer).toBe(true);
});

function sending(mailId: string, size: number = 0): MailTransaction {
  const content = { pieces: [], rest: null, size, eightBit: false };
  return { mailId: mailId as never, from: null, recipients: [{ address: "a@b.test" as never, key: "forward x" as never }], content };
}

test("X08 SES away: deliveries flow, and what leaves through SES waits without being tried", async () => {
  const { circuits, timers } = circuitsOf();
  const tried: string[] = [];
  let answer: Verdict = delayed("in-doubt", "mail", "reset");
  const inner: Courier = {
    send: async (route, { recipients, mailId }) => {
      tried.push(`${route} ${mailId}`);
      const verdict: Verdict = route === "ses" ? answer : { action: "delivered", detail: "" };
      return new Map(recipients.map(({ key }) => [key, verdict]));
    },
  };
  const courier = circuits.watchCourier(inner);
  const send = async (route: "ses" | "mailbox", mailId: string) => [...(await courier.send(route, sending(mailId))).values()][0];
  for (const mail of ["1", "2", "3"]) await send("ses", mail);
  expect(await send("ses", "4")).toMatchObject({ action: "delayed", reason: "service-away", possibleDuplicate: false });
  expect(await send("mailbox", "4")).toMatchObject({ action: "delivered" });
  expect([tried, circuits.stopsAll, circuits.allAnswer]).toEqual([["ses 1", "ses 2", "ses 3", "mailbox 4"], false, true]);
  timers.advance(5000);
  answer = { action: "relayed", detail: "ses-1" };
  expect([await send("ses", "5"), await send("ses", "6")]).toMatchObject([{ action: "relayed" }, { action: "relayed" }]);
  const signless = ["stopped", "no-room", "port-error", "throttled"] as const;
  for (const reason of signless) {
    answer = delayed(reason, "mail", "");
    for (const mail of ["7", "8", "9"]) await send("ses", mail);
  }
  answer = delayed("refused-us", "mail", "not verified");
  for (const mail of ["7", "8", "9"]) await send("ses", mail);
  expect(circuits.ses.state).toBe("closed");
});

test("X08 large mails of a stranger that SES does not take in time stop nobody else's forwards", async () => {
  const { circuits } = circuitsOf();
  const late = delayed("in-doubt", "mail", "no answer", { possibleDuplicate: true });
  const inner: Courier = {
    send: async (_, { recipients, content }) =>
      new Map(recipients.map(({ key }) => [key, content.size > 0 ? late : { action: "relayed", detail: "ses-1" }])),
  };
  const courier = circuits.watchCourier(inner);
  for (let i = 0; i < 10; i++) {
    const verdicts = await courier.send("ses", sending(`large-${i}`, 30_000_000));
    expect([...verdicts.values()]).toMatchObject([{ reason: "service-away", possibleDuplicate: true }]);
  }
  expect([...(await courier.send("ses", sending("small"))).values()]).toMatchObject([{ action: "relayed" }]);
  expect(circuits.ses.state).toBe("closed");
});

test("X35 nothing is sent while the ledger could not record it", async () => {
  const { circuits, trouble, claim } = circuitsOf();
  trouble.set("claim", thrown({ name: "ProvisionedThroughputExceededException", $metadata: { httpStatusCode: 400 } }));
  for (const mail of ["b/1", "b/2", "b/3"]) await claim(mail);
  const courier: Courier = {
    send: async () => {
      throw new Error("was sent");
    },
  };
  const verdicts = await circuits.watchCourier(courier).send("mailbox", sending("b/4"));
  expect([...verdicts.values()]).toMatchObject([{ action: "delayed", reason: "port-error", possibleDuplicate: false }]);
});
