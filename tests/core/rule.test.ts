import { expect, test } from "bun:test";
import { decodeRules, type EpochMs, isActive, type Rules } from "@sesame/core";

const away = { ooo_active: true, ooo_message: "I am away" };
const at = (text: string) => Date.parse(text) as EpochMs;
const activeAt = (rules: Rules, text: string) => rules.reply !== null && isActive(rules.reply, at(text));

// A wrong type switches a rule off, aloud, and never on by accident.
const off: [string, object, string][] = [
  ["ooo_active is a text", { ...away, ooo_active: "true" }, "ooo_active"],
  ["ooo_active is a number", { ...away, ooo_active: 1 }, "ooo_active"],
  ["ooo_active is null", { ...away, ooo_active: null }, "ooo_active"],
  ["there is no message", { ooo_active: true }, "ooo_message"],
  ["the message is empty", { ...away, ooo_message: "" }, "ooo_message"],
  ["the content type is unknown", { ...away, ooo_content_type: "markdown" }, "ooo_content_type"],
  ["the start has no offset", { ...away, ooo_start: "2026-01-01T08:00" }, "ooo_start"],
  ["the day does not exist", { ...away, ooo_end: "2026-02-30" }, "ooo_end"],
  ["the zone is unknown", { ...away, ooo_timezone: "Mars/Olympus" }, "ooo_timezone"],
];
for (const [why, row, name] of off) {
  test(`decodeRules() switches the reply off when ${why}`, () => {
    const rules = decodeRules(row);
    expect(rules.reply).toBeNull();
    expect(rules.errors).toEqual([
      expect.stringMatching(new RegExp(`^Cannot use the out-of-office rule as ${name}.*: current value is `, "s")),
    ]);
  });
}

test("decodeRules() is silent when a reply is not asked for", () => {
  for (const row of [{}, { ...away, ooo_active: false }, { ooo_message: "x", unknown: 1 }])
    expect(decodeRules(row)).toEqual({ reply: null, forwards: [], errors: [] });
});

test("isActive() takes a date as its whole day in the zone, through a change to summer time", () => {
  const rules = decodeRules({ ...away, ooo_start: "2026-03-29", ooo_end: "2026-03-29", ooo_timezone: "Europe/Berlin" });
  expect(activeAt(rules, "2026-03-28T22:59:59Z")).toBe(false);
  expect(activeAt(rules, "2026-03-28T23:00:00Z")).toBe(true);
  expect(activeAt(rules, "2026-03-29T21:59:59Z")).toBe(true); // the day has 23 hours
  expect(activeAt(rules, "2026-03-29T22:00:00Z")).toBe(false);
});

test("isActive() takes instants with offset as they are, the end not included", () => {
  const rules = decodeRules({ ...away, ooo_start: "2026-01-01T08:00+0100", ooo_end: "2026-01-02T00:00:00Z" });
  expect(["2026-01-01T06:59:59Z", "2026-01-01T07:00:00Z", "2026-01-02T00:00:00Z"].map((text) => activeAt(rules, text))).toEqual([
    false,
    true,
    false,
  ]);
});

test("decodeRules() takes each valid target once and names the others", () => {
  const rules = decodeRules({ forwards: new Set(["a@x.test", " A@X.test", "no address", 7]) });
  expect(rules.forwards).toEqual(["a@x.test"] as never);
  expect(rules.errors.length).toBe(2);
  expect(decodeRules({ forwards: "a@x.test" })).toMatchObject({ forwards: [], errors: [expect.stringContaining("list or set")] });
  expect(decodeRules({ forwards: Array.from({ length: 60 }, (_, i) => `u${i}@x.test`) }).forwards.length).toBe(50);
});

test("decodeRules() gives equal texts one hash, and others another", () => {
  const hash = (row: object) => decodeRules(row).reply?.textHash;
  expect(hash({ ...away, ooo_end: "2026-01-01" })).toBe(hash(away));
  expect(hash({ ...away, ooo_subject: "x" })).not.toBe(hash(away));
});
