// Rows in the form of the wire: the same as the SDK's document client writes and reads.

import { describe, expect, test } from "bun:test";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import fc from "fast-check";
import { fromWire, toWire } from "../../packages/aws-adapters/lane-values.ts";
import { rows } from "./wire-tap.ts";

/** As JSON carries it: binary values in base64. */
const onTheWire = (row: unknown) =>
  JSON.parse(JSON.stringify(row, (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value)));

test("toWire() writes what the SDK writes, and fromWire() reads it back as the SDK does", () => {
  const property = fc.property(rows, (row) => {
    const wire = marshall(row, { removeUndefinedValues: true });
    expect(onTheWire(toWire(row))).toEqual(onTheWire(wire));
    expect(fromWire(onTheWire(wire))).toEqual(unmarshall(wire, { wrapNumbers: Number }));
  });
  fc.assert(property, { numRuns: Number(process.env["RUNS"] ?? 1000), seed: Number(process.env["SEED"] ?? 20260101) });
});

describe("fromWire()", () => {
  const good: readonly (readonly [unknown, unknown])[] = [
    [{ a: { N: "12345678901234567890123" } }, { a: Number("12345678901234567890123") }], // a number that is not exact
    [{ a: { NS: ["1", "2.5"] } }, { a: new Set([1, 2.5]) }],
    [{ a: { BS: ["AQI="] } }, { a: new Set([new Uint8Array([1, 2])]) }],
    [
      { a: { M: {} }, b: { L: [] }, c: { S: "" } },
      { a: {}, b: [], c: "" },
    ],
    [JSON.parse('{"__proto__": {"S": "x"}}'), JSON.parse('{"__proto__": "x"}')], // a name like any other
  ];
  test.each(good)("reads %j", (wire, row) => {
    expect(fromWire(wire)).toEqual(row as never);
  });
  const bad = [
    null,
    [],
    "x",
    { a: {} },
    { a: { S: 1 } },
    { a: { X: "1" } },
    { a: { S: "1", N: "1" } },
    { a: { XS: ["1"] } },
    { a: { BOOL: "true" } },
    { a: null },
  ];
  test.each(bad.map((wire) => [wire]))("throws for %j", (wire) => {
    expect(() => fromWire(wire)).toThrow();
  });
});

test("toWire() leaves to the SDK what Sesame does not write", () => {
  for (const value of [Number.NaN, 2 ** 60, 1n, new Date(0), new Set(), new Set([1]), new Map(), () => {}])
    expect(() => toWire({ value })).toThrow(TypeError);
  expect(toWire({ a: undefined, b: [undefined, 1] })).toEqual({ b: { L: [{ N: "1" }] } });
});
