// Lane values: rows of DynamoDB in the form of the wire, and as plain values. The same as the SDK's document client with the
// settings of dynamo-table.ts: a number that JavaScript cannot represent exactly is read as the nearest one.
// Amazon DynamoDB API Reference, "AttributeValue".

import type { Row } from "./hot-calls.ts";
import { GarbledError } from "./trouble.ts";

type Wire = Readonly<Record<string, unknown>>;

/** Plain values in the form of the wire. Throws for a value that only the SDK can write. */
export function toWire(values: Row): Record<string, Wire> {
  const written = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(written.map(([name, value]) => [name, wireOf(value)]));
}

function wireOf(value: unknown): Wire {
  if (typeof value === "string") return { S: value };
  if (typeof value === "boolean") return { BOOL: value };
  if (typeof value === "number" && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return { N: String(value) };
  if (value === null) return { NULL: true };
  if (Array.isArray(value)) return { L: value.filter((each) => each !== undefined).map(wireOf) };
  if (value instanceof Set && value.size > 0 && [...value].every((each) => typeof each === "string")) return { SS: [...value] };
  if (value instanceof Uint8Array) return { B: Buffer.from(value).toString("base64") };
  if (typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) return { M: toWire(value as Row) };
  throw new TypeError(`Cannot write a value: must be one of those that Sesame writes, is ${typeof value}`);
}

/** A row in the form of the wire as plain values. */
export function fromWire(row: unknown): Row {
  if (typeof row !== "object" || row === null || Array.isArray(row)) throw new GarbledError("a row is no object");
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plainOf(value)]));
}

function plainOf(wire: unknown): unknown {
  if (typeof wire !== "object" || wire === null) throw new GarbledError("a value has no type");
  const types = Object.keys(wire);
  if (types.length > 1) throw new GarbledError("a value has several types");
  const type = types[0] ?? "";
  const value = (wire as Wire)[type];
  if (type === "NULL") return null;
  if (type === "M") return fromWire(value);
  if (type === "BOOL" && typeof value === "boolean") return value;
  if (typeof value === "string") return scalarOf(type, value);
  if (Array.isArray(value)) return type === "L" ? value.map(plainOf) : new Set(value.map((each) => scalarOf(type.replace(/S$/, ""), each)));
  throw new GarbledError(`a value has the unknown type ${JSON.stringify(type)}`);
}

function scalarOf(type: string, text: string): unknown {
  if (type === "S") return text;
  if (type === "N") return Number(text);
  if (type === "B") return new Uint8Array(Buffer.from(text, "base64"));
  throw new GarbledError(`a value has the unknown type ${JSON.stringify(type)}`);
}
