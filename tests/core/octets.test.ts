// Bytes are no part of the front door but for three of them; the core's own file is what is tested here.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { base64, concat, fromBase64, hasEightBit, hex, latin1, textOf, utf8 } from "../../packages/core/octets.ts";

const anyOctets = fc.uint8Array({ maxLength: 200 });

test("base64() writes what any reader reads, and fromBase64() reads it back", () => {
  fc.assert(
    fc.property(anyOctets, (octets) => {
      expect(base64(octets)).toBe(Buffer.from(octets).toString("base64"));
      expect(fromBase64(base64(octets))).toEqual(octets);
      expect(fromBase64(base64(octets).replace(/(.{5})/g, "$1\r\n "))).toEqual(octets);
      expect(fromBase64(base64(octets).replace(/=+$/, ""))).toEqual(octets);
    }),
  );
});

test("fromBase64() gives null when the text is no Base64", () => {
  for (const text of ["A", "AAAAA", "AA=A", "AA==AA==", "A-A_", "AA\0A", "äöüß", "===="]) expect(fromBase64(text)).toBeNull();
  expect(fromBase64("")).toEqual(new Uint8Array(0));
});

test("textOf() reads UTF-8, and anything else octet by octet", () => {
  expect(textOf(utf8("Grüße 🙂"))).toBe("Grüße 🙂");
  expect(textOf(utf8("\ufeffBOM"))).toBe("\ufeffBOM");
  for (const broken of [[0xfc], [0xc3], [0xed, 0xa0, 0x80], [0xff, 0x41], [0xc0, 0xaf]])
    expect(textOf(Uint8Array.from(broken))).toBe(String.fromCharCode(...broken));
});

test("latin1() gives one character for each octet, however many there are", () => {
  const octets = new Uint8Array(300_000).map((_, index) => index % 256);
  expect(latin1(octets)).toBe(Buffer.from(octets).toString("latin1"));
});

test("concat() and hex() lose nothing", () => {
  fc.assert(
    fc.property(fc.array(anyOctets, { maxLength: 5 }), (parts) => {
      expect(concat(parts)).toEqual(new Uint8Array(Buffer.concat(parts)));
      expect(hex(concat(parts))).toBe(Buffer.concat(parts).toString("hex"));
    }),
  );
});

test("hasEightBit() finds what a look at each octet finds, wherever the octets begin", () => {
  const ascii = fc.uint8Array({ max: 127, min: 1, maxLength: 40 });
  const any = fc.uint8Array({ maxLength: 3 });
  fc.assert(
    fc.property(ascii, any, ascii, fc.nat(7), (before, middle, after, offset) => {
      const whole = concat([new Uint8Array(offset).fill(200), before, middle, after, new Uint8Array(3)]);
      const octets = whole.subarray(offset, whole.length - 3);
      expect(hasEightBit(octets)).toBe([...octets].some((octet) => octet > 127 || octet === 0));
    }),
  );
});
