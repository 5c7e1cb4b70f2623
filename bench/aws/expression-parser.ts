// Expression parser: reads the condition, update and projection expressions of DynamoDB. It knows the whole grammar, so that it
// need not change with the rows of Sesame. What it does not know is an error, never passed over.
// DynamoDB Developer Guide, "Condition and filter expressions, operators, and functions", "Update expressions".

/** A document path: names, and indexes of lists. */
export type Path = readonly (string | number)[];

export type Operand =
  | { readonly kind: "path"; readonly path: Path }
  | { readonly kind: "value"; readonly name: string }
  | { readonly kind: "call"; readonly name: string; readonly operands: readonly Operand[] }
  | { readonly kind: "sum"; readonly sign: 1 | -1; readonly left: Operand; readonly right: Operand };

export type Condition =
  | { readonly kind: "all" | "any"; readonly conditions: readonly Condition[] }
  | { readonly kind: "not"; readonly condition: Condition }
  | { readonly kind: "compare"; readonly operator: string; readonly left: Operand; readonly right: Operand }
  | { readonly kind: "between"; readonly operand: Operand; readonly least: Operand; readonly most: Operand }
  | { readonly kind: "in"; readonly operand: Operand; readonly among: readonly Operand[] }
  | { readonly kind: "test"; readonly name: string; readonly operands: readonly Operand[] };

export type Update =
  | { readonly kind: "SET" | "ADD" | "DELETE"; readonly path: Path; readonly operand: Operand }
  | { readonly kind: "REMOVE"; readonly path: Path };

export class ExpressionError extends Error {}

const comparators = new Set(["=", "<>", "<", "<=", ">", ">="]);
const tests = new Map([
  ["attribute_exists", 1],
  ["attribute_not_exists", 1],
  ["attribute_type", 2],
  ["begins_with", 2],
  ["contains", 2],
]);
const calls = new Map([
  ["if_not_exists", 2],
  ["list_append", 2],
  ["size", 1],
]);

export function parseCondition(text: string): Condition {
  return whole(text, (reader) => reader.condition());
}

export function parseUpdate(text: string): readonly Update[] {
  return whole(text, (reader) => reader.updates());
}

export function parseProjection(text: string): readonly Path[] {
  return whole(text, (reader) => reader.list(() => reader.path()));
}

function whole<T>(text: string, read: (reader: Reader) => T): T {
  const reader = new Reader(text);
  const value = read(reader);
  reader.end();
  return value;
}

class Reader {
  readonly #text: string;
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = text.match(/[#:]?\w+|<>|[<>]=|\S/g) ?? [];
  }

  end(): void {
    if (this.#at < this.#tokens.length) this.#fail();
  }

  condition(): Condition {
    return this.#joined("any", "OR", () => this.#joined("all", "AND", () => this.#negation()));
  }

  updates(): readonly Update[] {
    const updates: Update[] = [];
    const seen = new Set<string>();
    while (this.#at < this.#tokens.length) {
      const kind = this.#next().toUpperCase();
      if (seen.has(kind)) this.#fail();
      seen.add(kind);
      if (kind === "SET") updates.push(...this.list(() => this.#assignment()));
      else if (kind === "REMOVE") updates.push(...this.list(() => ({ kind, path: this.path() }) as const));
      else if (kind === "ADD" || kind === "DELETE")
        updates.push(...this.list((): Update => ({ kind, path: this.path(), operand: this.#value() })));
      else this.#fail();
    }
    if (updates.length === 0) this.#fail();
    return updates;
  }

  list<T>(read: () => T): readonly T[] {
    const all = [read()];
    while (this.#skip(",")) all.push(read());
    return all;
  }

  path(): Path {
    const path: (string | number)[] = [this.#name()];
    for (;;) {
      if (this.#skip(".")) path.push(this.#name());
      else if (this.#skip("[")) {
        const index = this.#next();
        if (!/^\d+$/.test(index)) this.#fail();
        path.push(Number(index));
        this.#expect("]");
      } else return path;
    }
  }

  #joined(kind: "all" | "any", word: string, read: () => Condition): Condition {
    const first = read();
    if (!this.#isWord(word)) return first;
    const conditions = [first];
    while (this.#skipWord(word)) conditions.push(read());
    return { kind, conditions };
  }

  #negation(): Condition {
    if (this.#skipWord("NOT")) return { kind: "not", condition: this.#negation() };
    if (this.#skip("(")) return this.#closed(this.condition());
    const name = this.#tokens[this.#at] ?? "";
    const count = this.#tokens[this.#at + 1] === "(" ? tests.get(name) : undefined;
    if (count === undefined) return this.#comparison(this.#operand());
    this.#at += 2;
    const operands = this.list(() => this.#operand());
    if (operands.length !== count) this.#fail();
    return this.#closed({ kind: "test", name, operands });
  }

  #comparison(left: Operand): Condition {
    if (this.#skipWord("BETWEEN")) {
      const least = this.#operand();
      if (!this.#skipWord("AND")) this.#fail();
      return { kind: "between", operand: left, least, most: this.#operand() };
    }
    if (this.#skipWord("IN")) {
      this.#expect("(");
      return this.#closed({ kind: "in", operand: left, among: this.list(() => this.#operand()) });
    }
    const operator = this.#next();
    if (!comparators.has(operator)) this.#fail();
    return { kind: "compare", operator, left, right: this.#operand() };
  }

  #assignment(): Update {
    const path = this.path();
    this.#expect("=");
    const left = this.#operand();
    const sign = this.#skip("+") ? 1 : this.#skip("-") ? -1 : null;
    return { kind: "SET", path, operand: sign === null ? left : { kind: "sum", sign, left, right: this.#operand() } };
  }

  #operand(): Operand {
    const name = this.#tokens[this.#at] ?? "";
    if (name.startsWith(":")) return this.#value();
    const count = this.#tokens[this.#at + 1] === "(" ? calls.get(name) : undefined;
    if (count === undefined) return { kind: "path", path: this.path() };
    this.#at += 2;
    const operands = this.list(() => this.#operand());
    if (operands.length !== count) this.#fail();
    return this.#closed({ kind: "call", name, operands });
  }

  #value(): Operand {
    const name = this.#next();
    if (!/^:\w+$/.test(name)) this.#fail();
    return { kind: "value", name };
  }

  #name(): string {
    const name = this.#next();
    if (!/^#?\w+$/.test(name)) this.#fail();
    return name;
  }

  #closed<T>(value: T): T {
    this.#expect(")");
    return value;
  }

  #isWord(word: string): boolean {
    return this.#tokens[this.#at]?.toUpperCase() === word;
  }

  #skipWord(word: string): boolean {
    const is = this.#isWord(word);
    if (is) this.#at++;
    return is;
  }

  #skip(token: string): boolean {
    const is = this.#tokens[this.#at] === token;
    if (is) this.#at++;
    return is;
  }

  #expect(token: string): void {
    if (!this.#skip(token)) this.#fail();
  }

  #next(): string {
    return this.#tokens[this.#at++] ?? this.#fail();
  }

  #fail(): never {
    const place = this.#tokens.slice(Math.max(this.#at - 1, 0), this.#at + 2).join(" ");
    throw new ExpressionError(`Cannot read the expression near "${place}": ${this.#text}`);
  }
}
