import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseMailboxes } from "../../../packages/core/mail/mailbox.ts";
import { busyTime } from "../../busy-time.ts";

const rows: [string, string[], string?][] = [
  ["a@x.test", ["|a@x.test"]],
  ["<a@x.test>", ["|a@x.test"]],
  ["  Bob   <a@x.test> ", ["Bob|a@x.test"]],
  ["J. R. Doe <a@x.test>", ["J. R. Doe|a@x.test"], "dots in a name stay"],
  ['"Doe, John" <a@x.test>, b@x.test (Bob)', ["Doe, John|a@x.test", "Bob|b@x.test"]],
  ['"a \\"quoted\\" \\\\ name" <a@x.test>', ['a "quoted" \\ name|a@x.test']],
  ['"one" "two" <a@x.test>', ["one two|a@x.test"]],
  ['"john doe"@x.test', ['|"john doe"@x.test'], "quotes in an address stay"],
  ['<"john, doe"@x.test>', ['|"john, doe"@x.test']],
  ['<"a>b"@x.test>', ['|"a>b"@x.test'], "a bracket within quotes"],
  ["Team: a@x.test, B <b@x.test>;", ["|a@x.test", "B|b@x.test"], "a group"],
  ["One: a@x.test;, Two: b@x.test; c@x.test", ["|a@x.test", "|b@x.test", "|c@x.test"], "groups among others"],
  ["undisclosed-recipients:;", [], "an empty group"],
  ["A (comment) <a@x.test>", ["A|a@x.test"]],
  ["a@x.test (one (two) \\) three)", ["one (two) \\) three|a@x.test"], "comments nest"],
  ["<a(x)@(y)x.test>", ["|a@x.test"], "comments within an address"],
  ["a (x) @ (y) x.test", ["y|a@x.test"], "comments within an address"],
  ["( b@x.test ) a@x.test", ["b@x.test|a@x.test"], "no address is in a comment"],
  ["a . b @ x . test", ["|a.b@x.test"], "the obsolete spaces of RFC 5322 §4.4"],
  ["< a @ x.test >", ["|a@x.test"]],
  ["<@relay.test:a@x.test>", ["|a@x.test"], "a source route"],
  ["@relay.test:a@x.test", ["|a@x.test"], "a source route"],
  ["a@[192.0.2.1], b@[IPv6:2001:db8::1]", ["|a@[192.0.2.1]", "|b@[IPv6:2001:db8::1]"], "address literals"],
  ['"ceo@bank.test" <evil@x.test>', ["ceo@bank.test|evil@x.test"], "a display name is no address"],
  ["ceo@bank.test <evil@x.test>", ["ceo@bank.test|evil@x.test"], "nor without quotes"],
  ['"ceo@bank.test"', [], "nor alone"],
  ["ceo@bank.test (evil@x.test)", ["evil@x.test|ceo@bank.test"], "nor is a comment"],
  ["a@x.test; b@x.test", ["|a@x.test", "|b@x.test"], "a list as Outlook writes it"],
  ["a@x.test b@x.test", ["|a@x.test", "|b@x.test"], "a list without commas"],
  ["Bob a@x.test", ["|a@x.test"], "no brackets"],
  ["<a@x.test> <b@x.test>", ["|a@x.test", "|b@x.test"], "two in one"],
  ["Bob <a@x.test", ["|a@x.test"], "half a bracket"],
  ["Bob a@x.test>", ["|a@x.test"], "half a bracket"],
  ["Bob <a@x.test, Eve <b@x.test>", ["|a@x.test", "|b@x.test"], "half a bracket"],
  ['"Bob <a@x.test>', ["Bob|a@x.test"], "half a quotation mark"],
  ["(Bob <a@x.test>", ["Bob|a@x.test"], "half a comment"],
  ["a@x.test (Bob", ["|a@x.test"], "half a comment"],
  ["a@[192.0.2.1", ["|a@192.0.2.1"], "half a literal"],
  ["a@x.test X-Evil: 1", ["|a@x.test"], "what was a bare CR"],
  ["a@x.test: b@y.test;", ["|a@x.test", "|b@y.test"], "no name of a group holds an @"],
  ["mailto:a@x.test", ["|a@x.test"]],
  ["evil@x.test <>", ["|evil@x.test"], "nothing in the brackets"],
  ["evil@x.test <not an address>", ["|evil@x.test"]],
  ["garbage, <not an address>, , ;", []],
  [",a@x.test,,", ["|a@x.test"]],
  ["jörg@bücher.example", ["|jörg@bücher.example"]],
  ["", []],
];
for (const [value, found, why] of rows) {
  test(`parseMailboxes() reads ${JSON.stringify(value)}${why ? `: ${why}` : ""}`, () =>
    expect(parseMailboxes(value).map(({ name, address }) => `${name}|${address}`)).toEqual(found));
}

test("parseMailboxes() takes linear time, whatever a sender opens and never closes", () => {
  const count = 64 * 1024;
  const hostile = [
    "(",
    "<",
    '"',
    "[",
    "(<",
    '"(',
    "<(",
    "a@x.test<",
    "()",
    '""',
    "\\",
    " ",
    ":",
    ",",
    "a ",
    ". ",
    '<"',
    '\\"',
    "(\\",
    "@",
    "a@",
    "<>",
  ];
  const busyMs = busyTime();
  for (const piece of hostile) {
    parseMailboxes(piece.repeat(count / piece.length));
    parseMailboxes(`${piece.repeat(count / piece.length)} <a@x.test>`);
  }
  expect(busyMs() / hostile.length).toBeLessThan(500); // quadratic work takes minutes
  expect(parseMailboxes("a@x.test, ".repeat(6000)).length).toBe(1000);
});

test("parseMailboxes() never throws, and all that it finds are addresses", () => {
  const value = fc.string({ unit: fc.constantFrom(...'ab@x.,;:<>()"\\[] \r\n\tü'), maxLength: 40 });
  fc.assert(
    fc.property(value, (one) => {
      for (const { address } of parseMailboxes(one)) expect(address).toMatch(/^(?:[^\s<>]+|"(?:[^"\\\r\n]|\\.)*")@[^\s@<>]+$/);
    }),
    { numRuns: 5000 },
  );
});
