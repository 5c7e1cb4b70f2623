// Explanation of rows: which rows of the users' tables were looked up for a recipient, which were found, and which
// command of `sesame rules` and `sesame block` would change what they decide. It asks the core, and decides nothing.

import {
  type Address,
  type Course,
  type DirectoryRows,
  decodeRules,
  type Facts,
  findBlock,
  indexBlocklist,
  mailboxesOf,
  parseAddress,
  parseDomain,
  quote,
  sameAddress,
  sendersOf,
  tableKeys,
} from "@sesame/core";
import { shellWord } from "../shell-word.ts";
import type { Line } from "./text-lines.ts";

type Block = Extract<Course, { readonly kind: "block" }>;
type Row = Readonly<{ key: string; patterns: readonly string[] }>;

const shownPatterns = 8; // a command with more would be no help

/** What was found for a recipient, and what was not. */
export function lookupLines(recipient: Address, row: string | null, facts: Facts): readonly Line[] {
  const keys = tableKeys(recipient);
  return [
    { level: 1, label: "rules", text: rulesText(keys, row, facts.rows) },
    { level: 1, label: "blocklist", text: blocklistText(keys, facts) },
  ];
}

function rulesText(keys: readonly string[], row: string | null, { rules }: DirectoryRows): string {
  if (row === null) return `no row for ${keys.join(", ")}`;
  const others = keys.filter((key) => key !== row && rules.has(key));
  const unused = others.length > 0 ? `; not used, since the nearest row is taken whole: ${others.join(", ")}` : "";
  return `row ${row}, ${contentsOf(rules.get(row))}${unused}`;
}

/** What a row asks for. */
function contentsOf(stored: unknown): string {
  const { reply, forwards } = decodeRules(stored);
  const targets = forwards.length === 1 ? "1 forward" : `${forwards.length || "no"} forwards`;
  return `out-of-office ${reply === null ? "off" : "on"}, ${targets}`;
}

function blocklistText(keys: readonly string[], facts: Facts): string {
  const rows = rowsOf(keys, facts.rows);
  if (rows.length === 0) return `no row for ${keys.join(", ")}`;
  const count = rows.reduce((sum, { patterns }) => sum + patterns.length, 0);
  const senders = sendersOf(facts.envelope.reversePath ?? null, facts.mail);
  const whom = senders.length > 0 ? `none matches ${senders.join(", ")}` : "there is no sender to match";
  return `${count === 1 ? "1 pattern" : `${count} patterns`} in ${rows.map(({ key }) => key).join(", ")}; ${whom}`;
}

function rowsOf(keys: readonly string[], { blocked }: DirectoryRows): readonly Row[] {
  return keys.filter((key) => blocked.has(key)).map((key) => ({ key, patterns: patternsOf(blocked.get(key)) }));
}

function patternsOf(stored: unknown): readonly string[] {
  const list: readonly unknown[] = stored instanceof Set ? [...stored] : Array.isArray(stored) ? stored : [];
  return list.filter((item): item is string => typeof item === "string");
}

/** The commands after which a blocked sender gets through, row by row. */
export function letThrough({ recipient }: Block, facts: Facts): readonly string[] {
  const senders = sendersOf(facts.envelope.reversePath ?? null, facts.mail);
  const passes = (pattern: string) => findBlock(indexBlocklist([{ key: "", patterns: [pattern] }]), senders) === null;
  return rowsOf(tableKeys(recipient), facts.rows).flatMap(({ key, patterns }) => {
    const kept = patterns.filter(passes);
    return kept.length === patterns.length ? [] : [blockCommand({ key, patterns: kept })];
  });
}

function blockCommand({ key, patterns }: Row): string {
  if (patterns.length === 0) return `sesame block remove ${shellWord(key)}`;
  if (patterns.length > shownPatterns) return `sesame block set ${shellWord(key)} with the other ${patterns.length} patterns of the row`;
  return `sesame block set ${[key, ...patterns].map(shellWord).join(" ")}`;
}

/** Where the sender that a pattern matched stands in the mail. */
export function placeOf(matched: Address, facts: Facts): string {
  const path = facts.envelope.reversePath ?? null;
  if (path !== null && sameAddress(path, matched)) return "the sender of the envelope";
  const field = ["From", "Sender"].find((name) => mailboxesOf(facts.mail, name).some(({ address }) => sameAddress(address, matched)));
  return field === undefined ? `the sender of the envelope, which came as <${path}>` : `an address in ${field}`;
}

/** The command that switches off the reply of a row. */
export function offCommand(row: string): string {
  return `sesame rules set ${shellWord(row)} --off`;
}

/** The command that takes one target out of the forwards of a row. */
export function unforwardCommand(row: string, target: Address, facts: Facts): string {
  const others = decodeRules(facts.rows.rules.get(row)).forwards.filter((address) => !sameAddress(address, target));
  const kept = others.length > 0 ? `--forward ${others.map(shellWord).join(" ")}` : "--no-forward";
  return `sesame rules set ${shellWord(row)} ${kept}`;
}

/** Keys of given rows under which no worker ever looks, with the key that was meant. */
export function deadKeyLines({ rules, blocked }: DirectoryRows): readonly Line[] {
  return [...new Set([...rules.keys(), ...blocked.keys()])].flatMap((key): Line[] => {
    const meant = keyFor(key);
    const text = `${quote(key)} is never found${meant === null ? "" : `: its key must be ${meant}`}`;
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
