// Row targets: what reads addresses, patterns and users' rows.

import {
  type Address,
  addressKey,
  compileBlocklist,
  decodeRuleRow,
  type EpochMs,
  findBlock,
  parseAddress,
  parseDomain,
  parseReversePath,
} from "@sesame/core";
import { asciiAddress, tableKeys, unicodeKey, withoutTag } from "../../packages/core/mail/address.ts";
import { maxValue } from "../../packages/core/mail/header.ts";
import { parseMailboxes } from "../../packages/core/mail/mailbox.ts";
import { isActive } from "../../packages/core/rules/active-period.ts";
import { blocklistWarnings } from "../../packages/core/rules/blocklist.ts";
import { compilePattern, foldText, matchesPattern, maxPattern } from "../../packages/core/rules/pattern.ts";
import { pathOf } from "../../packages/smtp/smtp-path.ts";
import { naivelyMatches } from "./naive-pattern.ts";
import { addressSeeds, patternSeeds, rowSeeds } from "./seeds.ts";
import { asText, holds, holdsErrorText, type Target } from "./target.ts";

export const address: Target = {
  name: "address",
  seeds: addressSeeds,
  tokens: [
    "@",
    "<",
    ">",
    '"',
    "\\",
    '\\"',
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    ":",
    ".",
    "+",
    " ",
    "\t",
    "\r\n",
    "\0",
    "\xc3\xbc",
    "\xe2\x80\xa8",
    "\xef\xbc\xa0",
    "xn--",
    "xn--bcher-kva",
    "@x.test",
    "a@x.test",
    "=?utf-8?Q?a=40b?=",
    "e\xcc\x81",
    "\xf0\x9f\x99\x82",
  ],
  check(input) {
    const text = asText(input.subarray(0, maxValue)); // no more of a field is read
    const parsed = parseAddress(text);
    if (parsed.ok) holdsOfAddress(parsed.value);
    else holdsErrorText(parsed.error);
    const domain = parseDomain(text);
    holds(!domain.ok || parseDomain(domain.value).ok, "a domain that is none", text);
    const path = parseReversePath(text);
    const mailboxes = parseMailboxes(text);
    holds(mailboxes.length <= 1000, "mailboxes without end", mailboxes.length);
    for (const mailbox of mailboxes) {
      const again = parseAddress(mailbox.address);
      holds(again.ok && again.value === mailbox.address, "an address that reads otherwise", mailbox.address);
    }
    return [
      parsed.ok,
      domain.ok,
      path === undefined ? "none" : path === null,
      Math.min(mailboxes.length, 5),
      mailboxes.some(({ name }) => name !== ""),
    ].join();
  },
};

function holdsOfAddress(value: Address): void {
  const again = parseAddress(value);
  holds(again.ok && again.value === value, "an address that reads otherwise", value);
  holds(Buffer.byteLength(value) <= 254 && !/[\p{Cc}]/u.test(value), "an address that no command can carry", value);
  const key = addressKey(value);
  holds(key === key.toLowerCase().normalize("NFC") || /[^ -~]/.test(key), "a key that is not folded", key);
  holds(withoutTag(withoutTag(key)).length <= key.length && unicodeKey(value).includes("@"), "a key without an @", key);
  const keys = tableKeys(value);
  holds(keys.length >= 1 && keys.length <= 3 && keys.at(-1)?.startsWith("*@") === true, "table keys that are none", keys);
  const ascii = asciiAddress(value);
  holds(ascii === null || (/^[ -~]+$/.test(ascii) && addressKey(ascii) === key), "another address in ASCII", [value, ascii]);
  const command = pathOf(value);
  if (command.kind === "invalid") return;
  const outside = command.path.replace(/"(?:[^"\\]|\\.)*"/gs, "");
  holds(!/[\p{Cc}<>]/u.test(command.path) && !/\s/.test(outside), "a path that ends its command", command.path);
}

export const pattern: Target = {
  name: "pattern",
  seeds: patternSeeds,
  tokens: [
    "*",
    "**",
    "?",
    "[",
    "]",
    "[!",
    "[]",
    "-",
    "!",
    "a-z",
    "z-a",
    "*a",
    "@",
    ".",
    "\\",
    "^",
    "\n",
    "{a,b}",
    "\xf0\x9f\x99\x82",
    "e\xcc\x81",
    "\xc3\x89",
    "\xc4\xb0",
    "\xef\xac\x81",
    "a",
  ],
  check(input) {
    const [source = "", ...rest] = asText(input).split("\n");
    const text = rest.join("\n").slice(0, 400); // an address has 254 octets
    const warnings = blocklistWarnings(compileBlocklist(new Map([["*@example.com", [source, ...rest.slice(0, 5000)]]])));
    holds(warnings.length <= 21, "warnings without end", warnings.length);
    for (const warning of warnings) holdsWarning(warning.text);
    if (source.length > maxPattern) return "too long";
    const found = matchesPattern(compilePattern(source), text);
    const [folded, against] = [foldText(source), foldText(text)];
    const isSmall = folded.length * against.length <= 20_000;
    if (isSmall) holds(found === naivelyMatches(folded, against), "another answer than fnmatch", [source, text, found]);
    const block = findBlock(compileBlocklist(new Map([["*@example.com", [source]]])), ["a@spam.test" as Address]);
    holds((block !== null) === matchesPattern(compilePattern(source), "a@spam.test"), "a blocklist that finds something else", source);
    const steps = [...folded].map((char) => ("*?[]!-".includes(char) ? char : "a")).join("");
    return [found, isSmall, steps.replace(/(.)\1+/g, "$1").slice(0, 8)].join();
  },
};

export const row: Target = {
  name: "rule-row",
  seeds: rowSeeds,
  tokens: [
    ...([
      '"ooo_active":',
      '"ooo_message":',
      '"ooo_content_type":',
      '"ooo_subject":',
      '"ooo_start":',
      '"ooo_end":',
      '"ooo_timezone":',
      '"forwards":',
    ] as const),
    ...[
      '"blocked_patterns":',
      "true",
      "false",
      '"true"',
      "null",
      "1",
      "[]",
      "{}",
      '{"set":',
      ",",
      '"',
      "}",
      "]",
      '"2026-02-30"',
      '"2026-01-01T00:00:00+99:99"',
    ],
    ...['"Europe/Berlin"', '"Mars/Base"', '"a@b.test"', "\\u0000", "\\ud800", "1e999", "canary-text", "9999-12-31"],
  ],
  check(input) {
    const value = rowOf(asText(input));
    if (value === undefined) return "no JSON";
    const rules = decodeRuleRow(value);
    for (const error of rules.errors) {
      holdsErrorText(error);
      holds(!/ooo_(?:message|subject) /.test(error) || !error.includes("canary-text"), "a user's words in an error", error);
    }
    holds(rules.errors.length <= 60, "errors without end", rules.errors.length);
    holds(rules.reply === null || (isObject(value) && value["ooo_active"] === true), "a reply by accident", value);
    holds(
      rules.forwards.length <= 50 && rules.forwards.every((target) => parseAddress(target).ok),
      "a target that is none",
      rules.forwards,
    );
    if (rules.reply) for (const at of [0, 1_767_600_000_000, 8.64e15]) isActive(rules.reply, at as EpochMs);
    const patterns = isObject(value) ? value["blocked_patterns"] : value;
    const warnings = blocklistWarnings(compileBlocklist(new Map([["alice@example.com", patterns]])));
    for (const { text } of warnings) holdsWarning(text);
    return [
      rules.reply !== null,
      rules.errors.map((error) => error.split(":")[0]?.slice(0, 60)),
      Math.min(rules.forwards.length, 3),
      Math.min(warnings.length, 2),
    ].join();
  },
};

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Set);
}

/** Advice on a pattern has the form "Pattern <value> matches …". */
function holdsWarning(text: string): void {
  holdsErrorText(text.replace(/^Pattern /, "Cannot use a pattern: "));
}

/** DynamoDB's document client gives sets as sets. */
function rowOf(text: string): unknown {
  try {
    return JSON.parse(text, (_, value: unknown) => (isObject(value) && Array.isArray(value["set"]) ? new Set(value["set"]) : value));
  } catch {
    return undefined;
  }
}
