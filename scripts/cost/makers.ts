// Makers: hostile values for the types of parameters, and how a text is fed to a class. reasons.ts has the types and functions that
// need none. A type or class that stands in neither fails the gate, so a new one is noticed.

import { Crc64Nvme } from "../../packages/aws-adapters/crc64-nvme.ts";
import { RefusedError } from "../../packages/aws-adapters/lane.ts";
import { parseSmtpReply } from "../../packages/core/journey/smtp-reply.ts";
import { AttachmentScanner } from "../../packages/core/mail/attachments.ts";
import { openMail } from "../../packages/core/mail/mail.ts";
import { parseMailboxes } from "../../packages/core/mail/mailbox.ts";
import { parseParameters } from "../../packages/core/mail/mime-parameter.ts";
import { noPause } from "../../packages/core/pause.ts";
import { compileBlocklist } from "../../packages/core/rules/blocklist.ts";
import { blocklistCache } from "../../packages/core/rules/blocklist-cache.ts";
import { compilePattern, toFoldedText } from "../../packages/core/rules/pattern.ts";
import { indexPatterns } from "../../packages/core/rules/pattern-index.ts";
import { finish, startWork } from "../../packages/core/steps.ts";
import { ReplyReader } from "../../packages/smtp/smtp-reply.ts";

/** Texts that are repeated to make an input. */
export const shapes: readonly string[] = [
  "a",
  " ",
  "\t",
  "\n",
  "\r\n ",
  "\r",
  ",",
  ";",
  ":",
  ".",
  "@",
  "<",
  ">",
  '"',
  "\\",
  '\\"',
  "(",
  "()",
  "[",
  "]",
  "*",
  "?",
  "=",
  "-",
  "+",
  "&",
  "a@b.test, ",
  "<a@b.test> ",
  "; a=b",
  '; a*0="b"',
  "=?utf-8?Q?=41?= ",
  "=?utf-8?B?QQ==?= ",
  "=?",
  "?=",
  "\u00fc",
  "\u{1f642}",
  "e\u0301",
  "<b>",
  "<a href=x>",
  "<!--",
  "&amp;",
  "\n> ",
  "=41",
  "=\n",
  "--b\n",
  "a: b\n",
  "final-recipient: rfc822; a@b\n",
  "+SRS0=",
  "a=",
  "[!a-",
  "550-5.1.1 ",
];

const fill = (shape: string, size: number) => shape.repeat(Math.ceil(size / shape.length)).slice(0, size);
const octets = (text: string) => new Uint8Array(Buffer.from(text, "utf8"));

/** Fields that a hostile header fills, and a body. */
function mail(shape: string, size: number): unknown {
  const value = fill(shape, Math.floor(size / 8)).replace(/^[\r\n]+/, "");
  const names = ["From", "To", "Reply-To", "Subject", "References", "X-Loop", "Received", "Content-Type"];
  const head = octets(`${names.map((name) => `${name}: ${value}\r\n`).join("")}\r\n${fill(shape, size)}`);
  return openMail(head, head.length);
}

type Maker = (shape: string, size: number) => unknown;
const text: Maker = (shape, size) => fill(shape, size);
const list: Maker = (shape, size) => Array.from({ length: Math.ceil(size / 16) }, (_, i) => `${fill(shape, 14)}${i}`);
const blockOf: Maker = (shape, size) => (mail(shape, size) as ReturnType<typeof openMail>).block;
const nested: Maker = (shape, size) => ({
  Type: fill(shape, size),
  blocked_patterns: list(shape, size),
  ooo_active: true,
  ooo_message: fill(shape, size),
  forwards: list(shape, size),
  message: fill(shape, size),
});

/** A hostile value of a type. */
export const makers: Readonly<Record<string, Maker>> = {
  string: text,
  "string | null": text,
  "string | undefined": text,
  "string | null | undefined": text,
  "number | string": text,
  unknown: nested,
  Uint8Array: (shape, size) => octets(fill(shape, size)),
  "readonly Uint8Array[]": (shape, size) => Array.from({ length: Math.ceil(size / 16) }, () => octets(fill(shape, 16))),
  "readonly string[]": list,
  Mail: mail,
  HeaderBlock: blockOf,
  Row: (shape, size) => ({ text: fill(shape, size), list: list(shape, size) }),
  object: (shape, size) => ({ text: fill(shape, size) }),
  Input: (shape, size) => ({ Bucket: fill(shape, size) }),
  Signable: (shape, size) => ({ method: "GET", path: fill(shape, size), query: "", fields: { a: fill(shape, size) }, payloadHash: "" }),
  HeaderField: (shape, size) => ({ name: "X", key: "x", raw: octets(`X: ${fill(shape, size)}`) }),
  MimePart: (shape, size) => ({ type: "text/plain", block: blockOf("a", 64), body: octets(fill(shape, size)) }),
  ParameterList: (shape, size) => parseParameters(`a/b; ${fill(shape, size)}`),
  FieldValue: (shape, size) => ({ kind: "text", text: fill(shape, size) }),
  "readonly Mailbox[]": (shape, size) => parseMailboxes(fill("a@b.test, ", size)).map((box) => ({ ...box, name: fill(shape, 20) })),
  Quotation: (shape, size) => ({ author: "a@b.test", text: fill(shape, size) }),
  HtmlTextOptions: () => ({ keepLinks: true }),
  PeriodAttributes: (shape, size) => ({ ooo_start: fill(shape, size), ooo_end: fill(shape, size), ooo_timezone: fill(shape, size) }),
  TransportInfo: () => ({ snsId: "id", snsTimestamp: undefined, sentAt: 0 }),
  "ReadonlyMap<string, unknown>": (shape, size) => new Map([["a@x", list(shape, size)]]),
  DirectoryRows: (shape, size) => ({ rules: new Map([["a@x", list(shape, size)]]), blocked: new Map() }),
  Blocklist: (shape, size) => compileBlocklist(new Map([["a@x", list(shape, size)]])),
  "readonly AddressKey[]": (_, size) => Array.from({ length: Math.ceil(size / 64) }, (__, i) => `person${i}+tag@remote${i}.test`),
  "readonly Address[]": (_, size) => Array.from({ length: Math.ceil(size / 64) }, (__, i) => `person${i}@remote${i}.test`),
  Pattern: (shape) => compilePattern(fill(shape, 320)),
  "readonly Pattern[]": (shape, size) => (list(shape, size) as string[]).map((each) => compilePattern(each)),
  FoldedText: (shape) => toFoldedText(fill(shape, 254)),
  Work: () => startWork(),
  Pause: () => noPause,
  Envelope: (_, size) => ({ from: "bob@remote.test", recipients: Array.from({ length: Math.ceil(size / 64) }, (__, i) => `p${i}@x.test`) }),
  Dsn: () => ({ finalRecipients: [], original: null }),
  "AsyncIterable<Uint8Array> | null": () => null,
  "readonly HeaderEdit[]": (shape, size) => [{ kind: "prepend", name: "X", value: fill(shape, size).replace(/[^ -~]+/g, "x") }],
  "readonly Readonly<{ name: string; value: FieldValue }>[]": (shape, size) =>
    Array.from({ length: Math.ceil(size / 64) }, () => ({
      name: "X",
      value: { kind: "text", text: fill(shape, 60).replace(/[^ -~]+/g, "x") },
    })),
  "readonly Domain[]": (_, size) => Array.from({ length: Math.ceil(size / 64) }, (__, i) => `x${i}.test`),
  "readonly Recipient[]": (_, size) =>
    Array.from({ length: Math.ceil(size / 64) }, (__, i) => ({ kind: "served", address: `person${i}@example.com`, text: "" })),
  "readonly FoldedText[]": (shape) => [toFoldedText(fill(shape, 254))],
  PatternIndex: (shape, size) =>
    finish(
      indexPatterns(
        (list(shape, size) as string[]).map((each) => compilePattern(each)),
        startWork(),
      ),
    ),
  SmtpReply: (shape, size) => parseSmtpReply(`550 ${fill(shape, size)}`),
  OpenedMail: (shape, size) => ({ mail: mail(shape, size), rest: null }),
  Draft: (shape, size) => ({ head: octets(fill(shape, size)), body: { kind: "original", from: 0 } }),
  AuditRecord: () => ({}),
  "Readonly<{ Code?: string | undefined; Message?: string | undefined; SenderFault?: boolean | undefined }>": (shape, size) => ({
    Code: fill(shape, size),
    Message: fill(shape, size),
  }),
  "Readonly<{ cache: BlocklistCache; pause: Pause; spellings?: RowSpellings }>": () => ({
    cache: blocklistCache({ maxOctets: 1 << 26 }),
    pause: noPause,
  }),
  Metadata: (shape, size) => ({ x: fill(shape, size) }),
  Attributes: (shape, size) => ({ x: fill(shape, size) }),
  "Attributes | undefined": (shape, size) => ({ x: fill(shape, size) }),
};

/** How a text is fed to a class that takes octets or text. */
export const feeds: Readonly<Record<string, (text: string) => unknown>> = {
  AttachmentScanner: (fed) => new AttachmentScanner().write(octets(`Content-Type: multipart/mixed; boundary=b\n\n--b\n${fed}`)).names(),
  ReplyReader: (fed) => new ReplyReader(1 << 20).read(Buffer.from(fed, "utf8")),
  Crc64Nvme: (fed) => new Crc64Nvme().update(octets(fed)),
  RefusedError: (fed) => new RefusedError({ status: 400, headers: new Headers() } as never, fed),
};
