// Expressions: evaluates conditions and updates on an item, as DynamoDB does. All operands are those of the item before the
// update. An expression is parsed once and kept, because a worker sends the same few again and again.

import {
  type Condition,
  ExpressionError,
  type Operand,
  type Path,
  parseCondition,
  parseProjection,
  parseUpdate,
  type Update,
} from "./expression-parser.ts";
import { type Item, isEqual, isSet, listOf, membersOf, order, sizeOf, typeOf, type Value } from "./values.ts";

/** What a request brings for its expressions. */
export type Placeholders = Readonly<{
  ExpressionAttributeNames?: Readonly<Record<string, string>>;
  ExpressionAttributeValues?: Item;
}>;

type Scope = Readonly<{ item: Item; placeholders: Placeholders }>;
type Mutable = Record<string, Value>;

/** Keeps what was parsed. One for each table server. */
export class Expressions {
  readonly #conditions = new Map<string, Condition>();
  readonly #updates = new Map<string, readonly Update[]>();

  holds(text: string, item: Item, placeholders: Placeholders): boolean {
    return holds(kept(this.#conditions, text, parseCondition), { item, placeholders });
  }

  /** A new item; the old one is unchanged. */
  updated(text: string, item: Item, placeholders: Placeholders): Item {
    const scope = { item, placeholders };
    const updates = kept(this.#updates, text, parseUpdate).map((update) => ({ ...update, path: named(update.path, placeholders) }));
    const operands = updates.map((update) => (update.kind === "REMOVE" ? undefined : operandOf(update.operand, scope)));
    const after: Mutable = updates.some(({ path }) => path.length > 1) ? structuredClone(item) : { ...item };
    for (const [index, update] of updates.entries()) if (update.kind !== "REMOVE") write(after, update, operands[index]);
    // Elements of a list leave from its end, so that no index moves.
    const removed = updates.filter(({ kind }) => kind === "REMOVE").map(({ path }) => path);
    for (const path of removed.sort((a, b) => Number(b.at(-1)) - Number(a.at(-1)))) remove(after, path);
    return after;
  }

  /** The top-level attributes that a projection names, or that an update changes. */
  namesIn(text: string, kind: "projection" | "update", placeholders: Placeholders): readonly string[] {
    const paths = kind === "projection" ? parseProjection(text) : kept(this.#updates, text, parseUpdate).map(({ path }) => path);
    return paths.map((path) => String(named(path, placeholders)[0]));
  }
}

function kept<T>(map: Map<string, T>, text: string, parse: (text: string) => T): T {
  const known = map.get(text);
  if (known !== undefined) return known;
  const parsed = parse(text);
  if (map.size < 1000) map.set(text, parsed);
  return parsed;
}

function holds(condition: Condition, scope: Scope): boolean {
  switch (condition.kind) {
    case "all":
      return condition.conditions.every((each) => holds(each, scope));
    case "any":
      return condition.conditions.some((each) => holds(each, scope));
    case "not":
      return !holds(condition.condition, scope);
    case "between": {
      const [value, least, most] = [condition.operand, condition.least, condition.most].map((each) => operandOf(each, scope));
      return compares(">=", value, least) && compares("<=", value, most);
    }
    case "in":
      return condition.among.some((each) => compares("=", operandOf(condition.operand, scope), operandOf(each, scope)));
    case "compare":
      return compares(condition.operator, operandOf(condition.left, scope), operandOf(condition.right, scope));
    case "test":
      return passes(
        condition.name,
        condition.operands.map((each) => operandOf(each, scope)),
      );
  }
  condition satisfies never;
}

/** An attribute that is absent differs from every value, and has no order. */
function compares(operator: string, left: Value | undefined, right: Value | undefined): boolean {
  const same = left !== undefined && right !== undefined && isEqual(left, right);
  if (operator === "=") return same;
  if (operator === "<>") return !same;
  const difference = left === undefined || right === undefined ? null : order(left, right);
  if (difference === null) return false;
  if (operator === "<") return difference < 0;
  if (operator === "<=") return difference <= 0;
  return operator === ">" ? difference > 0 : difference >= 0;
}

function passes(name: string, [value, other]: readonly (Value | undefined)[]): boolean {
  if (name === "attribute_exists") return value !== undefined;
  if (name === "attribute_not_exists") return value === undefined;
  if (value === undefined || other === undefined) return false;
  if (name === "attribute_type") return typeOf(value) === other["S"];
  if (name === "begins_with") return "S" in value && "S" in other && String(value["S"]).startsWith(String(other["S"]));
  if (isSet(value)) return membersOf(value).includes(String(other[typeOf(other)]));
  if ("L" in value) return listOf(value).some((element) => isEqual(element, other));
  return "S" in value && "S" in other && String(value["S"]).includes(String(other["S"]));
}

function operandOf(operand: Operand, scope: Scope): Value | undefined {
  switch (operand.kind) {
    case "path":
      return find(scope.item, named(operand.path, scope.placeholders));
    case "value":
      return scope.placeholders.ExpressionAttributeValues?.[operand.name] ?? fail(`there is no value ${operand.name}`);
    case "sum": {
      const [left, right] = [operand.left, operand.right].map((each) => numberOf(operandOf(each, scope)));
      return { N: String((left ?? 0) + operand.sign * (right ?? 0)) };
    }
    case "call":
      return result(
        operand.name,
        operand.operands.map((each) => operandOf(each, scope)),
      );
  }
  operand satisfies never;
}

function result(name: string, [left, right]: readonly (Value | undefined)[]): Value | undefined {
  if (name === "if_not_exists") return left ?? right;
  if (name === "size") return left && { N: String(sizeOf(left)) };
  if (!left || !right || !("L" in left) || !("L" in right)) return fail("list_append needs two lists");
  return { L: [...listOf(left), ...listOf(right)] };
}

function numberOf(value: Value | undefined): number {
  return value !== undefined && "N" in value ? Number(value["N"]) : fail("a sum needs two numbers");
}

function named(path: Path, { ExpressionAttributeNames: names }: Placeholders): Path {
  return path.map((part) =>
    typeof part === "string" && part.startsWith("#") ? (names?.[part] ?? fail(`there is no name ${part}`)) : part,
  );
}

function find(item: Item, path: Path): Value | undefined {
  let found: Value | undefined = { M: item };
  for (const part of path) found = found === undefined ? undefined : inside(found)?.[part as never];
  return found;
}

/** The content of a map or a list. */
function inside(value: Value): Mutable | undefined {
  return (value["M"] ?? value["L"]) as Mutable | undefined;
}

function write(item: Mutable, update: Exclude<Update, { kind: "REMOVE" }>, operand: Value | undefined): void {
  if (operand === undefined) fail("the update names an attribute that does not exist");
  const { path, kind } = update;
  const last = path.at(-1) as never;
  const holder = inside(find(item, path.slice(0, -1)) ?? {}) ?? fail("the document path does not exist");
  const next = kind === "SET" ? operand : kind === "ADD" ? added(holder[last], operand) : without(holder[last], operand);
  if (next === undefined) delete holder[last];
  else if (Array.isArray(holder)) holder[Math.min(Number(last), holder.length)] = next;
  else holder[last] = next as never;
}

function added(value: Value | undefined, more: Value): Value {
  if ("N" in more) return { N: String((value === undefined ? 0 : numberOf(value)) + Number(more["N"])) };
  if (!isSet(more)) return fail("ADD needs a number or a set");
  if (value === undefined) return more;
  if (typeOf(value) !== typeOf(more)) return fail("ADD needs two sets of one type");
  return { [typeOf(more)]: [...new Set([...membersOf(value), ...membersOf(more)])] };
}

/** DynamoDB has no empty set: the attribute goes with its last member. */
function without(value: Value | undefined, less: Value): Value | undefined {
  if (!isSet(less)) return fail("DELETE needs a set");
  if (value === undefined) return undefined;
  if (typeOf(value) !== typeOf(less)) return fail("DELETE needs two sets of one type");
  const gone = new Set(membersOf(less));
  const left = membersOf(value).filter((member) => !gone.has(member));
  return left.length === 0 ? undefined : { [typeOf(less)]: left };
}

function remove(item: Mutable, path: Path): void {
  const holder = inside(find(item, path.slice(0, -1)) ?? {});
  const last = path.at(-1) as never;
  if (Array.isArray(holder)) holder.splice(Number(last), 1);
  else if (holder !== undefined) delete holder[last];
}

function fail(reason: string): never {
  throw new ExpressionError(`Cannot evaluate the expression: ${reason}`);
}
