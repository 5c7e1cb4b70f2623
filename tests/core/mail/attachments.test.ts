// File names in mails, found as RFC 2046 §5.1.1 delimits the parts, whatever their nesting and however the octets come.

import { expect, test } from "bun:test";
import { headLimit, openMail } from "@sesame/core";
import fc from "fast-check";
import { simpleParser } from "mailparser";
import { AttachmentScanner, scanAttachments } from "../../../packages/core/mail/attachments.ts";
import { corpusMails, corpusNote } from "../corpus.ts";

const octetsOf = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const namesIn = (octets: Uint8Array) => scanAttachments(openMail(octets, octets.length)).names();

/** A multipart mail of parts; each part is its header lines, an empty line and its body. */
function parts(...list: readonly string[]): string {
  return `Content-Type: multipart/mixed; boundary=b\r\n\r\n${list.map((part) => `--b\r\n${part}\r\n`).join("")}--b--\r\n`;
}
const exe = "Content-Type: application/octet-stream; name=x.exe\r\n\r\nTVqQ";

const mails: [string, string, string[]][] = [
  ["there is none", "Subject: x\r\n\r\nHi", []],
  ["the mail itself is one", "Content-Disposition: attachment; filename=x.exe\r\n\r\nTVqQ", ["x.exe"]],
  ["a part has a name", parts(exe), ["x.exe"]],
  [
    "names stand in both fields",
    parts('Content-Type: a/b; name="a.txt"\r\nContent-Disposition: attachment; filename="x.exe"\r\n\r\n'),
    ["x.exe", "a.txt"],
  ],
  ["field names are odd", parts("content-DISPOSITION : inline;\r\n\tfilename=x.exe\r\n\r\n"), ["x.exe"]],
  [
    "the name is folded and continued",
    parts('Content-Disposition: attachment;\r\n filename*0="x.";\r\n filename*1=exe\r\n\r\n'),
    ["x.exe"],
  ],
  ["the name is an encoded word", parts('Content-Type: a/b; name="=?utf-8?Q?x=2Eexe?="\r\n\r\n'), ["x.exe"]],
  ["the name is extended", parts("Content-Disposition: attachment; filename*=utf-8''%E6%97%A5.exe\r\n\r\n"), ["日.exe"]],
  ["lines end in LF", parts(exe).replaceAll("\r\n", "\n"), ["x.exe"]],
  ["lines end in CR", parts(exe).replaceAll("\r\n", "\r"), ["x.exe"]],
  ["the last boundary is missing", parts(exe).replace("--b--\r\n", ""), ["x.exe"]],
  [
    "the mail ends within a part's header",
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a/b; name=x.exe",
    ["x.exe"],
  ],
  ["a part has no body", parts("Content-Type: a/b; name=x.exe"), ["x.exe"]],
  ["blanks stand behind the boundary", parts(exe).replace("--b\r\n", "--b \t\r\n"), ["x.exe"]],
  ["the boundary is quoted and odd", parts(exe).replace("boundary=b", 'boundary="b"; x'), ["x.exe"]],
  ["it is in an enclosed mail", parts(`Content-Type: message/rfc822\r\n\r\nSubject: in\r\n${exe}`), ["x.exe"]],
  [
    "it is in a multipart of an enclosed mail",
    parts(`Content-Type: message/rfc822\r\n\r\n${parts(exe).replaceAll("b\r\n", "c\r\n").replace("--b--", "--c--")}`),
    ["x.exe"],
  ],
  ["it is in a digest", parts(`\r\nSubject: in\r\n${exe}`).replace("mixed", "digest"), ["x.exe"]],
  [
    "a mail in a digest speaks of a file",
    parts("\r\nSubject: in\r\n\r\nContent-Type: a/b; name=x.exe\r\n\r\nHi").replace("mixed", "digest"),
    [],
  ],
  ["an inner multipart is not closed", parts(`Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nHi`, exe), ["x.exe"]],
  ["two levels have one boundary", parts(`Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHi\r\n--b--`, exe), ["x.exe"]],
  [
    "it stands behind the end of an inner multipart",
    parts(`Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nHi\r\n--c--\r\nepilogue`, exe),
    ["x.exe"],
  ],
  // What only looks like a part is text: a notice in the place of a forward would be wrong.
  ["a text quotes a part of another mail", parts(`\r\n--other\r\n${exe}`), []],
  ["a text names a file", parts("\r\nContent-Type: a/b; name=x.exe\r\n"), []],
  ["the header of a part is over", parts("Content-Type: text/plain\r\n\r\nContent-Disposition: attachment; filename=x.exe"), []],
  ["the preamble looks like a header", parts().replace("\r\n\r\n", "\r\n\r\nContent-Type: a/b; name=x.exe\r\n"), []],
  ["the mail is no multipart", `Content-Type: text/plain; boundary=b\r\n\r\n--b\r\n${exe}\r\n--b--`, []],
  ["the last boundary has passed", `${parts("\r\nHi")}--c\r\n${exe}`, []],
  [
    "an enclosed mail is encoded, and nothing is decoded",
    parts(`Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n${exe}`),
    [],
  ],
];
for (const [why, mail, names] of mails) {
  test(`scanAttachments() finds ${JSON.stringify(names)} when ${why}`, () => {
    expect(namesIn(octetsOf(mail))).toEqual(names);
  });
}

test("AttachmentScanner finds the same in whatever pieces a mail comes", () => {
  const piece = fc.constantFrom(
    "--b",
    "--c",
    "--",
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    ...'a -;="',
    "Content-Type: ",
    "content-disposition:",
    "multipart/mixed; boundary=c",
    "message/rfc822",
    "a/b; name=x.exe",
    "attachment; filename*=",
    "utf-8''%41",
    " ",
  );
  const text = fc.array(piece, { maxLength: 60 }).map((list) => `Content-Type: multipart/mixed; boundary=b\r\n\r\n${list.join("")}`);
  fc.assert(
    fc.property(text, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 50 }), (mail, cuts) => {
      const octets = octetsOf(mail);
      const scanner = new AttachmentScanner();
      let at = 0;
      for (let i = 0; at < octets.length; i++) {
        const size = cuts[i % cuts.length] ?? 1;
        scanner.write(octets.subarray(at, at + size));
        at += size;
      }
      const whole = new AttachmentScanner();
      whole.write(octets);
      expect(scanner.names()).toEqual(whole.names());
    }),
    { numRuns: 1000 },
  );
});

test("scanAttachments() finds every name that another parser finds in a mail with files", async () => {
  const letter = fc.constantFrom(..."abXYZ019 _-().'\"\\üßé日🙂");
  const name = fc
    .string({ unit: letter, minLength: 1, maxLength: 40 })
    .map((text) => text.trim())
    .filter((text) => text !== "");
  const writings: ((text: string) => string)[] = [
    (text) => `Content-Disposition: attachment; filename="${latinOf(text).replace(/["\\]/g, "\\$&")}"`,
    (text) => `Content-Disposition: attachment;\r\n filename*=utf-8''${encodeURIComponent(text).replace(/['()*!]/g, percent)}`,
    (text) => `Content-Type: a/b;\r\n\tname="=?UTF-8?B?${Buffer.from(text).toString("base64")}?="`,
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(name, fc.nat(2)), { minLength: 1, maxLength: 4 }), async (files) => {
      const list = files.map(([text, how]) => `${writings[how]?.(text)}\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQ`);
      const octets = octetsOf(parts("Content-Type: text/plain\r\n\r\nHi", ...list));
      const parsed = await simpleParser(Buffer.from(octets));
      const found = namesIn(octets);
      const theirs = parsed.attachments.flatMap(({ filename }) => (filename ? [filename] : []));
      expect(theirs.length).toBe(files.length);
      for (const one of theirs) expect(found.map(plain)).toContain(plain(one));
    }),
    { numRuns: 200 },
  );
});

const latinOf = (text: string) => Buffer.from(text).toString("latin1");
const percent = (char: string) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
/** mailparser replaces characters that a file system dislikes. */
const plain = (text: string) => text.replace(/[^A-Za-z0-9üßé日]/gu, "");

test(`scanAttachments() finds every file name that another parser finds in the corpus${corpusNote}`, async () => {
  let files = 0;
  for (const { name, octets } of corpusMails()) {
    const found = namesIn(octets).map(plain);
    const parsed = await simpleParser(Buffer.from(octets));
    for (const { filename } of parsed.attachments) {
      if (!filename) continue;
      expect([name, ...found]).toContain(plain(filename));
      files++;
    }
  }
  expect(files).toBeGreaterThan(2);
});

const size = 40 * 1024 * 1024;
/** A mail of 40 MB: a start, and then one unit again and again. */
function filled(unit: string, start = "Content-Type: multipart/mixed; boundary=b\r\n\r\n"): Uint8Array {
  const octets = new Uint8Array(Buffer.alloc(size, unit, "latin1"));
  octets.set(octetsOf(start));
  return octets;
}
const hostile: [string, () => Uint8Array][] = [
  ["Base64 lines", () => filled(`${"A".repeat(76)}\r\n`)],
  ["empty lines", () => filled("\n")],
  ["carriage returns", () => filled("\r")],
  ["one endless line", () => filled("-")],
  ["lines that look like boundaries", () => filled("--c\n")],
  ["long lines that look like boundaries", () => filled(`--${"c".repeat(70)}\n`)],
  ["nothing but boundaries", () => filled("--b\n")],
  ["parts with header fields", () => filled(`--b\n${"Content-Type: a/b; name=x.txt\n".repeat(10)}\n`)],
  ["a header that never ends", () => filled("content-type: a\n", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n")],
  ["a field that never ends", () => filled(" ;\n", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a\r\n")],
  ["brackets that never close", () => filled(`--b\nContent-Type: a/b; x=${"(".repeat(16_000)}\n\n`)],
  ["quotes that never close", () => filled(`--b\nContent-Type: a/b; x=${'"\\"'.repeat(5_000)}\n\n`)],
  ["encoded words", () => filled(`--b\nContent-Type: a/b; name="${"=?utf-8?q?a?= ".repeat(1_000)}"\n\n`)],
  ["enclosed mails", () => filled("Content-Type: message/rfc822\n\n", "Content-Type: message/rfc822\r\n\r\n")],
];
/** Names, and the milliseconds of processor time: other work on the machine does not count. The best of three counts. */
function scanTimed(octets: Uint8Array): { names: readonly string[]; least: number } {
  let names: readonly string[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3 && least >= 1000; attempt++) {
    const before = process.cpuUsage();
    const scanner = scanAttachments(openMail(octets.subarray(0, headLimit), octets.length));
    for (let at = headLimit; at < octets.length; at += 65_536) scanner.write(octets.subarray(at, at + 65_536));
    names = scanner.names();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return { names, least };
}

for (const [what, mail] of hostile) {
  test(`AttachmentScanner reads 40 MB of ${what} in a second, in little memory`, () => {
    const { names, least } = scanTimed(mail());
    expect(least).toBeLessThan(1000);
    expect(names.reduce((sum, name) => sum + name.length, 0)).toBeLessThan(3_000_000);
  }, 120_000);
}

test("AttachmentScanner reads 10,000 parts and 900 levels, and stops at what no mail has", () => {
  expect(namesIn(octetsOf(parts(...Array.from({ length: 10_000 }, (_, i) => `Content-Type: a/b; name=${i}.txt\r\n\r\n`)))).length).toBe(
    10_000,
  );
  const level = (i: number) => `--b${i}\r\nContent-Type: multipart/mixed; boundary=b${i + 1}\r\n\r\n`;
  const nest = (depth: number) =>
    `Content-Type: multipart/mixed; boundary=b0\r\n\r\n${Array.from({ length: depth }, (_, i) => level(i)).join("")}`;
  expect(namesIn(octetsOf(`${nest(900)}--b900\r\n${exe}`))).toEqual(["x.exe"]);
  expect(namesIn(octetsOf(`${nest(2000)}--b2000\r\n${exe}`))).toEqual([]);
  expect(namesIn(octetsOf(`${nest(2000)}--b500\r\n${exe}`))).toEqual(["x.exe"]);
  const files = (count: number, name: string) =>
    parts(...Array.from({ length: count }, (_, i) => `Content-Type: a/b; name=${name}${i}.exe\r\n\r\n`));
  expect(namesIn(octetsOf(files(20_000, "x"))).length).toBe(10_000);
  const long = namesIn(octetsOf(files(20_000, "x".repeat(300))));
  expect([long.length > 5_000, long.every((name) => name.length === 255 && name.endsWith(".exe"))]).toEqual([true, true]);
});
