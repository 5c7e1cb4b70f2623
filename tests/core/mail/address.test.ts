import { expect, test } from "bun:test";
import { type Address, addressKey, domainOf, parseAddress, parseDomain, parseReversePath } from "@sesame/core";
import fc from "fast-check";
import {
  addressOf,
  asciiAddress,
  localPartOf,
  sameAddress,
  sameMailbox,
  tableKeys,
  unicodeKey,
  withoutTag,
} from "../../../packages/core/mail/address.ts";
import { bad, good } from "../table.ts";

const long = (octets: number) => "a".repeat(octets);
good("parseAddress", parseAddress, [
  ["a@example.com", "a@example.com"],
  [" <a@example.com> ", "a@example.com", "angle brackets are no part of it"],
  ["Alice+tag@Example.COM", "Alice+tag@Example.COM", "the spelling is kept"],
  ['"john doe"@x.test', '"john doe"@x.test', "a quoted local part"],
  ['"a@evil x"@x.test', '"a@evil x"@x.test', "an @ within quotes"],
  ['"a\\"b\\\\"@x.test', '"a\\"b\\\\"@x.test', "quoted pairs"],
  ['"<>"@x.test', '"<>"@x.test', "brackets within quotes"],
  ['""@x.test', '""@x.test', "RFC 5321 §4.1.2 lets it be empty"],
  ["o'brien=x@x.test", "o'brien=x@x.test"],
  ["!#$%&'*+-/=?^_`{|}~@x.test", "!#$%&'*+-/=?^_`{|}~@x.test", "RFC 5322 §3.2.3"],
  ["a..b.@docomo.test", "a..b.@docomo.test", "real mailboxes have such dots"],
  [".hidden@x.test", ".hidden@x.test", "real mailboxes have such dots"],
  ["a@localhost", "a@localhost"],
  ["a@x_y.test", "a@x_y.test", "real hosts have such names"],
  ["a@x.test.", "a@x.test.", "a final dot"],
  ["a@[192.0.2.1]", "a@[192.0.2.1]", "an address literal"],
  ["a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]", "an address literal"],
  ["jörg@bücher.example", "jörg@bücher.example", "RFC 6531"],
  ["用户@例子.test", "用户@例子.test", "RFC 6531"],
  ["<@relay.test:a@x.test>", "a@x.test", "a source route is not followed (RFC 5321 §4.1.1.3)"],
  ["@relay.test,@other.test:a@x.test", "a@x.test", "a source route is not followed (RFC 5321 §4.1.1.3)"],
  [`${long(64)}@x.test`, `${long(64)}@x.test`, "as much as every host takes"],
  [`${long(200)}@x.test`, `${long(200)}@x.test`, "SRS and VERP are longer (RFC 5321 §4.5.3.1)"],
  [`${long(254 - 7)}@x.test`, `${long(247)}@x.test`, "a path of 256 octets with its brackets"],
]);
bad("parseAddress", parseAddress, [
  ["", "nothing"],
  ["<>", "nothing"],
  ["@", "nothing round it"],
  ["@x.test", "no local part"],
  ["a", "no domain"],
  ["a@", "no domain"],
  ["a@b@c", "an @ outside quotes"],
  ['"a"b@x.test', "half a quoted string"],
  ['"a@x.test', "a quoted string without end"],
  ['"a\\"@x.test', "a quoted string without end"],
  ["a@b>\r\nDATA", "it would end a command"],
  ["a>@b.test", "it would end a path"],
  ["<a@b.test", "half a bracket"],
  ["a@b.test>", "half a bracket"],
  ["<a@b.test> SIZE=1", "a parameter of a command"],
  ["a\0@b.test", "NUL"],
  ["a\u0085@b.test", "a control character of Latin-1"],
  ["a@b.\u0082", "a control character of Latin-1 in the domain"],
  ["a@b.é\u0000.test", "NUL in the domain"],
  ["a\u2028@b.test", "a line separator"],
  ["a\ud800@b.test", "half a character"],
  ['"a\r\nb"@c.test', "a line end inside quotes"],
  ['"a\u2028b"@c.test', "a line separator inside quotes"],
  ["a b@c.test", "a space outside quotes"],
  ["a@ c.test", "a space outside quotes"],
  ["a@c.test b", "a space outside quotes"],
  ["a,b@c.test", "two of a list"],
  ["a:b@c.test", "a colon"],
  ["a@-b.test", "a label starts with a hyphen"],
  ["a@b..test", "an empty label"],
  ["a@b.test..", "an empty label"],
  [`a@${long(64)}.test`, "a label of 64 octets"],
  ["a@b/c.test", "no host name"],
  ["a@[1.2.3.4", "half a literal"],
  ["a@[<>]", "no literal"],
  ["@relay.test:", "nothing behind a route"],
  [`${long(248)}@x.test`, "a path of 257 octets (RFC 5321 §4.5.3.1.3)"],
  [`${"ü".repeat(124)}@x.test`, "octets count, not characters"],
  [`${long(320)}@x.test`, "RFC 5321 §4.5.3.1.3"],
  [`a@${"x.".repeat(200_000)}test`, "no time is spent on it"],
]);
good("parseDomain", parseDomain, [
  ["EXAMPLE.com.", "example.com"],
  ["bücher.example", "xn--bcher-kva.example"],
  ["BU\u0308CHER.example", "xn--bcher-kva.example", "composed first"],
  ["例子。test", "xn--fsqu00a.test", "a full stop of another alphabet"],
  ["[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]"],
]);
bad("parseDomain", parseDomain, [
  ["", "nothing"],
  [".", "nothing"],
  ["a b.test", "a space"],
  ["é\u0082.test", "a control character, which Punycode would hide"],
  ["é\u2003.test", "a space of another kind"],
  ["a@b.test", "an address"],
  [`${"a.".repeat(130)}test`, "more than 255 octets (RFC 5321 §4.5.3.1.2)"],
  [`[${"1".repeat(100)}]`, "a literal beyond all bounds"],
]);

test("parseReversePath() knows each spelling of the null path and what is none", () => {
  for (const text of [undefined, null, "", "<>", "  ", " <> ", "< >"]) expect(parseReversePath(text)).toBeNull();
  for (const text of ["not an address", "@", "postmaster", "<a@b>c@d.test"]) expect(parseReversePath(text)).toBeUndefined();
  expect(parseReversePath("<prvs=1=a@x.test>")).toBe("prvs=1=a@x.test" as Address);
  expect(parseReversePath("<@relay.test:a@x.test>")).toBe("a@x.test" as Address);
});

const keys: [string, string, string][] = [
  ["Alice+Tag@Example.COM", "alice+tag@example.com", "alice@example.com"],
  ['"John"@BÜCHER.example', "john@xn--bcher-kva.example", "john@xn--bcher-kva.example"],
  ['"a\\"b c"@x.test', 'a"b c@x.test', 'a"b c@x.test'],
  ["J.o.h.n@x.test.", "j.o.h.n@x.test", "j.o.h.n@x.test"],
  ["JO\u0308RG@x.test", "jörg@x.test", "jörg@x.test"],
  ["a+b+c@x.test", "a+b+c@x.test", "a@x.test"],
  ["+a@x.test", "+a@x.test", "+a@x.test"],
  ["a+@x.test", "a+@x.test", "a@x.test"],
  ['"a+b@c"@x.test', "a+b@c@x.test", "a@x.test"],
];
for (const [text, key, plain] of keys) {
  test(`addressKey() and withoutTag() fold ${text}`, () => {
    expect([addressKey(text as Address), withoutTag(addressKey(text as Address))] as string[]).toEqual([key, plain]);
  });
}

test("unicodeKey() shows the domain as people read it", () => {
  const rows: [string, string][] = [
    ["A@xn--bcher-kva.example", "a@bücher.example"],
    ["a@BÜCHER.example", "a@bücher.example"],
    ["a@x.test", "a@x.test"],
    ["xn--a@x.test", "xn--a@x.test"],
    ["a@xn--99999999.test", "a@xn--99999999.test"],
    ["a@[192.0.2.1]", "a@[192.0.2.1]"],
  ];
  for (const [text, key] of rows) expect(unicodeKey(text as Address)).toBe(key);
});

test("sameAddress() and sameMailbox() look past letters, quotes, alphabets and tags, and never past dots", () => {
  const rows: [string, string, boolean, boolean][] = [
    ["a@x.test", "A@X.TEST", true, true],
    ['"a"@x.test', "a@x.test.", true, true],
    ["a@bücher.example", "a@xn--bcher-kva.example", true, true],
    ["a+t@x.test", "a@x.test", false, true],
    ["a+t@x.test", "a+u@x.test", false, true],
    ["a.b@x.test", "ab@x.test", false, false],
    ["a@x.test", "a@sub.x.test", false, false],
  ];
  for (const [a, b, same, mailbox] of rows)
    expect([a, b, sameAddress(a as Address, b as Address), sameMailbox(a as Address, b as Address)]).toEqual([a, b, same, mailbox]);
});

test("asciiAddress() is what a 7-bit header takes, or null", () => {
  const rows: [string, string | null][] = [
    ["a@x.test", "a@x.test"],
    ["a@BÜCHER.example", "a@xn--bcher-kva.example"],
    ["jörg@x.test", null],
    ['"a b"@x.test', '"a b"@x.test'],
    // Mailboxes with such dots exist, and the one lawful form of their names is quoted (RFC 5322 §3.4.1).
    ["a..b@x.test", '"a..b"@x.test'],
    [".a@x.test", '".a"@x.test'],
    ["a.@x.test", '"a."@x.test'],
    ["..@x.test", '".."@x.test'],
    ["a.b@x.test.", "a.b@x.test"],
    ["a@[192.0.2.1]", "a@[192.0.2.1]"],
  ];
  for (const [text, ascii] of rows) expect(asciiAddress(text as Address)).toBe(ascii as Address | null);
});

test("tableKeys() lists itself, without its tag, the catch-all", () => {
  expect(tableKeys("A+b+c@x.test" as Address)).toEqual(["a+b+c@x.test", "a@x.test", "*@x.test"]);
  expect(tableKeys("a@BÜCHER.example" as Address)).toEqual(["a@xn--bcher-kva.example", "*@xn--bcher-kva.example"]);
});

test("an address that was parsed can stand in a command, and folds without end", () => {
  const text = fc.string({ unit: fc.constantFrom(...'aA1.@"\\<>()[]:;, \r\n\t\0ü\u0301日\u2028+=-_'), maxLength: 24 });
  const likely = fc
    .tuple(text, fc.constantFrom("@x.test", "@[1.2.3.4]", "@bücher.example", ">@x.test", "\r\n@x.test"))
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(text, likely), (one) => {
      const parsed = parseAddress(one);
      if (!parsed.ok) return;
      const address = parsed.value;
      expect(one).toContain(address);
      // Outside quotes nothing ends the path or the line.
      expect(address.replace(/^"(?:[^"\\]|\\.)*"/, "")).not.toMatch(/[\s<>\u0000-\u001f\u007f-\u009f]/);
      expect(address).not.toMatch(/[\r\n\0]/);
      expect(parseAddress(`<${address}>`)).toEqual(parsed);
      expect([localPartOf(address).length > 0 || address.startsWith('""'), parseDomain(domainOf(address))]).toEqual([
        true,
        { ok: true, value: domainOf(address) },
      ]);
      expect(addressKey(`${addressKey(address)}` as Address).length).toBeGreaterThan(0);
    }),
    { numRuns: 3000 },
  );
});

test("a plain address means the same as any other spelling of it", () => {
  const local = fc.string({ unit: fc.constantFrom(...'ab9.+_=-"\u0301'), minLength: 1, maxLength: 12 });
  const label = fc.string({ unit: fc.constantFrom(..."xn-9_"), maxLength: 66 });
  const domain = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));
  const outcomes = { read: 0, refused: 0 };
  fc.assert(
    fc.property(local, domain, (local, domain) => {
      const texts = [`${local}@${domain}`, `${local.toUpperCase()}@${domain.toUpperCase()}`, `<${local}@${domain}>`];
      const [plain = null, upper = null, angled = null] = texts.map(addressOf);
      outcomes[plain === null ? "refused" : "read"]++;
      expect([upper === null, angled]).toEqual([plain === null, plain]);
      if (plain === null || upper === null) return;
      expect([addressKey(plain), domainOf(plain)]).toEqual([addressKey(upper), domainOf(upper)]);
      expect(tableKeys(plain)).toEqual(tableKeys(upper));
      expect(addressKey(addressKey(plain) as string as Address)).toBe(addressKey(plain));
    }),
    { numRuns: 2000 },
  );
  expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(200);
});
