import { expect, test } from "bun:test";
import { type Courier, delayed, headLimit, type MailTransaction, type StoredMail } from "@sesame/core";
import { NoRoom } from "@sesame/core/journey";
import { budgetedCourier } from "../../apps/worker/budgeted-courier.ts";
import { ByteBudget, budgetedStore } from "../../apps/worker/byte-budget.ts";
import { SendPlaces } from "../../apps/worker/send-places.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";
import { MemoryCourier } from "../fakes/memory-courier.ts";
import { MemoryMailStore } from "../fakes/memory-mail-store.ts";

const location = { kind: "object", bucket: "b", key: "k" } as const;

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function largeMail(size: number): MailTransaction {
  return {
    mailId: "b/k" as never,
    from: null,
    recipients: [{ address: "a@b.test" as never, key: "forward x" as never }],
    content: { pieces: [new Uint8Array(size)], rest: null, size, eightBit: false },
  };
}

function budgetOf(most: number) {
  const timers = new FakeTimers();
  return { timers, budget: new ByteBudget({ most, maxWaitMs: 5000, timers }) };
}

test("ByteBudget.take() admits what fits, and waiters in the order of their requests", async () => {
  const { budget } = budgetOf(100);
  expect(await budget.take(60)).toBe(true);
  const order: string[] = [];
  const large = budget.take(70).then(() => order.push("large"));
  const small = budget.take(10).then(() => order.push("small")); // would fit, but would starve the large one
  budget.give(60);
  await Promise.all([large, small]);
  expect(order).toEqual(["large", "small"]);
  expect(budget.held).toBe(80);
});

test("ByteBudget.take() lets a mail larger than the whole budget pass when it is alone", async () => {
  const { budget } = budgetOf(100);
  expect(await budget.take(1000)).toBe(true);
  const next = budget.take(1);
  budget.give(1000);
  expect(await next).toBe(true);
});

test("ByteBudget.take() gives up after maxWaitMs, and the waiters behind are served", async () => {
  const { budget, timers } = budgetOf(100);
  await budget.take(60);
  const large = budget.take(70);
  timers.advance(4999);
  const small = budget.take(10);
  timers.advance(1);
  expect(await large).toBe(false);
  expect(await small).toBe(true);
  expect(budget.held).toBe(70);
});

test("BudgetScope.end() releases all that a mail reserved", async () => {
  const { budget } = budgetOf(100);
  const scope = budget.scope();
  await scope.take(30);
  await scope.take(20);
  scope.give(10);
  scope.end();
  expect(budget.held).toBe(0);
});

test("budgetedStore() reserves memory before it reads the head and before it loads the whole mail", async () => {
  const { budget, timers } = budgetOf(headLimit + 1000);
  const store = new MemoryMailStore();
  store.put(location, new Uint8Array(400));
  const scope = budget.scope();
  const stored = (await budgetedStore(store, scope).open(location)) as StoredMail;
  expect(budget.held).toBe(400);
  await stored.whole();
  expect(budget.held).toBe(800);
  await budget.take(headLimit);
  const refused = budgetedStore(store, budget.scope()).open(location);
  timers.advance(5000);
  expect(await refused.catch((error: unknown) => error instanceof NoRoom)).toBe(true);
  scope.end();
  expect(budget.held).toBe(headLimit);
});

/** Places for sends, with so many octets. */
const placesOf = (mostBytes: number, timers: FakeTimers, more: { most?: number; mostWaiting?: number } = {}) =>
  new SendPlaces({ most: 8, mostWaiting: 0, mostBytes, timers, ...more });

test("budgetedCourier() delays a large send through SES at once when there is no room, and never a delivery", async () => {
  const { budget, timers } = budgetOf(10 * headLimit);
  const courier = budgetedCourier(new MemoryCourier(), budget.scope(), placesOf(10 * headLimit, timers));
  await budget.take(9 * headLimit);
  const transaction = {
    mailId: "b/k" as never,
    from: null,
    recipients: [{ address: "a@b.test" as never, key: "forward x" as never }],
    content: { pieces: [new Uint8Array(headLimit + 1)], rest: null, size: headLimit + 1, eightBit: false },
  };
  expect([...(await courier.send("mailbox", transaction)).values()][0]?.action).toBe("delivered");
  expect([...(await courier.send("ses", transaction)).values()][0]).toMatchObject({
    ...{ action: "delayed", reason: "no-room", possibleDuplicate: false },
  });
  expect([timers.pending, budget.held]).toEqual([0, 9 * headLimit]);
});

test("a read that ends after its mail does not change the budget", async () => {
  const { budget, timers } = budgetOf(headLimit);
  const store = new MemoryMailStore();
  store.put(location, new Uint8Array(400));
  let opened: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    opened = resolve;
  });
  const slow = Object.assign(Object.create(store), { open: async (at: typeof location) => gate.then(() => store.open(at)) });
  const [scope, late] = [budget.scope(), budget.scope()];
  const reading = budgetedStore(slow, scope).open(location);
  const waiting = budgetedStore(slow, late)
    .open(location)
    .catch(() => "no room");
  await new Promise<void>((resolve) => setImmediate(resolve));
  scope.end(); // another read of its mail failed, and nothing waits for the octets any more
  late.end();
  opened();
  await reading;
  timers.advance(5000);
  await waiting;
  expect(budget.held).toBe(0);
  expect(await budget.take(headLimit)).toBe(true);
});

test("a mail may exceed the budget when only its own head is reserved", async () => {
  const { budget, timers } = budgetOf(1000);
  const scope = budget.scope();
  expect(await scope.take(400)).toBe(true);
  expect(await scope.take(5000)).toBe(true);
  scope.end();
  const [one, other] = [budget.scope(), budget.scope()];
  await one.take(400);
  await other.take(400);
  const large = one.take(5000);
  other.end();
  expect(await large).toBe(true);
  const refused = budget.scope().take(1);
  timers.advance(5000);
  expect(await refused).toBe(false);
});

test("ByteBudget.end() refuses all waiters, and later requests that would wait", async () => {
  const { budget, timers } = budgetOf(100);
  await budget.take(60);
  const waiting = budget.take(70);
  budget.end();
  expect([await waiting, await budget.take(70), await budget.take(40)]).toEqual([false, false, true]);
  expect(timers.pending).toBe(0);
});

test("X07 budgetedCourier() delays a large send at once when too many wait, and holds nothing for it", async () => {
  const { budget, timers } = budgetOf(20 * headLimit);
  const places = placesOf(10 * headLimit, timers);
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow: Courier = { send: (route, transaction) => gate.then(() => new MemoryCourier().send(route, transaction)) };
  const answers: string[] = [];
  const all = Array.from({ length: 5 }, () =>
    budgetedCourier(slow, budget.scope(), places)
      .send("ses", largeMail(2 * headLimit))
      .then((verdicts) => answers.push(...[...verdicts.values()].map(({ action }) => action))),
  );
  await turn();
  expect([answers, budget.held, places.taken]).toEqual([
    ["delayed", "delayed", "delayed", "delayed"],
    8 * headLimit,
    { sends: 1, bytes: 8 * headLimit, waiting: 0 },
  ]);
  release();
  await Promise.all(all);
  expect([answers.at(-1), budget.held, places.taken]).toEqual(["relayed", 0, { sends: 0, bytes: 0, waiting: 0 }]);
});

test("X07 budgetedCourier() bounds small sends through SES by their number", async () => {
  const { budget, timers } = budgetOf(20 * headLimit);
  const places = placesOf(10 * headLimit, timers, { most: 2 });
  const gates: (() => void)[] = [];
  const slow: Courier = {
    send: async (route, transaction) => {
      await new Promise<void>((resolve) => gates.push(resolve));
      return new MemoryCourier().send(route, transaction);
    },
  };
  const sends = Array.from({ length: 3 }, () => budgetedCourier(slow, budget.scope(), places).send("ses", largeMail(10)));
  await turn();
  expect([gates.length, [...((await sends[2]) ?? new Map()).values()]]).toMatchObject([2, [{ action: "delayed", reason: "no-room" }]]);
  for (const gate of gates) gate();
  await Promise.all(sends);
  expect(places.taken).toEqual({ sends: 0, bytes: 0, waiting: 0 });
});

test("X07 a send that waits for its place says so, and is served in turn; a small one may pass a large one", async () => {
  const timers = new FakeTimers();
  const places = placesOf(100, timers, { most: 2, mostWaiting: 3 });
  const told: string[] = [];
  const take = (name: string, bytes: number) =>
    places.take(bytes, () => told.push(`${name} waits`)).then((taken) => told.push(`${name} ${taken ? "goes" : "is refused"}`));
  const first = take("a", 60);
  const all = [first, take("b", 60), take("c", 10), take("d", 0), take("e", 0), take("f", 0)];
  await turn();
  expect(told).toEqual(["b waits", "c waits", "e waits", "a goes", "d goes", "f is refused"]);
  told.length = 0;
  places.give(0);
  await turn();
  expect(told).toEqual(["e goes"]); // b does not fit, and c stands behind it
  places.give(60);
  await turn();
  expect(told).toEqual(["e goes", "b goes"]);
  timers.advance(600_000);
  await turn();
  expect(told).toEqual(["e goes", "b goes", "c is refused"]); // after ten minutes
  const last = take("g", 60);
  places.end();
  await Promise.all([...all, last]);
  expect([told.at(-1), places.taken, timers.pending]).toEqual(["g is refused", { sends: 2, bytes: 60, waiting: 0 }, 0]);
});

test("budgetedCourier() lets a send that must be alone in memory wait for that, and gives its place back when a courier throws", async () => {
  const { budget, timers } = budgetOf(4 * headLimit);
  const places = placesOf(2 * headLimit, timers);
  await budget.take(1);
  const broken: Courier = {
    send: async () => {
      throw new Error("reset");
    },
  };
  const sending = budgetedCourier(broken, budget.scope(), places).send("ses", largeMail(2 * headLimit));
  await turn();
  expect([budget.held, places.taken.sends]).toEqual([1, 1]);
  budget.give(1);
  await expect(sending).rejects.toThrow("reset");
  expect([budget.held, places.taken]).toEqual([0, { sends: 0, bytes: 0, waiting: 0 }]);
});

test("X18 budgetedCourier() hands on the wait for a turn", async () => {
  const courier = new MemoryCourier();
  const later = delayed("throttled", "mail", "too many wait");
  courier.waits.push(async () => later);
  const { budget, timers } = budgetOf(headLimit);
  const places = placesOf(headLimit, timers);
  const budgeted = budgetedCourier(courier, budget.scope(), places);
  expect([await budgeted.turn("ses"), await budgeted.turn("ses")]).toEqual([later, "ready"]);
  budgeted.end();
  const waitless = budgetedCourier({ send: async () => new Map() }, budget.scope(), places);
  expect(await waitless.turn("ses")).toBe("ready");
});

test("X07 a mail waits for the turn of a reply in a place of its own, and the reply is sent from that place", async () => {
  const { budget, timers } = budgetOf(headLimit);
  const places = placesOf(headLimit, timers, { most: 1, mostWaiting: 1 });
  const inner = new MemoryCourier();
  const told: string[] = [];
  const one = budgetedCourier(inner, budget.scope(), places, () => told.push("one waits"));
  const two = budgetedCourier(inner, budget.scope(), places, () => told.push("two waits"));
  expect([await one.turn("ses"), await one.turn("ses"), places.taken.sends]).toEqual(["ready", "ready", 1]);
  const second = two.turn("ses");
  const third = budgetedCourier(inner, budget.scope(), places);
  expect([await third.turn("ses"), ...told]).toMatchObject([{ action: "delayed", reason: "no-room" }, "two waits"]);
  await one.send("ses", largeMail(10)); // from the place of its turn, and that is free then
  expect([await second, places.taken.sends]).toEqual(["ready", 1]);
  two.end(); // its reply was not sent: the sender had one
  two.end();
  expect([places.taken, await one.turn("mailbox")]).toEqual([{ sends: 0, bytes: 0, waiting: 0 }, "ready"]);
  expect(await one.turn("ses")).toBe("ready");
  await one.send("ses", largeMail(headLimit + 1)); // a large one needs a larger place
  expect([places.taken, inner.sent.length]).toEqual([{ sends: 0, bytes: 0, waiting: 0 }, 2]);
});

test("ByteBudget.hasRoom is true only if a usual mail fits and no mail waits", async () => {
  const { budget, timers } = budgetOf(3 * headLimit);
  expect(budget.hasRoom).toBe(true);
  await budget.take(2 * headLimit + 1);
  expect(budget.hasRoom).toBe(false); // what is left is less than a head
  budget.give(1);
  expect(budget.hasRoom).toBe(true);
  const large = budget.take(2 * headLimit);
  expect(budget.hasRoom).toBe(false); // a head would fit, but would overtake the large mail
  timers.advance(5000);
  expect([await large, budget.hasRoom]).toEqual([false, true]);
});

test("ByteBudget.give() serves no waiter whose octets still do not fit", async () => {
  const { budget } = budgetOf(100);
  await budget.take(60);
  await budget.take(30);
  const answers: boolean[] = [];
  const waiting = budget.take(70).then((taken) => answers.push(taken));
  budget.give(30);
  await turn();
  expect([budget.held, answers]).toEqual([60, []]);
  budget.give(60);
  await waiting;
  expect([budget.held, answers]).toEqual([70, [true]]);
});

test("ByteBudget.take() lets no mail exceed the budget while another mail holds an octet", async () => {
  const { budget, timers } = budgetOf(100);
  await budget.take(1);
  const large = budget.take(100);
  timers.advance(5000);
  expect([await large, budget.held]).toEqual([false, 1]);
});

test("BudgetScope.take() is refused when its mail ended while it waited, and leaves no reservation", async () => {
  const { budget } = budgetOf(100);
  await budget.take(60);
  const scope = budget.scope();
  const waiting = scope.take(70);
  scope.end();
  budget.give(60);
  expect([await waiting, budget.held]).toEqual([false, 0]);
});

test("BudgetScope.take() reserves nothing when there is no room", async () => {
  const { budget, timers } = budgetOf(100);
  await budget.take(90);
  const scope = budget.scope();
  const refused = scope.take(50);
  timers.advance(5000);
  expect(await refused).toBe(false);
  scope.end();
  expect(budget.held).toBe(90);
});

test("budgetedStore() reserves nothing for a missing mail", async () => {
  const { budget } = budgetOf(headLimit);
  expect(await budgetedStore(new MemoryMailStore(), budget.scope()).open(location)).toBe("missing");
  expect(budget.held).toBe(0);
});

test("NoRoom names the operation that found no room, and its octets", async () => {
  const { budget, timers } = budgetOf(headLimit + 1000);
  const store = new MemoryMailStore();
  store.put(location, new Uint8Array(2000));
  const stored = (await budgetedStore(store, budget.scope()).open(location)) as StoredMail;
  await budget.take(headLimit - 1500);
  const questions: readonly (readonly [operation: string, octets: number, ask: () => Promise<unknown>])[] = [
    ["open", headLimit, () => budgetedStore(store, budget.scope()).open(location)],
    ["whole", 2000, () => stored.whole()],
  ];
  for (const [operation, octets, ask] of questions) {
    const asking = ask().catch((thrown: unknown) => thrown);
    timers.advance(5000);
    const error = (await asking) as NoRoom;
    expect([error.name, error.port, error.operation]).toEqual(["NoRoom", "ByteBudget", operation]);
    expect(error.message).toContain(String(octets));
  }
});

test("budgetedCourier() reserves nothing for a mail through SES that is not larger than the head", async () => {
  const { budget, timers } = budgetOf(headLimit);
  await budget.take(headLimit);
  const sending = budgetedCourier(new MemoryCourier(), budget.scope(), placesOf(headLimit, timers)).send("ses", largeMail(headLimit));
  expect([...(await sending).values()]).toMatchObject([{ action: "relayed" }]);
});
