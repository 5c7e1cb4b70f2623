import { expect, test } from "bun:test";
import fc from "fast-check";
import { parameterTexts, parseParameters, writeParameters } from "../../../packages/core/mail/mime-parameter.ts";
import { busyTime } from "../../busy-time.ts";

const written: [string, string, string][] = [
  ["text/plain; charset=utf-8", "text/plain; charset=utf-8", "as it is"],
  ['multipart/mixed;\tboundary="=_a b"', 'multipart/mixed; boundary="=_a b"', "a quoted boundary"],
  ['multipart/mixed; boundary="a  b"', 'multipart/mixed; boundary="a  b"', "two spaces are two"],
  ["text/plain; charset=utf-8;", "text/plain; charset=utf-8", "a last semicolon: nothing stands behind it"],
  ['multipart/mixed\tboundary="b"', "multipart/mixed; boundary=b", "the first semicolon is missing"],
  ["text/plain; charset=utf-8 format=flowed", "text/plain; charset=utf-8; format=flowed", "another semicolon is missing"],
  ['a/b; x="1" y="2"', "a/b; x=1; y=2", "and another"],
  ["a/b; name=my plan.pdf", 'a/b; name="my plan.pdf"', "no missing semicolon but an unquoted name"],
  ["a/b; name==?utf-8?Q?a=20b?= =?utf-8?Q?c?=", 'a/b; name="=?utf-8?Q?a=20b?= =?utf-8?Q?c?="', "unquoted encoded words"],
  ["text/html; charset", "text/html", "a parameter without a value, which SES refuses"],
  ["text/html; =utf-8; ; format = flowed", "text/html; format=flowed", "a value without a name, and blanks"],
  ["text/plain; charset=us-ascii (Plain text)", "text/plain; charset=us-ascii", "a comment (RFC 2045 §5.1)"],
  ["application/pdf; name=plan (1).pdf", 'application/pdf; name="plan (1).pdf"', "no comment but an unquoted name"],
  ['application/pdf; name="say \\"hi\\".pdf"', 'application/pdf; name="say \\"hi\\".pdf"', "quoted pairs"],
  ['application/pdf; name="open', "application/pdf; name=open", "a quote that never ends"],
  ["a/b; x=1; X=2", "a/b; x=1", "the first of a name"],
  ["a/b; name*=utf-8''Gr%C3%B6%C3%9Fe.pdf", "a/b; name*=utf-8''Gr%C3%B6%C3%9Fe.pdf", "an extended value (RFC 2231 §4)"],
  ['a/b; name*0="first "; name*1=second', 'a/b; name*0="first "; name*1=second', "a continued value (RFC 2231 §3)"],
  ['a/b; name="=?utf-8?Q?Gr=C3=B6=C3=9Fe?="', 'a/b; name="=?utf-8?Q?Gr=C3=B6=C3=9Fe?="', "an encoded word stays one"],
  ['a/b; name="Größe.pdf"', "a/b; name*=utf-8''Gr%C3%B6%C3%9Fe.pdf", "8-bit text has no other lawful form"],
  ["a/b; name=\"Größe.pdf\"; name*=utf-8''x", "a/b; name*=utf-8''x", "where the extended form stands beside it"],
  ['a/b; name="a\r\nBcc: x@y"', 'a/b; name="a Bcc: x@y"', "line ends are none"],
];
for (const [value, expected, why] of written) {
  test(`writeParameters() writes ${JSON.stringify(value).slice(0, 60)} well: ${why}`, () => {
    expect(writeParameters(parseParameters(value))).toBe(expected);
  });
}

test("writeParameters() splits what no line holds, and leaves out what none can bear", () => {
  const long = writeParameters({ main: "a/b", parameters: [{ name: "name", value: `${"日".repeat(100)}.pdf` }] });
  expect(long).toMatch(/^a\/b; name\*0\*=utf-8''(?:%[0-9A-F]{2})+; name\*1\*=/);
  expect(long.split("; ").every((part) => part.length < 600)).toBe(true);
  expect(parameterTexts(parseParameters(long), "name")).toEqual([`${"日".repeat(100)}.pdf`]);
  expect(writeParameters({ main: "a/b", parameters: [{ name: "name", value: "x".repeat(5000) }] })).toBe("a/b");
});

const readings: [string, string[], string][] = [
  ["a; name=x.exe", ["x.exe"], "a token"],
  ['a; name="x y.exe"', ["x y.exe"], "a quoted string"],
  ['a; name="=?utf-8?B?eC5leGU=?="', ["x.exe"], "an encoded word, which RFC 2047 §5 forbids there"],
  ["a; name*=utf-8'de'x%2Eexe", ["x.exe"], "an extended value with a language"],
  ["a; name*=x%2Eexe", ["x.exe"], "an extended value without a charset"],
  ["a; name*=iso-8859-1''%FC.exe", ["ü.exe"], "another charset"],
  ['a; name*0="x."; name*1="exe"', ["x.exe"], "continued"],
  ["a; name*1*=%65xe; name*0*=utf-8''x.", ["x.exe"], "continued, encoded, out of order"],
  ["a; name=\"y.txt\"; name*=utf-8''x.exe", ["y.txt", "x.exe"], "two that differ: both, since readers differ"],
  ["a; filename=x.exe", [], "another parameter"],
  ["a; NAME=x.exe", ["x.exe"], "any case"],
  ["a; name=\u00c3\u00bc.exe", ["ü.exe"], "raw UTF-8"],
  ["a; name=\u00fc.exe", ["ü.exe"], "raw Latin-1"],
];
for (const [value, expected, why] of readings) {
  test(`parameterTexts() reads ${JSON.stringify(value)}: ${why}`, () => {
    expect(parameterTexts(parseParameters(value), "name")).toEqual(expected);
  });
}

test("writeParameters() reads back as what it wrote, whatever it was given", () => {
  const junk = fc.string({ unit: fc.constantFrom(..."aB;=\"\\()*'% \t\r\n\0%41ü日🙂."), maxLength: 60 });
  fc.assert(
    fc.property(junk, (value) => {
      const list = parseParameters(value);
      const text = writeParameters({ ...list, main: "a/b" });
      expect(text).toMatch(/^[ -~]*$/);
      const again = parseParameters(text);
      expect(writeParameters(again)).toBe(text);
      for (const { name, value: kept } of list.parameters) {
        if (!/^[ -~]*$/.test(kept)) continue;
        expect(again.parameters).toContainEqual({ name, value: kept });
      }
    }),
    { numRuns: 2000 },
  );
});

test("parseParameters() takes time in proportion to the value", () => {
  const word = "b".repeat(16_000);
  const busyMs = busyTime();
  for (let times = 0; times < 100; times++) expect(parseParameters(`text/plain; a=${word} c=d`).parameters.length).toBe(2);
  expect(busyMs()).toBeLessThan(2000); // with a search that starts anew at each character: 25 s
});
