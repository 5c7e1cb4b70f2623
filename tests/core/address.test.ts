import { expect, test } from "bun:test";
import { type Address, addressKey, parseAddress, parseDomain, parseMailboxes, parseReversePath, tableKeys } from "@sesame/core";
import { bad, good } from "./table.ts";

good("parseAddress", parseAddress, [
  ["a@example.com", "a@example.com"],
  [" <a@example.com> ", "a@example.com", "angle brackets are no part of it"],
  ["Alice+tag@Example.COM", "Alice+tag@Example.COM", "the spelling is kept"],
  ['"john doe"@x.test', '"john doe"@x.test', "a quoted local part"],
  ["o'brien=x@x.test", "o'brien=x@x.test"],
  ["a..b.@docomo.test", "a..b.@docomo.test", "real mailboxes have such dots"],
  ["a@[192.0.2.1]", "a@[192.0.2.1]", "an address literal"],
  ["jörg@bücher.example", "jörg@bücher.example", "RFC 6531"],
]);
bad("parseAddress", parseAddress, [
  ["", "nothing"],
  ["@x.test", "no local part"],
  ["a", "no domain"],
  ["a@", "no domain"],
  ["a@b@c", "an @ outside quotes"],
  ["a@b>\r\nDATA", "it would end a command"],
  ["a\0@b.test", "NUL"],
  ['"a\r\nb"@c.test', "a line end inside quotes"],
  ["a b@c.test", "a space outside quotes"],
  ["a@-b.test", "a label starts with a hyphen"],
  [`${"a".repeat(300)}@b.test`, "RFC 5321 §4.5.3.1.3"],
]);
good("parseDomain", parseDomain, [
  ["EXAMPLE.com.", "example.com"],
  ["bücher.example", "xn--bcher-kva.example"],
]);

test("parseReversePath() knows each spelling of the null path and what is none", () => {
  for (const text of [undefined, null, "", "<>", "  "]) expect(parseReversePath(text)).toBeNull();
  expect(parseReversePath("not an address")).toBeUndefined();
  expect(parseReversePath("<prvs=1=a@x.test>")).toBe("prvs=1=a@x.test" as Address);
});

test("addressKey() folds case, quotes and alphabets", () => {
  expect(addressKey('"John"@BÜCHER.example' as Address)).toBe("john@xn--bcher-kva.example" as never);
});

test("tableKeys() lists itself, without its tag, the catch-all", () => {
  expect(tableKeys("A+b+c@x.test" as Address)).toEqual(["a+b+c@x.test", "a@x.test", "*@x.test"]);
  expect(tableKeys("a@x.test" as Address)).toEqual(["a@x.test", "*@x.test"]);
});

test("parseMailboxes() reads lists as they occur", () => {
  const rows: [string, string[]][] = [
    ["a@x.test", ["|a@x.test"]],
    ['"Doe, John" <a@x.test>, b@x.test (Bob)', ["Doe, John|a@x.test", "Bob|b@x.test"]],
    ["Team: a@x.test, B <b@x.test>;", ["|a@x.test", "B|b@x.test"]],
    ['"ceo@bank.test" <evil@x.test>', ["ceo@bank.test|evil@x.test"]],
    ["<@relay.test:a@x.test>", ["|a@x.test"]],
    ["undisclosed-recipients:;", []],
    ["garbage, <not an address>", []],
    ["a@x.test\rX-Evil: 1", []],
  ];
  for (const [value, found] of rows) expect(parseMailboxes(value).map(({ name, address }) => `${name}|${address}`)).toEqual(found);
});
