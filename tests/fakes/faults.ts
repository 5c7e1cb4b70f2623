// Faults: wraps any port so that one of its calls fails, answers something else, or is the last thing that a process does.
// A process that died stays dead: every later call on any wrapped port throws Crash, until `revive`.

import { PortError } from "@sesame/core";

/** The process is dead. No code of ours may take it for trouble of a port. */
export class Crash extends Error {
  constructor(point: string) {
    super(`The process died at ${point}`);
    this.name = "Crash";
  }
}

/** What goes wrong. "after": the call took effect, and its answer is lost. */
export type FaultAct =
  | { readonly kind: "throw-before" | "throw-after"; readonly error?: Error }
  | { readonly kind: "die-before" | "die-after" }
  | { readonly kind: "answer"; readonly value: unknown }
  | { readonly kind: "answer-by"; readonly make: (...args: readonly unknown[]) => unknown };

/** The call that goes wrong: the n-th call of a port's method, counted from 1; 0 stands for every call. */
export type Fault = Readonly<{ port: string; method: string; call: number; act: FaultAct }>;

/** Counts the calls of all ports that it wraps and lets the named ones go wrong. */
export class FaultInjector {
  readonly #faults: readonly Fault[];
  readonly #counts = new Map<string, number>();
  /** Points passed, `MailStore.open#1` and so on: the faults that a second run could have. */
  readonly points: string[] = [];
  /** True once the process died. */
  dead: boolean = false;

  constructor(faults: readonly Fault[] = []) {
    this.#faults = faults;
  }

  /** Starts the process again; counting goes on, so no fault strikes twice. */
  revive(): void {
    this.dead = false;
  }

  /** The same port, with the faults in it. Its state stays reachable: whatever is no method passes through. */
  wrap<T extends object>(port: string, target: T): T {
    return new Proxy(target, {
      get: (_, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== "function" || typeof property === "symbol") return value;
        return (...args: unknown[]) => this.#call(port, property, args, () => value.apply(target, args));
      },
    });
  }

  async #call(port: string, method: string, args: readonly unknown[], work: () => unknown): Promise<unknown> {
    const name = `${port}.${method}`;
    if (this.dead) throw new Crash(name);
    const call = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, call);
    this.points.push(`${name}#${call}`);
    const fault = this.#faults.find((each) => each.port === port && each.method === method && (each.call === call || each.call === 0));
    return fault ? this.#strike(fault, `${name}#${call}`, args, work) : work();
  }

  async #strike({ port, method, act }: Fault, point: string, args: readonly unknown[], work: () => unknown): Promise<unknown> {
    switch (act.kind) {
      case "throw-after":
        await work();
        throw act.error ?? new PortError(port, method, `Injected after ${point}`);
      case "throw-before":
        throw act.error ?? new PortError(port, method, `Injected before ${point}`);
      case "die-after":
        await work();
        return this.#die(point);
      case "die-before":
        return this.#die(point);
      case "answer":
        return act.value;
      case "answer-by":
        return act.make(...args);
      default:
        return act satisfies never;
    }
  }

  #die(point: string): never {
    this.dead = true;
    throw new Crash(point);
  }
}

/** Reads a point such as `MailStore.open#2` as the fault that strikes there. */
export function faultAt(point: string, act: FaultAct): Fault {
  const [, port = "", method = "", call = ""] = /^(.+)\.([^.]+)#(\d+)$/.exec(point) ?? [];
  return { port, method, call: Number(call), act };
}
