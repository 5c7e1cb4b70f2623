// A part of reply.test.ts: the body of a reply, read back by other parsers. The words of the rule, the mail that is quoted, and
// the same as HTML.

import { describe, expect, test } from "bun:test";
import { openMail } from "@sesame/core";
import { textOfHtml } from "../../../packages/core/mail/html-text.ts";
import { busyTime } from "../../busy-time.ts";
import { type Case, personal } from "../sample.ts";
import { ascii, effectOf, expectSound, lineOf, namesOf, namesOfText, octetsOf, parse } from "./replies.ts";

describe("text", () => {
  const strange = [
    "العربية: أنا في إجازة حتى الاثنين",
    "\u202bשלום\u202c \u2067עולם\u2069",
    "👩‍👩‍👧‍👦 🏳️‍🌈 ❤️ 🇩🇪",
    "Ṱ̺̺̕o͞ ̷i̲̬͇̪͙n̝̗͕v̟̜̘̦͟o̶̙̰̠kè͚̮̺̪̹̱̤",
    "田中さんにあげて下さい ｀ｨ(´∀｀∩",
    "'; DROP TABLE users; -- \" \\ $(touch /x) `id` %s %n {{7*7}} $HOME",
    "<script>alert(1)</script> &amp; <b>bold</b>",
    "../../etc/passwd NULL undefined null NaN true 0 -1 1e309",
    "=3D =\r\n=20 ==== =?utf-8?Q?x?= --=_sesame_ --",
    "a\tb\t",
    "trailing blanks   \nand tabs\t\t\n-- \nAlice",
    ".\n..\n.hidden\nFrom here\nFrom\n>From there\nMAIL FROM:<x>",
    "x".repeat(5000),
    `${"word ".repeat(400)}end`,
    "é".repeat(300),
    "a\n\n\n\nb",
    "\n\nbegins late",
    "\u00a0\u2003\u3000wide blanks",
  ];
  for (const text of strange) {
    test(`${JSON.stringify(text).slice(0, 50)} arrives as it was written`, async () => {
      const { draft } = await effectOf({ body: "" }, { ooo_message: text });
      expectSound(draft);
      expect(namesOf(draft)).toEqual(namesOfText);
      const expected = `${text.replace(/\r\n/g, "\n").trimEnd()}\n`;
      expect((await parse(draft)).text).toBe(expected);
    });
  }

  test("loses only what no reader shows", async () => {
    const { draft } = await effectOf({ body: "" }, { ooo_message: "a\0b\u0007c\u001b[31md\re\r\nf\u2028g\ufeffh\u0085i\ud800" });
    expect((await parse(draft)).text).toBe("abc[31md\ne\nf\ngh\ni\ufffd\n");
  });

  test("F86 of 64 KiB arrives whole, in little time", async () => {
    const text = "日本語 text, 64 KiB. ".repeat(2500).slice(0, 50_000);
    const busyMs = busyTime();
    const { draft } = await effectOf({}, { ooo_message: text });
    expect(busyMs()).toBeLessThan(1000);
    expectSound(draft);
    expect((await parse(draft)).text?.startsWith(text.trimEnd())).toBe(true);
  });

  test("is followed by the original, marked, and by nothing where there is none", async () => {
    const { draft } = await effectOf({ body: "Hi Alice,\r\n\r\n\r\n\r\n> quoted\r\n>> twice\r\n.dot\r\nFrom me   \r\n" });
    expect((await parse(draft)).text).toBe("I am away\n\nbob@remote.test:\n> Hi Alice,\n>\n>> quoted\n>>> twice\n> .dot\n> From me\n");
    for (const body of ["", "\r\n \r\n"]) expect((await parse((await effectOf({ body })).draft)).text).toBe("I am away\n");
  });
});

describe("quotation", () => {
  const typed = (type: string, more = "") => `${personal}MIME-Version: 1.0\r\nContent-Type: ${type}\r\n${more}`;
  const part = (type: string, text: string, more = "") => `--b\r\nContent-Type: ${type}\r\n${more}\r\n${text}\r\n`;
  const quoted = async (one: Case) => (await parse((await effectOf(one)).draft)).text?.replace(/^I am away\n\n?/, "");

  test("names who is known by From, not what a service made of the path", async () => {
    const from = "0101019b8e3f0000-11111111-2222-3333-4444-555555555555-000000@eu-west-1.amazonses.com";
    expect(await quoted({ from })).toBe("bob@remote.test:\n> Hi Alice\n");
    const turned = personal.replace("Bob <bob@remote.test>", '"b\u202eob"@remote.test');
    expect(await quoted({ header: turned })).toBe('"b ob"@remote.test:\n> Hi Alice\n');
    expect(await quoted({ header: personal.replace(/From: .*\r\n/, "") })).toBe("bob@remote.test:\n> Hi Alice\n");
  });

  test("takes no attachment, no mail within the mail and no calendar", async () => {
    const body = `${part("text/plain", "Hello")}${part("text/plain; name=a.txt", "secret", "Content-Disposition: attachment\r\n")}${part("message/rfc822", "From: carol@remote.test\r\nDate: Mon, 05 Jan 2026 12:00:00 +0000\r\n\r\ninner")}${part("text/calendar", "BEGIN:VCALENDAR")}--b--\r\n`;
    expect(await quoted({ header: typed("multipart/mixed; boundary=b"), body })).toBe("bob@remote.test:\n> Hello\n");
  });

  test("prefers plain text to HTML", async () => {
    const body = `${part("text/plain", "plain")}${part("text/html", "<p>html</p>")}--b--\r\n`;
    expect(await quoted({ header: typed("multipart/alternative; boundary=b"), body })).toBe("bob@remote.test:\n> plain\n");
  });

  test("reads HTML where there is no plain text", async () => {
    const html =
      "<html><head><title>T</title><style>p{color:red}</style></head><body><!-- a > b --><p>Gr&uuml;&szlig;e &amp; <b>more</b>&nbsp;&#8211; &lt;b&gt;</p><script>x()</script>\r\n<ul><li>one<li>two</ul></body></html>";
    expect(await quoted({ header: typed("text/html; charset=utf-8"), body: html })).toBe(
      "bob@remote.test:\n> Grüße & more\u00a0– <b>\n>\n> - one\n> - two\n",
    );
  });

  const charsets: readonly (readonly [type: string, encoding: string, body: string, expected: string])[] = [
    ["text/plain; charset=iso-8859-1", "quoted-printable", "Gr=FC=DFe", "Grüße"],
    ["text/plain; charset=utf-8", "base64", "R3LDvMOfZQ==", "Grüße"],
    ["text/plain; charset=shift_jis", "base64", "k/qWew==", "日本"],
    ["text/plain; charset=x-unknown", "quoted-printable", "Gr=FC=DFe", "Grüße"],
    ['text/plain; charset="; drop"', "7bit", "Hello", "Hello"],
    ["text/plain", "x-unknown", "Hello", "Hello"],
  ];
  for (const [type, encoding, body, expected] of charsets) {
    test(`reads ${type} in ${encoding}`, async () => {
      expect(await quoted({ header: typed(type, `Content-Transfer-Encoding: ${encoding}\r\n`), body })).toBe(
        `bob@remote.test:\n> ${expected}\n`,
      );
    });
  }

  test("is cut at 2 KB, not inside a character, and says so", async () => {
    for (const letter of ["x", "ü", "日", "🙂"]) {
      const header = typed("text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit\r\n");
      const text = await quoted({ header, body: letter.repeat(4000) });
      const [, line = "", mark] = text?.split("\n") ?? [];
      expect(mark).toBe("> […]");
      expect(line).toBe(`> ${letter.repeat(Math.floor(2048 / Buffer.byteLength(letter)))}`);
    }
    expect(await quoted({ body: "x".repeat(2048) })).toBe(`bob@remote.test:\n> ${"x".repeat(2048)}\n`);
  });

  test("F86 of a mail of 20 MB costs no more than of a small one", async () => {
    const head = Buffer.from(`${personal}\r\n${"line of text\r\n".repeat(20_000)}`).subarray(0, 256 * 1024);
    const busyMs = busyTime();
    const { draft } = await effectOf({ facts: { mail: openMail(head, 20_000_000) } });
    expect(busyMs()).toBeLessThan(500);
    expect(octetsOf(draft).length).toBeLessThan(8 * 1024);
    expectSound(draft);
  });

  test("F48 of broken MIME never stops the reply", async () => {
    const deep = Array.from({ length: 1000 }, (_, i) => `--b${i}\r\nContent-Type: multipart/mixed; boundary=b${i + 1}\r\n\r\n`).join("");
    const rows: readonly (readonly [string, string])[] = [
      ["multipart/mixed; boundary=b0", deep],
      ["multipart/mixed; boundary=b", "--b\r\n".repeat(10_000)],
      ["multipart/mixed", "no boundary"],
      ["multipart/mixed; boundary=b", part("text/plain", "no end")],
      ["text/html", "<".repeat(60_000)],
      ["text/html", "<a href='".repeat(7000)],
      ["text/html", "<!--".repeat(15_000)],
      ["text/html", "<style>".repeat(8000)],
      ["text/html", "&".repeat(60_000)],
      ["text/html", "<div>".repeat(12_000)],
      ["text/plain", `${">".repeat(60_000)}`],
      ["text/plain", "\r\n".repeat(30_000)],
      ["text/plain", " \t".repeat(30_000)],
    ];
    for (const [type, body] of rows) {
      const busyMs = busyTime();
      const { draft } = await effectOf({ header: typed(type), body });
      expect(`${type} ${busyMs() < 1000 ? "in time" : "too slow"}`).toBe(`${type} in time`);
      expectSound(draft);
      expect(octetsOf(draft).length).toBeLessThan(12 * 1024);
    }
  });

  test("shows letters in their order", async () => {
    const header = typed("text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit\r\n");
    expect(await quoted({ header, body: "open \u202egpj.exe\u202c, \u200fשלום, 👩‍👧\r\n" })).toBe(
      "bob@remote.test:\n> open gpj.exe\u202c, \u200fשלום, 👩‍👧\n",
    );
  });
});

describe("HTML", () => {
  const compose = async (ooo_message: string, one: Case = {}) => effectOf(one, { ooo_content_type: "html", ooo_message });
  const hostile: Case = {
    header: `${personal.replace("Bob <bob@remote.test>", "bob@remote.test")}MIME-Version: 1.0\r\nContent-Type: text/html\r\n`,
    body: "&lt;script&gt;alert(1)&lt;/script&gt; &lt;img src=x onerror=y&gt; \"quoted\" 'single' `back` &lt;/blockquote&gt; &lt;!-- --&gt; &amp;lt;",
  };

  test("is two parts that say the same", async () => {
    const { draft } = await compose(
      '<p>I am <b>away</b>. Ask <a href="mailto:carol@example.com">Carol</a> &ndash; or see <a href="https://example.com/">example.com</a>.</p>',
    );
    expectSound(draft);
    const parsed = await parse(draft);
    expect(parsed.text?.trimEnd()).toBe(
      "I am away. Ask Carol <mailto:carol@example.com> – or see example.com.\n\nbob@remote.test:\n> Hi Alice",
    );
    expect(parsed.html).toBe(
      '<p>I am <b>away</b>. Ask <a href="mailto:carol@example.com">Carol</a> &ndash; or see <a href="https://example.com/">example.com</a>.</p>\n<p>bob@remote.test:</p>\n<blockquote type="cite" dir="auto">Hi Alice</blockquote>',
    );
    expect(parsed.attachments).toEqual([]);
  });

  test("has parts that are closed, and a boundary that no content can hold", async () => {
    const { draft } = await compose("--=_sesame_ =_sesame_ <p>--</p>\n--");
    const boundary = /boundary="([^"]+)"/.exec(lineOf(draft, "Content-Type") ?? "")?.[1] ?? "";
    expect(boundary).toMatch(/^=_sesame_[0-9a-f]{32}$/);
    const parts = ascii(octetsOf(draft).subarray(draft.head.length)).split(`--${boundary}`);
    expect(parts.length).toBe(4);
    expect([parts[0], parts[3]]).toEqual(["", "--\r\n"]);
    for (const [at, type] of [
      [1, "text/plain"],
      [2, "text/html"],
    ] as const) {
      expect(parts[at]).toStartWith(`\r\nContent-Type: ${type}; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n`);
      expect(parts[at]).toEndWith("\r\n");
      expect(parts[at]).not.toContain("=_");
    }
  });

  test("F86 shows what a stranger wrote and runs none of it", async () => {
    const html = (await parse((await compose("<p>Away</p>", hostile)).draft)).html || "";
    const quotation = html.slice("<p>Away</p>".length);
    expect(quotation.match(/<[^>]*>/g)).toEqual(["<p>", "</p>", '<blockquote type="cite" dir="auto">', "</blockquote>"]);
    expect(textOfHtml(quotation, { keepLinks: false })).toBe(
      "bob@remote.test:\n\n<script>alert(1)</script> <img src=x onerror=y> \"quoted\" 'single' `back` </blockquote> <!-- --> &lt;",
    );
  });

  test("of a whole document holds the quotation within its body", async () => {
    for (const end of ["</body></html>", "</BODY>\n</HTML>", "</body ></html>", "</html>"]) {
      const { html } = await parse((await compose(`<html><body><p>Away</p>${end}`)).draft);
      expect(html).toBe(
        `<html><body><p>Away</p>\n<p>bob@remote.test:</p>\n<blockquote type="cite" dir="auto">Hi Alice</blockquote>\n${end}`,
      );
    }
  });

  test("that ends inside a comment or a style holds no quotation, and the plain part does", async () => {
    for (const open of [
      "<style>p{}",
      "<p>Away</p><!-- note",
      "<script>x",
      "<textarea>",
      "<STYLE>",
      "<style></style><style>",
      "<plaintext>",
    ]) {
      const parsed = await parse((await compose(`Away ${open}`, hostile)).draft);
      expect(parsed.html).toBe(`Away ${open}`);
      expect(parsed.text).toContain("> <script>alert(1)</script>");
    }
  });

  test("of the user is kept as it is, whatever it holds", async () => {
    for (const text of [
      '<p style="color: red">שלום 🙂</p>',
      "<script>mine()</script>",
      "no tags at all",
      "a &amp; b &lt;",
      "<p>.\n.\nFrom x</p>",
      "<p>\n\n  indented   \n</p>",
    ]) {
      const { html } = await parse((await compose(text, { body: "" })).draft);
      expect(html).toBe(text);
    }
  });
});
