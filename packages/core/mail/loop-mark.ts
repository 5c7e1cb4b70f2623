// Loop mark: the keyed value in `X-Loop` that identifies mail sent by Sesame when it comes back (RFC 5321 §6.3 on loop
// detection). Anybody can write an `X-Loop` field, so a mark counts only if its MAC was made with the loop key. Anybody who got such
// a mail can also put its mark on another mail: so a mark names the address that sent the mail, the target and the time, and
// concerns the rules of that address only, for some days.

import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { derivedId } from "../derived-id.ts";
import { hex, utf8 } from "../octets.ts";
import { dayMs, type EpochMs } from "../time.ts";
import { type Address, parseAddress, sameMailbox } from "./address.ts";
import { type HeaderBlock, valuesOf } from "./header.ts";

/** A mail that Sesame sends: by which address, to whom, and the instant of the notice that it comes from. */
export type MarkedMail = Readonly<{ address: Address; target: Address; mailId: string; receivedAt: EpochMs }>;

/** A mark with a right MAC. Marks of earlier versions have no instant. `address`: `null` if it is no address. */
export type LoopMark = Readonly<{ address: Address | null; at: EpochMs | null }>;

/** The marks of a mail. `forged`: it has a mark with a wrong MAC. */
export type LoopMarks = Readonly<{ valid: readonly LoopMark[]; forged: boolean }>;

const secondMs = 1000;

/** Returns the value of the X-Loop field of a mail that Sesame sends. */
export function loopMark(key: Uint8Array, { address, target, mailId, receivedAt }: MarkedMail): string {
  const id = derivedId("mark", mailId, address);
  const to = targetName(key, target);
  const at = String(Math.floor(receivedAt / secondMs));
  return `${address}; id=${id}; hop=1; to=${to}; at=${at}; mac=${macOf(key, [folded(address), id, "1", to, at])}`;
}

/** Stands for the target: whoever gets the mail from the target must not learn a private address. */
function targetName(key: Uint8Array, target: Address): string {
  return macOf(key, ["target", folded(target)]).slice(0, 16);
}

function macOf(key: Uint8Array, parts: readonly string[]): string {
  return hex(hmac(sha256, key, utf8(JSON.stringify(["sesame loop mark", ...parts])))).slice(0, 32);
}

/** Other hosts may fold and unfold the field, and a quoted local part may contain spaces and semicolons. */
function folded(address: string): string {
  return address
    .toLowerCase()
    .split(";")
    .map((part) => part.trim())
    .join("; ")
    .replace(/\s+/g, " ");
}

const maxMarks = 30; // a mail with more hops is not forwarded
const maxRead = 100; // marks of a header block that are read: each costs a MAC
const maxLength = 2000; // characters of a value that are read; both addresses have at most 254 octets

type MarkParts = Readonly<{ address: string; id: string; hop: string; mac: string; sent: Readonly<{ to: string; at: string }> | null }>;

/**
 * `address; id=…; hop=…; to=…; at=…; mac=…`, with any white space. Marks of earlier versions have no `to` and `at`. A quoted local part
 * may hold semicolons. `null`: the value has another form.
 */
function markParts(value: string): MarkParts | null {
  const parts = value
    .slice(0, maxLength)
    .split(";")
    .map((part) => part.trim());
  if (parts.at(-1) === "") parts.pop();
  const begin = parts.findIndex((part, index) => /^id=[0-9a-f]{32}$/i.test(part) && /^hop=\d{1,3}$/i.test(parts[index + 1] ?? ""));
  const mac = parts.at(-1) ?? "";
  if (begin < 1 || !/^mac=[0-9a-f]{32}$/i.test(mac)) return null;
  const [id = "", hop = "", to = "", at = "", ...others] = parts.slice(begin, -1);
  const isShort = to === "";
  if (others.length > 0 || (!isShort && !(/^to=[0-9a-f]{16}$/i.test(to) && /^at=\d{1,12}$/i.test(at)))) return null;
  const sent = isShort ? null : { to: partValue(to), at: partValue(at) };
  return { address: parts.slice(0, begin).join("; "), id: partValue(id), hop: partValue(hop), mac: partValue(mac), sent };
}

function partValue(part: string): string {
  return part.slice(part.indexOf("=") + 1);
}

/** The values of the X-Loop fields that have a MAC. */
function macValues(block: HeaderBlock): readonly string[] {
  return valuesOf(block, "X-Loop")
    .filter((value) => /\bmac\s*=/i.test(value))
    .slice(0, maxRead);
}

/** Reads the marks in all X-Loop fields. It accepts white space that other hosts changed. Fields of other programs are ignored. */
export function readLoopMarks(key: Uint8Array, block: HeaderBlock): LoopMarks {
  const marks = macValues(block).map((value) => readMark(key, value));
  return { valid: marks.filter((mark) => mark !== "forged"), forged: marks.includes("forged") };
}

function readMark(key: Uint8Array, value: string): LoopMark | "forged" {
  const parts = markParts(value);
  if (parts === null) return "forged";
  const { address, id, hop, mac, sent } = parts;
  const sealed = [folded(address), id.toLowerCase(), hop, ...(sent === null ? [] : [sent.to.toLowerCase(), sent.at])];
  if (!constantTimeEqual(mac.toLowerCase(), macOf(key, sealed))) return "forged";
  const parsed = parseAddress(address);
  const at = sent === null ? null : ((Number(sent.at) * secondMs) as EpochMs);
  return { address: parsed.ok ? parsed.value : null, at };
}

const validMs = 14 * dayMs; // longer than any host tries to send a mail on

/** Whether a mark is so old that it stops nothing. One without an instant does not become old. */
export function isExpired({ at }: LoopMark, now: EpochMs): boolean {
  return at !== null && now - at > validMs;
}

/** Whether a mail that bears these marks was sent by this very mailbox, in the last days. */
export function hasMarkOf(address: Address, { valid }: LoopMarks, now: EpochMs): boolean {
  return valid.some((mark) => mark.address !== null && sameMailbox(mark.address, address) && !isExpired(mark, now));
}

/**
 * Returns the values of X-Loop fields that have the form of a mark, whoever made them, each once. A forward keeps them: otherwise
 * another installation could not recognise its own mail, and two installations that forward to each other would loop until the
 * hop limit.
 */
export function loopMarksIn(block: HeaderBlock): readonly string[] {
  const marks = macValues(block).flatMap((value) => {
    const parts = markParts(value);
    if (parts === null) return [];
    const { address, id, hop, mac, sent } = parts;
    const text = `${address}; id=${id}; hop=${hop};${sent === null ? "" : ` to=${sent.to}; at=${sent.at};`} mac=${mac}`;
    return /^[ -~]+$/.test(text) ? [text] : [];
  });
  return [...new Set(marks)].slice(0, maxMarks);
}

/** Compares two texts in constant time, so that the duration does not reveal how much of a MAC is right. */
function constantTimeEqual(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
