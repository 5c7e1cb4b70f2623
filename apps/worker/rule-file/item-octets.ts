// Item octets: how large DynamoDB counts a row, so that an import can refuse one that it would not take.
// DynamoDB Developer Guide, "DynamoDB item sizes and formats".

const octetsOfUtf8 = (text: string) => Buffer.byteLength(text, "utf8");

/** The largest row (DynamoDB Developer Guide, "Quotas"). */
export const maxItemOctets: number = 400 * 1024;

/** Octets of a row with its key, at most. */
export function itemOctets(key: string, row: Readonly<Record<string, unknown>>): number {
  return octetsOfUtf8("email_address") + octetsOfUtf8(key) + membersOf(row);
}

function membersOf(map: Readonly<Record<string, unknown>>): number {
  return Object.entries(map).reduce((sum, [name, value]) => sum + octetsOfUtf8(name) + octetsOf(value), 0);
}

function octetsOf(value: unknown): number {
  if (typeof value === "string") return octetsOfUtf8(value);
  if (typeof value === "number") return 21; // at most
  if (Array.isArray(value)) return value.reduce<number>((sum, each) => sum + 1 + octetsOf(each), 3);
  if (typeof value !== "object" || value === null) return 1;
  return 3 + Object.keys(value).length + membersOf(value as Readonly<Record<string, unknown>>);
}
