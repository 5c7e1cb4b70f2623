// Blocklist: which pattern of a recipient blocks this sender? Patterns are indexed: exact addresses and `*@domain` by
// look-up, the rest one by one. A sender is every address that could be meant by the word: the reverse-path (as it came
// and with the decoration of BATV, SRS or VERP taken off), each mailbox of each From field, and Sender. A display name
// is never matched. RFC 5321 §2.4 and §4.5.5: the null reverse-path is no address, so no pattern applies to it.

import { type Address, addressKey, domainOf, localPartOf, parseAddress, type ReversePath } from "./address.ts";
import { type Mail, mailboxesOf } from "./mail.ts";
import { compilePattern, foldText, isLiteral, matches, maxPattern, type Pattern } from "./pattern.ts";
import { quote } from "./result.ts";

/** The pattern that blocks, and the address of the sender that it matched. */
export type Blocked = Readonly<{ pattern: string; matched: Address }>;

/** A recipient's patterns, indexed, and what is wrong with some of them. */
export type Blocklist = Readonly<{
  exact: ReadonlyMap<string, string>;
  domains: ReadonlyMap<string, string>;
  others: readonly Pattern[];
  warnings: readonly string[];
}>;

const maxPatterns = 5000; // a row of 400 KB, DynamoDB's limit, holds no more of any use

/** Indexes the stored patterns of all rows that apply. A wrong type is left out, aloud. */
export function indexBlocklist(rows: readonly unknown[]): Blocklist {
  const exact = new Map<string, string>();
  const domains = new Map<string, string>();
  const others: Pattern[] = [];
  const warnings: string[] = [];
  for (const source of rows.flatMap((row) => patternsOf(row, warnings)).slice(0, maxPatterns)) {
    const pattern = foldText(source.trim());
    if (pattern.length > maxPattern) {
      warnings.push(`Cannot use a pattern as it may have ${maxPattern} characters: current value is ${quote(source)}`);
      continue;
    }
    if (!/[@*?[]/.test(pattern))
      warnings.push(`Cannot match any sender as an address holds an @; write ${quote(`*@${source}`)}: current value is ${quote(source)}`);
    if (isLiteral(pattern)) exact.set(pattern, source);
    else if (pattern.startsWith("*@") && isLiteral(pattern.slice(2))) domains.set(pattern.slice(2), source);
    else others.push(compilePattern(source.trim()));
  }
  return { exact, domains, others, warnings };
}

function patternsOf(row: unknown, warnings: string[]): string[] {
  const list = row instanceof Set ? [...row] : row;
  if (!Array.isArray(list)) {
    warnings.push(`Cannot use blocked_patterns as it must be a list or set of texts: current value is ${quote(row)}`);
    return [];
  }
  for (const item of list) {
    if (typeof item !== "string") warnings.push(`Cannot use a pattern as it must be a text: current value is ${quote(item)}`);
  }
  return list.filter((item): item is string => typeof item === "string");
}

/** All addresses that are the sender of this mail. */
export function sendersOf(reversePath: ReversePath, mail: Mail): readonly Address[] {
  const envelope = reversePath === null ? [] : [reversePath, ...plainForms(reversePath)];
  return [...new Set([...envelope, ...mailboxesOf(mail, "From", "Sender").map((box) => box.address)])];
}

/** The address inside a decorated reverse-path: BATV `prvs=…=`, `btv1==…==`, SRS0 and SRS1, VERP `name+user=domain@`. */
function plainForms(address: Address): readonly Address[] {
  const local = localPartOf(address);
  const domain = domainOf(address);
  const batv = /^(?:prvs=[^=]+=|btv1==[^=]+==)(.+)$/i.exec(local);
  const srs0 = /^SRS0[=+-][^=]+=[^=]+=([^=]+)=(.+)$/i.exec(local);
  const srs1 = /^SRS1[=+-][^=]+=[^=]+==[^=]+=[^=]+=([^=]+)=(.+)$/i.exec(local);
  const forms = [batv?.[1] && `${batv[1]}@${domain}`, srs0 && `${srs0[2]}@${srs0[1]}`, srs1 && `${srs1[2]}@${srs1[1]}`];
  return forms.flatMap((form) => {
    const parsed = parseAddress(form || "");
    return parsed.ok ? [parsed.value] : [];
  });
}

/** The first pattern that matches one of these addresses, or `null`. */
export function findBlock(list: Blocklist, senders: readonly Address[]): Blocked | null {
  for (const matched of senders) {
    const spellings = [...new Set([addressKey(matched), foldText(matched)])]; // A-labels, and as it is written
    for (const text of spellings) {
      const domain = text.slice(text.lastIndexOf("@") + 1);
      const pattern = list.exact.get(text) ?? list.domains.get(domain) ?? list.others.find((other) => matches(other, text))?.source;
      if (pattern !== undefined) return { pattern, matched };
    }
  }
  return null;
}
