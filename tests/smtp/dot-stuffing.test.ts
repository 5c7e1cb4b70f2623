// DotStuffing: octets in, octets of the wire out, however the mail is cut into pieces. wire.test.ts has the same mails on a socket.

import { describe, expect, test } from "bun:test";
import { DotStuffing } from "../../packages/smtp/dot-stuffing.ts";
import { Random } from "../mutation/random.ts";

function encoded(pieces: readonly string[]): string {
  const stuffing = new DotStuffing();
  const out = pieces.map((piece) => stuffing.encode(Buffer.from(piece, "latin1")).toString("latin1"));
  return [...out, Buffer.from(stuffing.end()).toString("latin1")].join("");
}

/** The rule itself, written for the eye: all line ends are CRLF, then a dot before each dot that begins a line. */
function expected(mail: string): string {
  const lines = mail.replaceAll("\0", "\x80").replace(/\r\n|\r|\n/g, "\r\n");
  return `${lines.replace(/(^|\r\n)\./g, "$1..")}${lines.endsWith("\r\n") ? "" : "\r\n"}.\r\n`;
}

describe("DotStuffing", () => {
  const mails = [
    "",
    "a",
    ".",
    "\r",
    "\n",
    "\r\n",
    "\0",
    "\r.",
    "\n.",
    "\r\n.",
    "a\r\n.\r\n",
    "..",
    "\r\r",
    "\n\r",
    "a\0.\r\n",
    ".\0",
    "\r\0.",
  ];
  for (const mail of mails) {
    test(`DotStuffing encodes ${JSON.stringify(mail)} by the rule`, () => {
      expect(encoded([mail])).toBe(expected(mail));
      expect(encoded([...mail])).toBe(expected(mail));
      expect(encoded(["", mail, ""])).toBe(expected(mail));
    });
  }

  test("DotStuffing encodes mails of line ends, dots and NUL by the rule, wherever they are cut", () => {
    const random = new Random(20_261);
    const next = (limit: number) => random.below(limit);
    for (let round = 0; round < 4000; round++) {
      const mail = Array.from({ length: next(24) }, () => "\r\n.\0ab"[next(6)]).join("");
      const [one, other] = [next(mail.length + 1), next(mail.length + 1)].sort((a, b) => a - b) as [number, number];
      const pieces = [mail.slice(0, one), mail.slice(one, other), mail.slice(other)];
      expect([mail, encoded(pieces)]).toEqual([mail, expected(mail)]);
    }
  });

  test("DotStuffing finds one odd octet anywhere among many ordinary lines, short or long", () => {
    const random = new Random(7);
    const next = (limit: number) => random.below(limit);
    for (let round = 0; round < 400; round++) {
      const line = `${"x".repeat(next(90))}\r\n`;
      const lines = line.repeat(1 + next(8000 / line.length));
      const at = next(lines.length + 1);
      const odd = ["\r", "\n", ".", "\0", "\r\n.", ""][next(6)];
      const mail = lines.slice(0, at) + odd + lines.slice(at);
      const cut = next(mail.length + 1);
      expect(encoded([mail.slice(0, cut), mail.slice(cut)]) === expected(mail) ? "" : JSON.stringify([line, at, odd, cut])).toBe("");
    }
  });

  test("DotStuffing copies nothing of ordinary lines, and never changes what it was given", () => {
    const plain = Buffer.from("Subject: x\r\n\r\nsome line of text.\r\n".repeat(100));
    expect(new DotStuffing().encode(plain)).toBe(plain);
    const odd = Buffer.from("a\n.\0");
    expect(new DotStuffing().encode(odd)).not.toBe(odd);
    expect(odd.toString("latin1")).toBe("a\n.\0");
  });
});
