import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { quotedPrintable } from "../../../packages/core/mail/quoted-printable.ts";
import { anyText } from "./any-text.ts";

describe("quotedPrintable()", () => {
  const rows: readonly (readonly [why: string, text: string, expected: string])[] = [
    ["plain text as it is", "Hello, world!", "Hello, world!"],
    ["the equals sign", "a=b", "a=3Db"],
    ["eight bits", "Grüße", "Gr=C3=BC=C3=9Fe"],
    ["a blank at a line end", "a \nb\t\n c", "a=20\r\nb=09\r\n c"],
    ["a blank line", " ", "=20"],
    ["a dot at a line start only", ".\n..\na.b", "=2E\r\n=2E.\r\na.b"],
    ["From and a blank at a line start only", "From x\nFrom\nFromage\nNot From x", "=46rom x\r\nFrom\r\nFromage\r\nNot From x"],
    ["any line end", "a\r\nb\nc\rd", "a\r\nb\r\nc\r\nd"],
    ["NUL and DEL", "\0\u007f", "=00=7F"],
    ["75 letters in a line", "x".repeat(75), "x".repeat(75)],
    ["76 letters in two", "x".repeat(76), `${"x".repeat(75)}=\r\nx`],
    ["a dot that a soft break brings to the front", `${"x".repeat(75)}.y`, `${"x".repeat(75)}=\r\n=2Ey`],
    ["From that a soft break brings to the front", `${"x".repeat(75)}From y`, `${"x".repeat(75)}=\r\n=46rom y`],
    ["a blank before a soft break", `${"x".repeat(74)} y z`, `${"x".repeat(74)} =\r\ny z`],
    ["a character that stays in one line", `${"x".repeat(70)}日`, `${"x".repeat(70)}=\r\n=E6=97=A5`],
    ["half a surrogate pair", "a\ud83d", "a=EF=BF=BD"],
  ];
  for (const [why, text, expected] of rows) test(`encodes ${why}`, () => expect(quotedPrintable(text)).toBe(expected));

  test("comes back as it was from any text, in short lines of ASCII", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const encoded = quotedPrintable(text);
        for (const line of encoded.split("\r\n")) {
          expect(line).toMatch(/^(?:[!-<>-~\t ]|=[0-9A-F]{2})*=?$/);
          expect(line.length).toBeLessThanOrEqual(76);
          expect(line).not.toMatch(/[ \t]$|^\.|^From /);
        }
        const octets = encoded
          .replace(/=\r\n/g, "")
          .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
        expect(Buffer.from(octets, "latin1")).toEqual(Buffer.from(text.replace(/\r\n?|\n/g, "\r\n")));
      }),
      { numRuns: 1000 },
    );
  });
});
