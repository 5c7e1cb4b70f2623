// Row lines: which rows of the users' tables were looked up for a recipient, which were found, and which commands change them. It
// decides nothing.

import { type Address, parseAddress, parseDomain, sameAddress, tableKeys } from "../mail/address.ts";
import { mailboxesOf } from "../mail/mail.ts";
import type { Facts } from "../plan/facts.ts";
import type { Course } from "../plan/types.ts";
import { quote } from "../result.ts";
import { compileBlocklist, findBlock } from "../rules/blocklist.ts";
import { noRules, type RuleRow } from "../rules/rule-row.ts";
import { sendersOf } from "../rules/sender.ts";
import type { ExplainCommands, ExplainContext } from "./explain-context.ts";
import { shellWord } from "./shell-word.ts";
import type { Line } from "./text-lines.ts";

type Block = Extract<Course, { readonly kind: "block" }>;
type Row = Readonly<{ key: string; patterns: readonly string[] }>;

const shownPatterns = 8; // a longer command is not printed

/** The rows that were found for a recipient, and the keys without a row. */
export function lookupLines(recipient: Address, row: string | null, facts: Facts): readonly Line[] {
  const keys = tableKeys(recipient);
  return [
    { level: 1, label: "rules", text: rulesText(keys, row, facts) },
    { level: 1, label: "blocklist", text: blocklistText(keys, facts) },
  ];
}

function rulesText(keys: readonly string[], row: string | null, { rules }: Facts): string {
  if (row === null) return `no row for ${keys.join(", ")}`;
  const others = keys.filter((key) => key !== row && rules.has(key));
  const unused = others.length > 0 ? `; not used, because only the most specific row applies: ${others.join(", ")}` : "";
  return `row ${row}, ${contentsOf(rules.get(row) ?? noRules)}${unused}`;
}

/** The auto-reply and the forwards of a row. */
function contentsOf({ reply, forwards }: RuleRow): string {
  const targets = forwards.length === 1 ? "1 forward" : `${forwards.length || "no"} forwards`;
  return `out-of-office ${reply === null ? "off" : "on"}, ${targets}`;
}

function blocklistText(keys: readonly string[], facts: Facts): string {
  const rows = rowsOf(keys, facts);
  if (rows.length === 0) return `no row for ${keys.join(", ")}`;
  const count = rows.reduce((sum, { patterns }) => sum + patterns.length, 0);
  const senders = sendersOf(facts.envelope.reversePath ?? null, facts.mail);
  const whom =
    senders.length > 0 ? `no match with the envelope sender, From or Sender (${senders.join(", ")})` : "the mail has no sender to match";
  return `${count === 1 ? "1 pattern" : `${count} patterns`} in ${rows.map(({ key }) => key).join(", ")}; ${whom}`;
}

function rowsOf(keys: readonly string[], { blocklist }: Facts): readonly Row[] {
  return keys.flatMap((key) => {
    const row = blocklist.rows.get(key);
    return row === undefined ? [] : [{ key, patterns: row.patterns }];
  });
}

/** The commands that unblock a sender, one for each row. */
export function unblockCommands({ recipient }: Block, { facts, commands }: ExplainContext): readonly string[] {
  const senders = sendersOf(facts.envelope.reversePath ?? null, facts.mail);
  const matches = (pattern: string) => findBlock(compileBlocklist(new Map([["", [pattern]]])), senders) !== null;
  return rowsOf(tableKeys(recipient), facts).flatMap(({ key, patterns }) => {
    const matching = patterns.filter(matches);
    return matching.length === 0 ? [] : [blockCommand({ key, patterns: matching }, commands)];
  });
}

/** The command that takes patterns out of a row. */
function blockCommand({ key, patterns }: Row, { block, options = "" }: ExplainCommands): string {
  if (patterns.length > shownPatterns) return `${block} remove ${shellWord(key)}${options} with the ${patterns.length} patterns that match`;
  return `${block} remove ${[key, ...patterns].map(shellWord).join(" ")}${options}`;
}

/** Where in the mail the matched sender is. */
export function placeOf(matched: Address, facts: Facts): string {
  const path = facts.envelope.reversePath ?? null;
  if (path !== null && sameAddress(path, matched)) return "the envelope sender";
  const field = ["From", "Sender"].find((name) => mailboxesOf(facts.mail, name).some(({ address }) => sameAddress(address, matched)));
  return field === undefined ? `the envelope sender, which is <${path}>` : `an address in ${field}`;
}

/** The command that switches off the auto-reply of a row. */
export function offCommand(row: string, { rules, options = "" }: ExplainCommands): string {
  return `${rules} set ${shellWord(row)} --off${options}`;
}

/** The command that removes one target from the forwards of a row. */
export function unforwardCommand(row: string, target: Address, { facts, commands }: ExplainContext): string {
  const others = (facts.rules.get(row) ?? noRules).forwards.filter((address) => !sameAddress(address, target));
  const kept = others.length > 0 ? `--forward ${others.map(shellWord).join(" ")}` : "--no-forward";
  return `${commands.rules} set ${shellWord(row)} ${kept}${commands.options ?? ""}`;
}

/** Keys of rows that are never looked up, with the correct key. */
export function deadKeyLines({ rules, blocklist }: Facts): readonly Line[] {
  return [...new Set([...rules.keys(), ...blocklist.rows.keys()])].flatMap((key): Line[] => {
    const meant = keyFor(key);
    const text = `${quote(key)} is never matched${meant === null ? "" : `: its key must be ${meant}`}`;
    return meant === key ? [] : [{ level: 0, label: "Row", text }];
  });
}

function keyFor(key: string): string | null {
  if (/^\*?@/.test(key)) {
    const domain = parseDomain(key.replace(/^\*?@/, ""));
    return domain.ok ? `*@${domain.value}` : null;
  }
  const address = parseAddress(key);
  return address.ok ? (tableKeys(address.value)[0] ?? null) : null;
}
