// The fault injector itself: what it does to the call that it strikes, and to those after it.

import { describe, expect, test } from "bun:test";
import { PortError } from "@sesame/core";
import { Crash, type FaultAct, FaultInjector, faultAt } from "./faults.ts";

const counter = () => ({ value: 0, add: async (by: number) => by });
class Box {
  #value = 0;
  async add(by: number): Promise<number> {
    this.#value += by;
    return this.#value;
  }
  get value(): number {
    return this.#value;
  }
}

function faulty(act: FaultAct, point: string = "Box.add#2") {
  const injector = new FaultInjector([faultAt(point, act)]);
  const box = new Box();
  return { injector, box, wrapped: injector.wrap("Box", box) };
}

describe("FaultInjector", () => {
  test("wrap() changes nothing when there is no fault", async () => {
    const injector = new FaultInjector();
    const wrapped = injector.wrap("Box", new Box());
    expect(await wrapped.add(2)).toBe(2);
    expect(wrapped.value).toBe(2);
    expect(injector.points).toEqual(["Box.add#1"]);
    expect(await injector.wrap("Counter", counter()).add(3)).toBe(3);
  });

  test("wrap() throws before the call takes effect when told so, and only once", async () => {
    const { box, wrapped } = faulty({ kind: "throw-before" });
    await wrapped.add(1);
    await expect(wrapped.add(1)).rejects.toBeInstanceOf(PortError);
    expect(await wrapped.add(1)).toBe(2);
    expect(box.value).toBe(2);
  });

  test("wrap() throws after the call took effect when told so", async () => {
    const { box, wrapped } = faulty({ kind: "throw-after", error: new Error("mine") }, "Box.add#1");
    await expect(wrapped.add(1)).rejects.toThrow("mine");
    expect(box.value).toBe(1);
  });

  test("wrap() lets nothing happen after the process died, until it is revived", async () => {
    for (const [kind, value] of [
      ["die-before", 1],
      ["die-after", 2],
    ] as const) {
      const { injector, box, wrapped } = faulty({ kind });
      await wrapped.add(1);
      await expect(wrapped.add(1)).rejects.toBeInstanceOf(Crash);
      await expect(wrapped.add(1)).rejects.toBeInstanceOf(Crash);
      expect(box.value).toBe(value);
      injector.revive();
      expect(await wrapped.add(1)).toBe(value + 1);
    }
  });

  test("wrap() gives the answer that it is told, without the call", async () => {
    const { box, wrapped } = faulty({ kind: "answer", value: 42 }, "Box.add#0");
    expect([await wrapped.add(1), await wrapped.add(1)]).toEqual([42, 42]);
    expect(box.value).toBe(0);
  });

  test("wrap() gives the answer that is made of what was asked", async () => {
    const { box, wrapped } = faulty({ kind: "answer-by", make: (by) => `not ${by}` }, "Box.add#1");
    expect(await wrapped.add(7)).toBe("not 7" as never);
    expect(box.value).toBe(0);
  });
});
