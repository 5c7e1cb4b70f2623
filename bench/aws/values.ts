// Values: attribute values of DynamoDB as they travel, `{"S": "text"}`, and what expressions do with them. Numbers are compared
// and added as JavaScript numbers: beyond 2^53 they are not exact. DynamoDB API Reference, "AttributeValue".

export type Value = Readonly<Record<string, unknown>>;
export type Item = Readonly<Record<string, Value>>;

/** `S`, `N`, `L` and so on. */
export function typeOf(value: Value): string {
  return Object.keys(value)[0] ?? "";
}

/** Sets have no order; everything else is equal if it is written alike. */
export function isEqual(left: Value, right: Value): boolean {
  const type = typeOf(left);
  if (type !== typeOf(right)) return false;
  if (type === "N") return Number(left["N"]) === Number(right["N"]);
  if (type === "M") {
    const [one, other] = [left["M"] as Item, right["M"] as Item];
    const names = Object.keys(one);
    return names.length === Object.keys(other).length && names.every((name) => isEqualOrAbsent(one[name], other[name]));
  }
  if (type === "L") {
    const [one, other] = [listOf(left), listOf(right)];
    return one.length === other.length && one.every((value, index) => isEqualOrAbsent(value, other[index]));
  }
  if (isSet(left)) return [...membersOf(left)].sort().join("\n") === [...membersOf(right)].sort().join("\n");
  return left[type] === right[type];
}

function isEqualOrAbsent(left: Value | undefined, right: Value | undefined): boolean {
  return left !== undefined && right !== undefined && isEqual(left, right);
}

/** Less than 0, 0 or more than 0; `null` if the two have no order, because of their types. */
export function order(left: Value, right: Value): number | null {
  const type = typeOf(left);
  if (type !== typeOf(right)) return null;
  if (type === "N") return Number(left["N"]) - Number(right["N"]);
  if (type !== "S" && type !== "B") return null;
  const encoding = type === "S" ? "utf8" : "base64";
  return Buffer.compare(Buffer.from(String(left[type]), encoding), Buffer.from(String(right[type]), encoding));
}

export function isSet(value: Value): boolean {
  return "SS" in value || "NS" in value || "BS" in value;
}

/** The members of a set, as they travel. */
export function membersOf(value: Value): readonly string[] {
  return value[typeOf(value)] as readonly string[];
}

export function listOf(value: Value): readonly Value[] {
  return value["L"] as readonly Value[];
}

/** What `size()` gives: characters, octets, members or elements. */
export function sizeOf(value: Value): number {
  const content = value[typeOf(value)];
  if (typeof content === "string") return "B" in value ? Buffer.from(content, "base64").length : content.length;
  return Object.keys(content as object).length;
}
