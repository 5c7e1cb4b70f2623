// Original: what a forward, or the notice in its place, tells of the mail it stands for: who wrote it, whither an answer
// goes, which thread it belongs to. Addresses are read by their structure first and decoded after (RFC 2047 §5), and
// written so that Amazon SES, which parses every address field and refuses the whole mail for one bad address, takes them.

import { type Address, asciiAddress, domainOf, localPartOf } from "../mail/address.ts";
import { decodeWords } from "../mail/encoded-word.ts";
import { valuesOf } from "../mail/header.ts";
import { mailboxValue, safeText } from "../mail/header-write.ts";
import { idsOf, type Mail, mailboxesOf, messageIdOf } from "../mail/mail.ts";
import { type Mailbox, maxMailboxes, parseMailboxes } from "../mail/mailbox.ts";
import { sesAcceptsDomain } from "../ses/ses-limits.ts";
import { type NewField, references, structured } from "./generated-header.ts";

const maxAnswers = 20; // mailboxes in Reply-To
const maxList = 16 * 1024; // characters in To or Cc: what names nobody who gets this mail may be cut
const maxShown = 100; // characters of a name
const maxName = 1000; // characters of a name as it came, encoded

/** The mailboxes of all fields of a name that a 7-bit header can hold, each once. */
export function boxesOf(mail: Mail, name: string): readonly Mailbox[] {
  const found = new Map<string, Mailbox>();
  for (const box of readBoxes(mail, name)) {
    const address = writable(box.address);
    if (address !== null && !found.has(address)) found.set(address, { name: box.name, address });
  }
  return [...found.values()];
}

/** Mailboxes by structure. Only where that shows none is the text decoded first, as some senders encode a whole field. */
function readBoxes(mail: Mail, name: string): readonly Mailbox[] {
  const answer = parseBoxes(valuesOf(mail.block, name));
  return answer.length > 0 ? answer : mailboxesOf(mail, name);
}

function parseBoxes(values: readonly string[]): readonly Mailbox[] {
  const boxes = values.flatMap((value) => parseMailboxes(lawfulWords(value))).slice(0, maxMailboxes);
  return boxes.map(({ name, address }) => ({ name: decodeWords(name.slice(0, maxName)), address }));
}

/** Encoded words whose colons, commas and the like are encoded too, as in a display name they must be (RFC 2047 §5 (3)). */
function lawfulWords(value: string): string {
  return value.replace(/(=\?[!->@-~]{1,60}\?q\?)([\t ->@-~]*)(\?=)/gi, (_, start: string, data: string, end: string) => {
    const lawful = data
      .replace(/[ \t]/g, "_")
      .replace(/[^A-Za-z0-9!*+\-/=_]/g, (char) => `=${char.charCodeAt(0).toString(16).toUpperCase()}`);
    return `${start}${lawful}${end}`;
  });
}

/** An address as SES takes it in a header; `null` where it takes none. */
function writable(address: Address): Address | null {
  return sesAcceptsDomain(domainOf(address)) ? asciiAddress(address) : null;
}

/** Mailboxes as a structured value, as many as fit. */
export function boxesValue(boxes: readonly Mailbox[]): string {
  let value = "";
  for (const { name, address } of boxes) {
    const next = mailboxValue(safeText(name, maxShown), address);
    if (value.length + next.length > maxList) break;
    value += value === "" ? next : `, ${next}`;
  }
  return value;
}

/** Whither an answer goes: where the author wants it, else to all authors (RFC 5322 §3.6.2). */
export function answerFields(mail: Mail): readonly NewField[] {
  const replyTo = boxesOf(mail, "Reply-To");
  const boxes = replyTo.length > 0 ? replyTo : boxesOf(mail, "From");
  const named = boxes.slice(0, maxAnswers).map(({ name, address }) => ({ name: harmlessName(name), address }));
  return named.length > 0 ? [structured("Reply-To", boxesValue(named))] : [];
}

/** The thread (RFC 5322 §3.6.4), and the Message-ID that SES is going to replace. */
export function threadFields(mail: Mail): readonly NewField[] {
  const original = messageIdOf(mail);
  const thread = references(mail, original);
  return [
    ...ids("In-Reply-To", idsOf(mail, "In-Reply-To").slice(0, 1)),
    ...ids("References", thread === "" ? [] : [thread]),
    ...ids("X-Original-Message-ID", original === null ? [] : [original]),
  ];
}

function ids(name: string, found: readonly string[]): readonly NewField[] {
  return found.length > 0 ? [structured(name, found.join(" "))] : [];
}

/** Who stood in From. Where no address can be read, the text as it was. */
export function originalFrom(mail: Mail): readonly NewField[] {
  const name = "X-Original-From";
  const boxes = boxesOf(mail, "From").slice(0, maxAnswers);
  if (boxes.length > 0) return [structured(name, boxesValue(boxes))];
  const text = safeText(decodeWords(valuesOf(mail.block, "From").join(", ").slice(0, maxName)));
  return text === "" ? [] : [{ name, value: { kind: "text", text } }];
}

/** Who wrote it, in words that no mail program and no hasty reader takes for another address. */
export function authorName(mail: Mail): string {
  const [author] = readBoxes(mail, "From");
  if (!author) return "Unknown sender";
  const name = harmlessName(author.name);
  if (name !== "") return name;
  return withoutSigns(`${localPartOf(author.address)} at ${domainOf(author.address)}`);
}

/** A display name without addresses: `"ceo@bank.test" <eve@evil.test>` must not be shown as the bank. */
function harmlessName(name: string): string {
  const visible = safeText(name.replace(invisible, ""), 300);
  const words = visible.split(" ").filter((word) => !/.[@＠﹫].*\../u.test(word));
  return withoutSigns(words.join(" "));
}

const invisible = /(?![\u200c\u200d])\p{Cf}/gu; // the joiners belong to some scripts, and to emoji

/** Without the signs of an address, their look-alikes of other widths included (Unicode NFKC). */
function withoutSigns(text: string): string {
  return safeText(text.replace(/[@＠﹫<>＜＞﹤﹥‹›〈〉⟨⟩]/gu, " "), maxShown);
}
