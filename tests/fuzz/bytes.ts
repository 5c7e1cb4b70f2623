// Byte mutation: an input broken at random, and made smaller again while it still fails. Everything follows from the source
// of chance, so that the same seed gives the same inputs.

import type { Random } from "../mutation/random.ts";

/** Inputs grow by what is repeated in them, and no further: the limits of what reads them are tested beside this. */
export const maxInput: number = 300_000;

type Octets = Uint8Array<ArrayBuffer>;
type Mutation = (input: Octets, random: Random, tokens: readonly Octets[], others: readonly Uint8Array[]) => Octets;

/** One to six changes to an input. */
export function mutate(
  input: Uint8Array,
  random: Random,
  tokens: readonly [string, ...string[]],
  others: readonly [Uint8Array, ...Uint8Array[]],
): Octets {
  const words = tokens.map((token) => new Uint8Array(Buffer.from(token, "latin1")));
  let octets: Octets = new Uint8Array(input);
  for (let rounds = 1 + random.below(6); rounds > 0; rounds--) octets = random.pick(mutations)(octets, random, words, others);
  return octets.slice(0, maxInput);
}

const flip: Mutation = (input, random) => change(input, random, (octet) => octet ^ (1 << random.below(8)));
const replace: Mutation = (input, random) => change(input, random, () => random.below(256));
const near: Mutation = (input, random) => change(input, random, (octet) => octet + random.pick([-1, 1]));

const insert: Mutation = (input, random, tokens) => spliced(input, random.below(input.length + 1), 0, tokens[random.below(tokens.length)]);
const overwrite: Mutation = (input, random, tokens) => {
  const token = tokens[random.below(tokens.length)];
  return spliced(input, random.below(input.length + 1), token?.length ?? 0, token);
};
const remove: Mutation = (input, random) => spliced(input, random.below(input.length + 1), lengthOf(random));
const duplicate: Mutation = (input, random) => {
  const from = random.below(input.length + 1);
  return spliced(input, random.below(input.length + 1), 0, input.slice(from, from + lengthOf(random)));
};
const swap: Mutation = (input, random) => {
  const [from, length] = [random.below(input.length + 1), lengthOf(random)];
  const part = input.slice(from, from + length);
  const rest = spliced(input, from, length);
  return spliced(rest, random.below(rest.length + 1), 0, part);
};
const cross: Mutation = (input, random, _, others) => {
  const other = others[random.below(others.length)] ?? new Uint8Array(0);
  return joined(input.subarray(0, random.below(input.length + 1)), other.subarray(random.below(other.length + 1)));
};
const cut: Mutation = (input, random) => input.slice(0, random.below(input.length + 1));

/** One token, or a piece of the input, many times over: what takes time by the square shows here. */
const repeat: Mutation = (input, random, tokens) => {
  const from = random.below(input.length + 1);
  const piece = random.chance(0.7) ? tokens[random.below(tokens.length)] : input.slice(from, from + 1 + random.below(40));
  if (piece === undefined || piece.length === 0) return input;
  const times = Math.ceil(random.pick([20, 200, 2000, 20_000, 100_000]) / piece.length);
  return spliced(input, random.below(Math.min(input.length, 2000) + 1), 0, joined(...new Array<Uint8Array>(times).fill(piece)));
};

const mutations: readonly [Mutation, ...Mutation[]] = [
  ...([flip, replace, near, insert, insert, insert, overwrite, overwrite] as [Mutation, ...Mutation[]]),
  ...[remove, remove, duplicate, swap, cross, cut, repeat],
];

function change(input: Octets, random: Random, to: (octet: number) => number): Octets {
  if (input.length === 0) return input;
  const at = random.below(input.length);
  const octets = new Uint8Array(input);
  octets[at] = to(octets[at] ?? 0);
  return octets;
}

function lengthOf(random: Random): number {
  return 1 + random.below(random.pick([4, 30, 400]));
}

function spliced(input: Uint8Array, at: number, removed: number, inserted: Uint8Array = new Uint8Array(0)): Octets {
  return joined(input.subarray(0, at), inserted, input.subarray(at + removed));
}

function joined(...parts: readonly Uint8Array[]): Octets {
  return new Uint8Array(Buffer.concat(parts));
}

/** The smallest input found, in a while, that still fails: pieces are taken out as long as it does. */
export function shrink(input: Uint8Array, fails: (smaller: Uint8Array) => boolean): Uint8Array {
  const until = performance.now() + 10_000;
  let smallest = input;
  for (let size = Math.ceil(smallest.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length && performance.now() < until; ) {
      const smaller = spliced(smallest, at, size);
      if (fails(smaller)) smallest = smaller;
      else at += size;
    }
  }
  return smallest;
}
