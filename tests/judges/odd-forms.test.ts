// Forms that other mail programs write and that readers are strict about, in forwards: blanks in a boundary and in a file name,
// words in ISO-2022-JP, raw 8-bit text in an encoded word. Three parsers must see the parts, the names and the texts:
// Python's default parser, mailparser, and Go's net/mail with mime/multipart. RFC 2046 §5.1.1, RFC 2047 §5, RFC 1468.

import { afterAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { compose } from "./composed-mail.ts";
import { hasGo, readAllWithGo } from "./go-reader.ts";
import { hasPython, parseWithMailparser, readAllWithPython } from "./readers.ts";

const missing = [...(hasPython ? [] : ["python3"]), ...(hasGo ? [] : ["go"])];
afterAll(() => {
  if (missing.length > 0) console.warn(`SKIPPED in tests/judges/odd-forms: ${missing.join(" and ")} not found`);
});

type Case = Readonly<{
  name: string;
  fields: string;
  body?: string;
  subject?: string;
  author?: string;
  /** The leaves: type, file name, octets. */
  leaves?: readonly (readonly [type: string, name: string, octets: string])[];
}>;

const plain: NonNullable<Case["leaves"]> = [["text/plain", "", "Hello\r\n"]];
const parts = (boundary: string) =>
  `--${boundary}\r\nContent-Type: text/plain\r\n\r\ntext\r\n--${boundary}\r\nContent-Type: text/html\r\n\r\n<p>text</p>\r\n--${boundary}--\r\n`;
const bothParts: NonNullable<Case["leaves"]> = [
  ["text/plain", "", "text"],
  ["text/html", "", "<p>text</p>"],
];
const fileName = "Quarterly report for the whole of Europe, and for some other countries as well 2026.pdf";
const jis = (...characters: string[]) =>
  `=?ISO-2022-JP?B?${Buffer.from(`\x1b$B${characters.join("")}\x1b(B`, "latin1").toString("base64")}?=`;
const [nichi, hon, go, no, ken, mei] = ["F|", "K\\", "8l", "$N", "7o", "L>"]; // 日 本 語 の 件 名 in JIS X 0208

/** Boundaries with blanks, at all the columns at which a writer might fold. */
const boundaries = [
  "=_alternative 0052A1B2C1257A9E_=",
  "=_mixed 004D1F6F C1257B9A_= and more",
  "a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7",
  `${"x".repeat(30)} ${"y".repeat(38)}`,
];

const cases: readonly Case[] = [
  ...boundaries.flatMap((boundary): Case[] =>
    ["", " charset=US-ASCII;", ` x-note="${"some words ".repeat(5).trim()}";`, "\r\n\t"].map((before) => ({
      name: `X31 the boundary ${JSON.stringify(boundary)} behind ${JSON.stringify(before)}`,
      fields: `Content-Type: multipart/alternative;${before} boundary="${boundary}"\r\n`,
      body: parts(boundary),
      leaves: bothParts,
    })),
  ),
  {
    name: "X31 a file name with blanks",
    fields: `Content-Type: application/pdf; name="${fileName}"\r\nContent-Disposition: attachment; filename="${fileName}"\r\n`,
    leaves: [["application/pdf", fileName, "Hello\r\n"]],
  },
  {
    name: "X31 a folded file name",
    fields: `Content-Type: application/pdf\r\nContent-Disposition: attachment;\r\n filename="a b c.pdf"\r\n`,
    leaves: [["application/pdf", "a b c.pdf", "Hello\r\n"]],
  },
  { name: "X32 two words in ISO-2022-JP", fields: `Subject: ${jis(nichi, hon, go, no)} ${jis(ken, mei)}\r\n`, subject: "日本語の件名" },
  {
    name: "X32 four folded words in ISO-2022-JP",
    fields: `Subject: ${jis(nichi, hon)}\r\n ${jis(go)}\r\n\t${jis(no)}\r\n  ${jis(ken, mei)}\r\n`,
    subject: "日本語の件名",
  },
  {
    name: "X32 a word in ISO-2022-JP between others",
    fields: `Subject: Re: ${jis(nichi)} ${jis(hon)} =?utf-8?Q?=C3=BC?= end\r\n`,
    subject: "Re: 日本ü end",
  },
  { name: "X32 a name of two words in ISO-2022-JP", fields: "", author: `${jis(nichi, hon)} ${jis(go)} <bob@remote.test>`, subject: "" },
  { name: "X33 raw 8-bit text in an encoded word", fields: "Subject: =?iso-8859-1?Q?Die_Fr\xf6sche?=\r\n", subject: "Die Frösche" },
  { name: "X33 raw UTF-8 in an encoded word", fields: "Subject: =?utf-8?Q?Die_Fr\xc3\xb6sche?=\r\n", subject: "Die Frösche" },
  { name: "X33 a bare question mark in an encoded word", fields: "Subject: =?iso-8859-1?Q?K=F6nnen_Sie??=\r\n", subject: "Können Sie?" },
  { name: "X33 raw 8-bit text in a name", fields: "", author: "=?iso-8859-1?Q?J\xf6rg?= <bob@remote.test>", subject: "" },
];

const authors: Readonly<Record<string, string>> = {
  "X32 a name of two words in ISO-2022-JP": "日本語",
  "X33 raw 8-bit text in a name": "Jörg",
};

async function forwardOf({ name: id, fields, body = "Hello\r\n", author = "Bob <bob@remote.test>" }: Case): Promise<Uint8Array> {
  const common = `From: ${author}\r\nTo: alice@example.com\r\nDate: Mon, 05 Jan 2026 12:00:00 +0000\r\nMessage-ID: <m1@remote.test>\r\nMIME-Version: 1.0\r\n`;
  const octets = new Uint8Array(
    Buffer.from(`${common}${/^content-type:/im.test(fields) ? "" : "Content-Type: text/plain\r\n"}${fields}\r\n${body}`, "latin1"),
  );
  const composed = await compose({ id, sender: "bob@remote.test", recipient: "alice@example.com", octets, subject: null });
  if (composed === null) throw new Error(`no forward is composed: ${id}`);
  return composed.forward;
}

/** What each reader must see. */
function meant({ name, subject = "", leaves = plain }: Case) {
  return {
    subject: `FWD: ${subject}`.trimEnd(),
    author: `${authors[name] ?? "Bob"} via example.com`,
    leaves: leaves.map(([type, file, octets]) => [type, file, createHash("sha256").update(octets, "latin1").digest("hex")]),
  };
}

const forwards = await Promise.all(cases.map(async (one) => ({ one, id: one.name, octets: await forwardOf(one) })));
const withPython = hasPython ? readAllWithPython(forwards) : null;
const withGo = hasGo ? readAllWithGo(forwards) : null;

describe("a forward is read as it was meant", () => {
  for (const { one, id, octets } of forwards) {
    test.skipIf(!withPython)(`${id}, by Python`, () => {
      const reading = withPython?.get(id);
      const field = (name: string) => reading?.fields.find((each) => each.name.toLowerCase() === name);
      const leaves = reading?.leaves.map(({ type, name, sha }) => [type, name ?? "", sha]);
      expect({ subject: field("subject")?.value?.trimEnd(), author: field("from")?.boxes[0]?.[0], leaves }).toEqual(meant(one) as never);
      expect(reading?.defects).toEqual([]);
      expect(reading?.legacy.map(([type, file]) => [type, file ?? ""])).toEqual((one.leaves ?? plain).map(([type, file]) => [type, file]));
    });

    test(`${id}, by mailparser`, async () => {
      const mail = await parseWithMailparser(octets);
      const sha = (text: string) => createHash("sha256").update(text.trimEnd(), "latin1").digest("hex");
      const texts = [...(mail.text ? [["text/plain", "", sha(mail.text)]] : []), ...(mail.html ? [["text/html", "", sha(mail.html)]] : [])];
      const files = mail.attachments.map(({ contentType, filename, content }) => [
        contentType,
        filename ?? "",
        sha(Buffer.from(content).toString("latin1")),
      ]);
      const from = mail.headers.get("from") as { value: { name: string }[] };
      const { subject, author } = meant(one);
      const leaves = (one.leaves ?? plain).map(([type, name, text]) => [type, name, sha(text)]);
      expect({ subject: (mail.subject ?? "").trimEnd(), author: from.value[0]?.name, leaves: [...texts, ...files] }).toEqual({
        subject,
        author,
        leaves,
      });
    });

    test.skipIf(!withGo)(`${id}, by Go`, () => {
      const { subject, names, leaves, error } = withGo?.get(id) ?? { leaves: [] };
      expect(error).toBe("");
      expect({ subject: subject?.trimEnd(), author: names?.[0], leaves: leaves.map(({ type, name, sha }) => [type, name, sha]) }).toEqual(
        meant(one) as never,
      );
    });
  }
});

test.skipIf(!hasPython)("the judge does see a boundary that is folded", () => {
  const octets = new Uint8Array(Buffer.from(`Content-Type: multipart/alternative;\r\n boundary="=_a\r\n b_="\r\n\r\n${parts("=_a b_=")}`));
  expect(readAllWithPython([{ id: "folded", octets }]).get("folded")?.legacy.length).toBe(1);
});
