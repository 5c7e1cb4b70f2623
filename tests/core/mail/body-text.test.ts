// What a reply reads of a mail, and how it writes what it says: readable text, HTML as text, excerpts, quoted-printable.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openMail } from "@sesame/core";
import fc from "fast-check";
import { readableText } from "../../../packages/core/mail/body-text.ts";
import { textOfHtml } from "../../../packages/core/mail/html-text.ts";
import { quotedPrintable } from "../../../packages/core/mail/quoted-printable.ts";
import { truncateLine, truncateText } from "../../../packages/core/mail/truncate.ts";

const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom(..."aZ =.<>&;#\t\r\nFrom é日🙂\u0301\u200d\u2028\0\ufeff"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  ),
  maxLength: 400,
});

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

describe("truncateText() and truncateLine()", () => {
  test("give a whole text back, or its start and a sign, within the limit", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 200 }), (text, limit) => {
        const cut = truncateText(text, limit);
        if (Buffer.byteLength(text) <= limit) return expect(cut).toBe(text);
        expect(cut).toEndWith("\n[…]");
        const start = cut.slice(0, -4);
        expect(text.startsWith(start)).toBe(true);
        expect(Buffer.byteLength(start)).toBeLessThanOrEqual(limit);
        expect(/[\ud800-\udbff]$/.test(start) && /^[\udc00-\udfff]/.test(text.slice(start.length))).toBe(false);
      }),
    );
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 200 }), (text, limit) => {
        const line = truncateLine(text, limit);
        expect([...line].length).toBeLessThanOrEqual(limit);
        expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]|^\s|\s$/);
      }),
    );
  });

  const rows: readonly (readonly [string, number, string])[] = [
    ["ab", 2, "ab"],
    ["abc", 2, "ab\n[…]"],
    ["aü", 2, "a\n[…]"],
    ["ae\u0301x", 3, "a\n[…]"], // the accent would not fit, so its letter goes too
    ["a👍🏽b", 5, "a\n[…]"], // and a thumb does not lose its colour
    ["a b  c", 4, "a b\n[…]"],
    ["日本", 5, "日\n[…]"],
  ];
  for (const [text, octets, expected] of rows)
    test(`cut ${JSON.stringify(text)} at ${octets} octets`, () => expect(truncateText(text, octets)).toBe(expected));
});

describe("textOfHtml()", () => {
  const rows: readonly (readonly [why: string, html: string, expected: string])[] = [
    ["text without tags", "a  b\r\n c", "a b c"],
    ["paragraphs", "<p>a</p><p>b</p>", "a\n\nb"],
    ["breaks", "a<br>b<BR/>c<br />d", "a\nb\nc\nd"],
    ["blocks", "<div>a</div><div>b</div>", "a\n\nb"],
    ["a list", "<ul><li>a</li><li>b</ul>", "- a\n- b"],
    ["a table", "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\n\nc"],
    ["text that is laid out", "<pre>a\n  b</pre>c d", "a\n  b\n\nc d"],
    ["no style, script, title or template", "<title>t</title><STYLE>p{}</STYLE>a<script>'<p>'</script>b<template>x</template>", "ab"],
    ["no comment", "a<!-- <p>x</p> > y -->b<!-->c-->d", "abd"],
    ["no comment of Outlook's", "<!--[if mso]><xml>96</xml><![endif]-->a<![if !mso]>b<![endif]>", "ab"],
    ["no declaration", "<!DOCTYPE html><?xml version='1.0'?>a", "a"],
    ["a sign that is no tag", "a < b, 1<2 <3 > c", "a < b, 1<2 <3 > c"],
    ["a tag whose attribute holds its end", '<p title="a>b">c</p>', "c"],
    ["a tag without end", "a<b c", "a"],
    ["a comment without end", "a<!-- b", "a"],
    ["a style without end", "a<style>b", "a"],
    ["named characters", "&Auml;&auml;&szlig;&nbsp;&euro;&ndash;&hellip;&rsquo;&unknown;&amp", "Ääß\u00a0€–…’&unknown;&amp"],
    ["numbered characters", "&#228;&#xE4;&#x1F642;&#8211;&#146;", "ää🙂–’"],
    ["numbers of no character", "&#0;&#xD800;&#x110000;&#9999999;", "\ufffd\ufffd\ufffd\ufffd"],
    ["what is escaped twice, once", "&amp;lt;b&amp;gt;", "&lt;b&gt;"],
    ["letters that change their length in lower case", "İ<STYLE>İ</STYLE>İ", "İİ"],
  ];
  for (const [why, html, expected] of rows) test(`shows ${why}`, () => expect(textOfHtml(html, { keepLinks: false })).toBe(expected));

  const links: readonly (readonly [why: string, html: string, expected: string])[] = [
    ["its target", '<a href="https://x.test/a?b=1&amp;c=2">here</a>!', "here <https://x.test/a?b=1&c=2>!"],
    ["its address", "<a href='mailto:carol@x.test'>Carol</a>", "Carol <mailto:carol@x.test>"],
    ["a target once", '<a href="https://x.test/">x.test</a> <a href=mailto:c@x.test>c@x.test</a>', "x.test c@x.test"],
    ["no script", '<a href="javascript:x()">here</a>', "here"],
    ["no place within", '<a href="#top">up</a><a name="x">y</a>', "upy"],
    ["a telephone", '<a href="tel:+15550100">call</a>', "call <tel:+15550100>"],
  ];
  for (const [why, html, expected] of links)
    test(`shows of a link ${why}`, () => expect(textOfHtml(html, { keepLinks: true })).toBe(expected));

  test("never throws and holds no tag of what was one", () => {
    fc.assert(
      fc.property(anyText, fc.boolean(), (text, keepLinks) => {
        textOfHtml(text, { keepLinks });
        expect(textOfHtml(`<p>${text.replace(/[<>&]/g, "")}</p>`, { keepLinks })).not.toMatch(/[<>]/);
      }),
    );
  });

  test("takes little time for 64 KB of anything", () => {
    for (const unit of [
      "<",
      "<a",
      "<a href=x>",
      "<a href=https://x.test>y</a>",
      "<!--",
      "<style>",
      "</style>",
      "&#",
      "&amp;",
      "<p>",
      "\n",
      " ",
      '<p x="',
      "<pre>",
    ]) {
      const started = performance.now();
      textOfHtml(unit.repeat(65_536 / unit.length), { keepLinks: true });
      expect(`${unit} ${performance.now() - started < 500 ? "in time" : "too slow"}`).toBe(`${unit} in time`);
    }
  });
});

const corpus = join(import.meta.dir, "../../../../shared/corpus");
describe.skipIf(!existsSync(corpus))("readableText() reads every captured mail, in time and without what no reader shows:", () => {
  const mails = ["mime", "ses-bounces"].flatMap((folder) => {
    const path = join(corpus, folder);
    return existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : [];
  });
  for (const path of mails) {
    test(path.slice(corpus.length + 1), async () => {
      const octets = new Uint8Array(readFileSync(path));
      const started = performance.now();
      const text = await readableText(openMail(octets, octets.length));
      expect(performance.now() - started).toBeLessThan(1000);
      expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202d\u202e]|\n{3}|[ \t]$/m);
      expect(await readableText(openMail(octets, octets.length))).toBe(text);
    });
  }
});
if (!existsSync(corpus)) console.warn(`skipped: there is no corpus of captured mails at ${corpus}`);
