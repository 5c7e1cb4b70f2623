import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { textOfHtml } from "../../../packages/core/mail/html-text.ts";
import { busyTime } from "../../busy-time.ts";
import { anyText } from "./any-text.ts";

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
      const busyMs = busyTime();
      textOfHtml(unit.repeat(65_536 / unit.length), { keepLinks: true });
      expect(`${unit} ${busyMs() < 500 ? "in time" : "too slow"}`).toBe(`${unit} in time`);
    }
  });
});
