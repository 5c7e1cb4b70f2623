// SMTP path: the short way for ordinary addresses gives what the parser of the core gives, and lets nothing else through.

import { describe, expect, test } from "bun:test";
import { type Address, addressKey, domainOf, parseAddress } from "@sesame/core";
import { pathOf } from "../../packages/smtp/smtp-path.ts";
import { Random } from "../mutation/random.ts";

/** What the parser of the core says, word for word. */
function byParser(text: string): { path: string; needsUtf8: boolean; key: string } | null {
  const parsed = parseAddress(text);
  if (/[<>\p{Cc}]/u.test(text) || !parsed.ok || parsed.value !== text) return null;
  const local = text.slice(0, text.lastIndexOf("@"));
  const needsUtf8 = [...local].some((character) => character > "\x7f");
  return { path: `${local}@${domainOf(parsed.value)}`, needsUtf8, key: addressKey(parsed.value) };
}

function bySmtp(text: string): ReturnType<typeof byParser> {
  const path = pathOf(text as Address);
  return path.kind === "invalid" ? null : { path: path.path, needsUtf8: path.needsUtf8, key: path.key };
}

const texts: readonly string[] = [
  "user-1@example.com",
  "User.Name+Tag@example.com",
  "a@b",
  "a@1.2.3.4",
  ".a..b.@example.com",
  "srs0=x=yz=a.test=b@c.test",
  "jörg@example.com",
  "a@bücher.example",
  "a@xn--bcher-kva.example",
  "a@EXAMPLE.com",
  "a@example.com.",
  "a@_dmarc.example.com",
  "a@-b.test",
  "a@b-.test",
  "a@b--c.test",
  "a@[127.0.0.1]",
  '"a b"@example.com',
  `${"x".repeat(242)}@example.com`,
  `${"x".repeat(243)}@example.com`,
  `a@${"b".repeat(63)}.test`,
  `a@${"b".repeat(64)}.test`,
  "a@b\n",
  "a@b\r\nRCPT TO:<c@d>",
  "a b@example.com",
  "<a@b.test>",
  "a@b.test>",
  "a@b@c.test",
  "@b.test:a@c.test",
  "@b",
  "a@",
  "a@.b",
  "a@b..c",
  "a,b@c.test",
  "a:b@c.test",
  "",
];

describe("pathOf()", () => {
  for (const text of texts) {
    test(`it agrees with the parser of the core on ${JSON.stringify(text.slice(0, 40))}`, () => {
      expect(bySmtp(text)).toEqual(byParser(text));
    });
  }

  test("it agrees with the parser of the core on texts of the pieces that addresses are made of", () => {
    const pieces = [
      "a",
      "Z",
      "9",
      "-",
      "_",
      ".",
      "@",
      "+",
      "=",
      "!",
      "ü",
      "\u0131",
      "xn--",
      '"',
      "\\",
      "<",
      ">",
      " ",
      "\r",
      "\n",
      "\0",
      "/",
      "[",
      "]",
    ];
    let plain = 0;
    for (let seed = 1; seed <= 20_000; seed++) {
      const random = new Random(seed);
      const some = (count: number, of: number) => Array.from({ length: random.below(count) }, () => pieces[random.below(of)]).join("");
      const text = `${some(6, 24)}a@b${some(6, random.below(2) === 0 ? 6 : 24)}`;
      expect({ text, found: bySmtp(text) }).toEqual({ text, found: byParser(text) });
      if (bySmtp(text)) plain++;
    }
    expect(plain).toBeGreaterThan(1000);
  });
});
