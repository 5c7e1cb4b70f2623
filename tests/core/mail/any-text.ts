// Texts of chance for tests: letters, blanks, line ends, signs of HTML and MIME, and characters of every kind.

import fc from "fast-check";

export const anyText: fc.Arbitrary<string> = fc.string({
  unit: fc.oneof(
    fc.constantFrom(..."aZ =.<>&;#\t\r\nFrom é日🙂\u0301\u200d\u2028\0\ufeff"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  ),
  maxLength: 400,
});
