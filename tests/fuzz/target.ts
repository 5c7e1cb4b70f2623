// Target: one reader of foreign octets and what must hold of it whatever they are. `check` throws a Complaint where
// something does not hold; what it returns says in a few words what kind of input this was. Inputs of a new kind are kept
// and broken further, which leads the search into corners that chance alone does not reach.

export type Target = Readonly<{
  name: string;
  seeds: readonly [Uint8Array, ...Uint8Array[]];
  /** Pieces, as octets, that mean something to the reader. */
  tokens: readonly [string, ...string[]];
  check(input: Uint8Array): string;
}>;

/** A property that did not hold. */
export class Complaint extends Error {}

/** Complains unless it is so. */
export function holds(isSo: boolean, otherwise: string, shown?: unknown): asserts isSo {
  if (!isSo) throw new Complaint(shown === undefined ? otherwise : `${otherwise}: ${JSON.stringify(shown)?.slice(0, 300)}`);
}

/** The input as text: UTF-8 where it is, else what a lenient reader makes of it. */
export function asText(input: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(input);
}

export function octetsOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

/** An error text has the house form, fits a log line and cannot break one. */
export function holdsErrorText(text: string): void {
  holds(/^Cannot .*: ./s.test(text), "an error text in another form", text);
  holds(text.length <= 400, "an error text that does not end", text);
  holds(!/[\r\n\0]/.test(text), "an error text of several lines", text);
}
