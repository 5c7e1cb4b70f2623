// Mail targets: what reads the header of a mail, its encoded words and a delivery report.

import { type Mail, openMail, parseAddress } from "@sesame/core";
import { scanAttachments } from "../../packages/core/mail/attachments.ts";
import { readDsn } from "../../packages/core/mail/dsn.ts";
import { decodeWords, encodeWords } from "../../packages/core/mail/encoded-word.ts";
import { firstValue, type HeaderBlock, maxFields, maxHeader, maxValue, splitHeader, valuesOf } from "../../packages/core/mail/header.ts";
import { renderBlock } from "../../packages/core/mail/header-edit.ts";
import { renderField, safeText } from "../../packages/core/mail/header-write.ts";
import { hopsOf, idsOf, isEditable, isReadable, mailboxesOf, messageIdOf, subjectOf } from "../../packages/core/mail/mail.ts";
import { parseMailboxes } from "../../packages/core/mail/mailbox.ts";
import { bounceEdits, isSesBounce, originalIds } from "../../packages/core/ses/bounce.ts";
import { mailSeeds, reportSeeds, wordSeeds } from "./seeds.ts";
import { asText, holds, type Target } from "./target.ts";

const fields = ["From", "To", "Cc", "Sender", "Reply-To", "Subject", "Message-ID", "References", "Received", "X-Loop"] as const;

export const header: Target = {
  name: "header",
  seeds: mailSeeds,
  tokens: [
    ...(["\r\n", "\n", "\r", "\r\n ", "\r\n\r\n", "\0", ":", " :", "From ", "From: ", "Subject: ", "Return-Path: <a@b>\r\n"] as const),
    ...["\xff", "\xc3\xbc", "=?utf-8?Q?=0D=0A?=", "=?", "<m@x>", ",", ";", '"', "(", "@", "X: y\r\n", "MIME-Version: 1.0\r\n", "\t"],
  ],
  check(input) {
    const head = input.subarray(0, maxHeader);
    const mail = openMail(head, input.length);
    const { block, bodyStart, defects } = mail;
    const rendered = renderBlock(block, []);
    const start = bodyStart - rendered.length;
    holds(block.fields.length <= maxFields, "more fields than are read", block.fields.length);
    holds(start >= 0 && bodyStart <= head.length, "a body outside the mail", [start, bodyStart]);
    holds(start === 0 || defects.includes("mbox-line"), "octets above the header");
    holds(Buffer.from(rendered).equals(head.subarray(start, bodyStart)), "a header that is not rendered as it came");
    for (const name of fields) for (const value of valuesOf(block, name)) holds(!/[\r\n]/.test(value), "a value of several lines", value);
    for (const id of ["Message-ID", "References"].flatMap((name) => idsOf(mail, name)))
      holds(/^<[!-;=?-~]{1,248}>$/.test(id), "an id that cannot stand in a header", id);
    for (const { address } of mailboxesOf(mail, "From", "To", "Cc")) holds(parseAddress(address).ok, "an address that is none", address);
    holdsOfPieces(input, mail);
    holdsOfSubject(mail);
    if (isEditable(mail)) holdsOfEdits(mail);
    return [...defects, isReadable(mail), messageIdOf(mail) === null, Math.min(hopsOf(mail), 3), Math.min(block.fields.length, 30)].join();
  },
};

/** A header that ends well before the cut is the same, wherever the mail is cut. */
function holdsOfPieces(input: Uint8Array, { block, bodyStart }: Mail): void {
  if (block.separator.length === 0 || bodyStart + 2 >= input.length || bodyStart + 2 > maxHeader) return;
  const cut = splitHeader(input.subarray(0, bodyStart + 2), false);
  holds(cut.bodyStart === bodyStart && cut.block.fields.length === block.fields.length, "a header that depends on what follows it");
}

/** Whatever a subject holds, one field comes of it, and its reader sees what was written. */
function holdsOfSubject(mail: Mail): void {
  const text = safeText(subjectOf(mail) ?? "");
  const written = renderField("Subject", { kind: "text", text });
  holds(written.ok, "a safe text that cannot be written", text);
  const octets = Buffer.from(`${written.value}\r\n`);
  const { block } = splitHeader(octets, true);
  holds(block.fields.length === 1 && /^[\t\r\n -~]*$/.test(written.value), "a subject of several fields", written.value);
  holds(decodeWords(firstValue(block, "Subject") ?? "") === text, "a subject that reads otherwise", [text, written.value]);
}

function holdsOfEdits({ block, bodyStart, head, size }: Mail): void {
  const isWhole = size <= head.length || block.separator.length > 0;
  const before = names(block);
  const shown = renderBlock(block, [
    { kind: "replace", name: "From", value: "gone@x.test" },
    { kind: "prepend", name: "X-Original-From", value: "was" },
    { kind: "remove", name: "Return-Path", which: "all" },
  ]);
  if (!isWhole || before.length >= maxFields - 1 || bodyStart > maxHeader - 200) return;
  const after = splitHeader(shown, true);
  holds(valuesOf(after.block, "From").join() === "gone@x.test", "an edit that is not seen");
  const others = (list: readonly string[]) => list.filter((name) => !["from", "return-path"].includes(name));
  holds(others(names(after.block)).join() === ["x-original-from", ...others(before)].join(), "an edit of another field");
}

function names(block: HeaderBlock): readonly string[] {
  return block.fields.map(({ key }) => key);
}

export const words: Target = {
  name: "encoded-word",
  seeds: wordSeeds,
  tokens: [
    "=?",
    "?=",
    "?Q?",
    "?b?",
    "=?utf-8?Q?",
    "=?utf-8?B?",
    "=0D=0A",
    "_",
    "=",
    " ",
    "\t",
    "\r\n ",
    "*en",
    "iso-2022-jp",
    "utf-16",
    "\x1b$B",
    "\xf0\x9f\x99\x82",
    "\xe2\x80\xa8",
  ],
  check(input) {
    const text = asText(input.subarray(0, maxValue)); // no more of a field is read
    const decoded = decodeWords(text);
    holds(text.includes("=?") || decoded === text, "a plain text that is changed");
    holds(decoded.length <= text.length, "a decoded text that is longer", [text.length, decoded.length]);
    const safe = safeText(decoded);
    const written = safe === "" ? [] : encodeWords(safe);
    for (const word of written) holds(/^=\?UTF-8\?[QB]\?[!->@-~]*\?=$/.test(word) && word.length <= 75, "a word that is none", word);
    holds(decodeWords(written.join("\r\n ")) === safe, "a text that does not come back", safe);
    parseMailboxes(decoded);
    return [
      decoded !== text,
      Math.min((text.match(/=\?/g) ?? []).length, 4),
      decoded.includes("=?"),
      /[\r\n]/.test(decoded),
      decoded.includes("\ufffd"),
    ].join();
  },
};

export const report: Target = {
  name: "dsn",
  seeds: reportSeeds,
  tokens: [
    ...([
      "--b",
      "--b--",
      "\r\n",
      "\n",
      "\r\n\r\n",
      "Content-Type: ",
      "message/delivery-status",
      "message/rfc822",
      "text/rfc822-headers",
    ] as const),
    ...["multipart/report; boundary=b", "Final-Recipient: rfc822; ", "Action: delivered", "utf-8; ", "\\x{F6}", "\\x{110000}", "x400; "],
    ...[
      "X-Failed-Recipients: ",
      "a@x.test",
      "following recipients:",
      "Content-Transfer-Encoding: base64",
      "quoted-printable",
      "=\r\n",
      "=3D",
      ";",
      "<",
      ">",
      "(",
      "\0",
    ],
  ],
  check(input) {
    const mail = openMail(input, input.length);
    const dsn = readDsn(mail);
    const { finalRecipients, original } = dsn;
    holds(finalRecipients.length <= 1000 && new Set(finalRecipients).size === finalRecipients.length, "recipients without end");
    for (const address of finalRecipients) holds(parseAddress(address).ok, "a recipient that is none", address);
    holds(original === null || original.fields.length <= maxFields, "an original with too many fields");
    const ids = originalIds(mail, dsn);
    holds(ids.length <= 20 && ids.every((id) => /^[!-~]{1,200}$/.test(id)), "ids that are none", ids);
    const record = { source: "alice@example.com", recipients: finalRecipients.slice(0, 3), kind: null };
    const edits = bounceEdits(mail, record, dsn);
    for (const edit of edits)
      holds(
        edit.kind === "remove" || /^[\t -~]*$/.test(edit.value) || finalRecipients.some((address) => /[^ -~]/.test(address)),
        "an edit that injects",
        edit,
      );
    const attached = scanAttachments(mail).names();
    holds(attached.length <= 10_000 && attached.every((name) => name.length <= 255), "file names without end");
    return [
      isSesBounce(mail),
      Math.min(finalRecipients.length, 4),
      original !== null,
      Math.min(ids.length, 3),
      edits.length,
      Math.min(attached.length, 3),
    ].join();
  },
};
