import { expect, test } from "bun:test";
import { headLimit, type StoredMail } from "@sesame/core";
import { ByteBudget, budgetedCourier, budgetedStore, NoRoom } from "../../apps/worker/budget.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";
import { MemoryCourier } from "../fakes/memory-courier.ts";
import { MemoryMailStore } from "../fakes/memory-mail-store.ts";

const location = { kind: "object", bucket: "b", key: "k" } as const;

function budgetOf(most: number) {
  const timers = new FakeTimers();
  return { timers, budget: new ByteBudget({ most, patienceMs: 5000, timers }) };
}

test("ByteBudget.take() admits what fits, and who waits in the order of asking", async () => {
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

test("ByteBudget.take() gives up after its patience, and those behind are served", async () => {
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

test("BudgetScope.end() gives back all that a mail took", async () => {
  const { budget } = budgetOf(100);
  const scope = budget.scope();
  await scope.take(30);
  await scope.take(20);
  scope.give(10);
  scope.end();
  expect(budget.held).toBe(0);
});

test("budgetedStore() charges the head before it is read and the whole mail before it is loaded", async () => {
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

test("budgetedCourier() delays a large send through SES when there is no room, and never a delivery", async () => {
  const { budget, timers } = budgetOf(10 * headLimit);
  const courier = budgetedCourier(new MemoryCourier(), budget.scope());
  await budget.take(9 * headLimit);
  const consignment = {
    mailId: "b/k" as never,
    from: null,
    recipients: [{ address: "a@b.test" as never, key: "forward x" as never }],
    content: { pieces: [new Uint8Array(headLimit + 1)], rest: null, size: headLimit + 1, eightBit: false },
  };
  expect([...(await courier.send("mailbox", consignment)).values()][0]?.action).toBe("delivered");
  const sending = courier.send("ses", consignment);
  timers.advance(5000);
  expect([...(await sending).values()][0]).toMatchObject({ action: "delayed", reason: "no-room", possibleDuplicate: false });
});
