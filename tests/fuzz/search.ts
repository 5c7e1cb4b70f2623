// Search: breaks inputs of a target until the time is over, and gives those that it fails on. A case may take 100 ms.

import { busyTime } from "../busy-time.ts";
import { Random } from "../mutation/random.ts";
import { mutate } from "./bytes.ts";
import type { Target } from "./target.ts";

/** An input and what did not hold of it. */
export type Failure = Readonly<{ input: Uint8Array; complaint: string }>;

export type Search = Readonly<{ cases: number; kinds: number; slowestMs: number; failures: readonly Failure[] }>;

export const slowMs = 100;
const mostFailures = 10;
const mostKept = 3000;

/** Why an input fails; `null` where all holds. */
export function complaintOf(target: Target, input: Uint8Array): string | null {
  return tried(target, input).complaint;
}

type Tried = Readonly<{ complaint: string | null; kind: string; tookMs: number }>;

function tried(target: Target, input: Uint8Array): Tried {
  const first = once(target, input);
  if (first.complaint !== null || first.tookMs <= slowMs) return first;
  // A pause of the machine is not the reader's fault: what is slow is slow three times.
  const again = [once(target, input), once(target, input)];
  const tookMs = Math.min(first.tookMs, ...again.map((each) => each.tookMs));
  return { ...first, tookMs, complaint: tookMs > slowMs ? `it took ${tookMs.toFixed(0)} ms` : null };
}

function once(target: Target, input: Uint8Array): Tried {
  const took = busyTime();
  try {
    const kind = target.check(input);
    return { complaint: null, kind, tookMs: took() };
  } catch (error) {
    return { complaint: String(error), kind: "", tookMs: took() };
  }
}

/** Searches for so many seconds. Equal seeds try the same inputs in the same order. */
export async function search(target: Target, seconds: number, seed: number): Promise<Search> {
  const random = new Random(seed);
  const [first, ...others] = target.seeds;
  const kept: [Uint8Array, ...Uint8Array[]] = [first, ...others];
  const kinds = new Set<string>();
  const failures: Failure[] = [];
  let [cases, slowestMs] = [0, 0];
  const until = performance.now() + seconds * 1000;
  for (const input of inputs()) {
    const { complaint, kind, tookMs } = tried(target, input);
    cases++;
    slowestMs = Math.max(slowestMs, tookMs);
    if (complaint !== null && !failures.some((known) => known.complaint.slice(0, 40) === complaint.slice(0, 40)))
      failures.push({ input, complaint });
    if (complaint === null && !kinds.has(kind)) {
      kinds.add(kind);
      if (kept.length < mostKept) kept.push(input);
    }
    if (failures.length === mostFailures || performance.now() > until) break;
    if (cases % 50 === 0) await new Promise(setImmediate); // whoever waits for this process shall not starve
  }
  return { cases, kinds: kinds.size, slowestMs, failures };

  function* inputs(): Generator<Uint8Array> {
    yield* target.seeds;
    for (;;) yield mutate(random.pick(kept), random, target.tokens, kept);
  }
}
