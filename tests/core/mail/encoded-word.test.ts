import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { simpleParser } from "mailparser";
import { decodeWords, encodeWords } from "../../../packages/core/mail/encoded-word.ts";
import { renderField, safeText } from "../../../packages/core/mail/header-write.ts";
import { busyTime } from "../../busy-time.ts";

/** A word of Base64. */
const b = (text: string, charset = "utf-8") => `=?${charset}?B?${Buffer.from(text).toString("base64")}?=`;

describe("decodeWords()", () => {
  const rows: [string, string, string][] = [
    // why, value, decoded
    ["there is no word", "plain = ?text?", "plain = ?text?"],
    ["it is Q", "=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"],
    ["it is B", "=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"],
    ["everything is in lower case", "=?iso-8859-1?q?gr=fc=dfe?=", "grüße"],
    ["an underscore is a space", "=?utf-8?Q?a_b=5Fc?=", "a b_c"],
    ["there is text around it", "Re: =?utf-8?Q?=C3=BC?= (was)", "Re: ü (was)"],
    ["two words stand apart", "=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"],
    ["two words stand apart by a fold and tabs", "=?utf-8?Q?a?=\t  =?utf-8?B?Yg==?=", "ab"],
    ["two words stand with nothing between them", "=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"],
    ["text stands between two words", "=?utf-8?Q?a?= x =?utf-8?Q?b?=", "a x b"],
    ["a character is split across words", "=?UTF-8?B?w7w=?= =?UTF-8?Q?_=C3?= =?UTF-8?Q?=BC?=", "ü ü"],
    ["a character is split across B words", "=?utf-8?B?8J+Z?= =?utf-8?B?gg==?=", "🙂"],
    ["two charsets meet", "=?utf-8?Q?=C3=BC?= =?iso-8859-1?Q?=FC?=", "üü"],
    ["a split character meets another charset", "=?utf-8?Q?=C3?= =?iso-8859-1?Q?=BC?=", "\ufffd¼"],
    ["a language is named (RFC 2231 §5)", "=?us-ascii*en-US?Q?Keith_Moore?=", "Keith Moore"],
    ["the charset is unknown", "a =?x-unknown?Q?=FC?= b", "a ü b"],
    ["the charset is no name at all", "=?\u{1}?Q?a?= =?*en?Q?b?=", "=?\u{1}?Q?a?= b"],
    ["the charset is windows-1252, its gaps included", "=?windows-1252?Q?=80_=9F_=81?= =?x-unknown?Q?=93?=", "€ Ÿ \u0081“"],
    ["the charset is Japanese", "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"],
    ["the octets are not of the charset", "=?utf-8?Q?=FF=FE?=", "\ufffd\ufffd"],
    ["an escape has no digits", "=?utf-8?Q?=ZZ=4?=", "=ZZ=4"],
    ["the text is empty", "a =?utf-8?Q??= b", "a  b"],
    ["white space stands inside", "=?utf-8?Q?hello world?= =?utf-8?B?R3L DvA==?=", "hello worldGrü"],
    ["it is longer than the rules allow", `=?utf-8?Q?${"=C3=BC".repeat(500)}?=`, "ü".repeat(500)],
    ["the Base64 is none", "=?utf-8?B?@@@?= =?utf-8?B?YQ?=", "=?utf-8?B?@@@?= a"],
    ["the encoding is unknown", "=?utf-8?X?abc?=", "=?utf-8?X?abc?="],
    ["it never ends", "=?utf-8?Q?abc", "=?utf-8?Q?abc"],
    ["X33 UTF-8 stands inside", "=?utf-8?Q?aüb?=", "aüb"],
    ["X33 octets of its charset stand inside", "=?iso-8859-1?Q?Die_Fr\u00f6sche?=", "Die Frösche"],
    ["X33 UTF-8 stands inside a header that is no UTF-8", "=?utf-8?Q?a\u00c3\u00bcb?=", "aüb"],
    ["X33 letters beyond its charset stand inside", "=?iso-8859-1?Q?=E4_日本?=", "\ufffd 日本"],
    ["X33 a question mark stands inside", "=?utf-8?Q?Why_not??= =?utf-8?Q?_now?=", "Why not? now"],
    ["X32 each word of a stateful charset begins anew", "=?iso-2022-jp?B?GyRCRnwbKEI=?= =?iso-2022-jp?B?GyRCS1wbKEI=?=", "日本"],
    ["a word is in a word", b("=?utf-8?Q?=41?="), "=?utf-8?Q?=41?="],
    ["words overlap", "=?utf-8?Q?=?utf-8?Q?a?=?=", "=?utf-8?Q?a?="],
  ];
  for (const [why, value, decoded] of rows) {
    test(`decodeWords() reads on when ${why}`, () => {
      expect(decodeWords(value)).toBe(decoded);
    });
  }

  const hostile: [string, string, string][] = [
    ["CRLF", "=?utf-8?Q?hi=0D=0ABcc:_evil=40x.test?=", "hi\r\nBcc: evil@x.test"],
    ["CRLF in Base64", b("hi\r\nBcc: evil@x.test"), "hi\r\nBcc: evil@x.test"],
    ["NUL", "=?utf-8?Q?a=00b?=", "a\0b"],
    ["U+2028", "=?utf-8?Q?a=E2=80=A8b?=", "a\u2028b"],
    ["NEL", "=?iso-8859-1?Q?a=85b?=", "a…b"],
    ["UTF-16 line ends", "=?utf-16le?B?aABpAA0ACgB4AA==?=", "hi\r\nx"],
    ["an address", b('a" <evil@x.test>, "b'), 'a" <evil@x.test>, "b'],
  ];
  for (const [what, value, decoded] of hostile) {
    test(`decodeWords() gives a text that is harmless once it is safe when it hides ${what}`, () => {
      expect(decodeWords(value)).toBe(decoded);
      const rendered = renderField("Subject", { kind: "text", text: safeText(decodeWords(value)) });
      expect(rendered.ok && rendered.value.split(/\r\n(?! )/).length).toBe(2);
    });
  }

  const long: [string, string][] = [
    ["frames that never close", "=?a?q?".repeat(40_000)],
    ["frames with a space", "=?a?q? ".repeat(40_000)],
    ["one word without end", `=?utf-8?Q?${"a".repeat(250_000)}`],
    ["one word of escapes", `=?utf-8?Q?${"=41".repeat(80_000)}?=`],
    ["words of one octet", "=?a?q?a?= ".repeat(25_000)],
    ["words of two charsets in turn", "=?a?q?a?= =?b?q?a?= ".repeat(12_500)],
    ["Base64 that is none", "=?a?b?@?= ".repeat(25_000)],
    ["spaces", `=?a?q?a?=${" ".repeat(250_000)}x`],
    ["equal signs", `${"=".repeat(250_000)}?`],
  ];
  for (const [what, value] of long) {
    test(`decodeWords() takes no longer than its length when it is given ${what}`, () => {
      const busyMs = busyTime();
      decodeWords(`${value}=?`);
      expect(busyMs()).toBeLessThan(500);
    });
  }

  test("decodeWords() gives back any text without words, and never throws", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."=?QqBb_utf-8 aü\r\n\0"), maxLength: 60 }), (value) => {
        const decoded = decodeWords(value);
        if (!/=\?[^?]+\?[bq]\?[^?]*\?=/i.test(value)) expect(decoded).toBe(value);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("encodeWords()", () => {
  const anyText = fc
    .string({
      unit: fc.oneof(
        fc.constantFrom(...'ab =?_."<>@'),
        fc.constantFrom("ü", "日", "🙂", "\u00a0"),
        fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
      ),
      maxLength: 300,
    })
    .filter((text) => !/\p{Surrogate}/u.test(text));

  test("encodeWords() makes words of at most 75 octets, of whole characters, that read back as the text", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 20, max: 75 }), (text, first) => {
        const words = encodeWords(text, first);
        for (const word of words) expect(word).toMatch(/^=\?UTF-8\?[BQ]\?[A-Za-z0-9!*+\-/=_]+\?=$/);
        for (const [index, word] of words.entries()) expect(word.length).toBeLessThanOrEqual(index === 0 ? Math.max(first, 24) : 75);
        expect(words.map((word) => decodeWords(word)).join("")).toBe(text);
        expect(decodeWords(words.join(" "))).toBe(text);
        expect(decodeWords(words.join("\r\n "))).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });

  test("encodeWords() is read by another parser as it is meant", async () => {
    await fc.assert(
      fc.asyncProperty(anyText, async (input) => {
        const text = safeText(input);
        const rendered = renderField("Subject", { kind: "text", text });
        if (!rendered.ok) throw new Error(rendered.error);
        const parsed = await simpleParser(Buffer.from(`${rendered.value}X-Next: here\r\n\r\nbody`));
        expect(parsed.subject ?? "").toBe(text);
        expect(parsed.headers.get("x-next")).toBe("here");
      }),
      { numRuns: 300 },
    );
  });
});
