// Blocklist: which pattern of a recipient blocks this sender? Patterns are indexed: exact addresses and `*@domain` by
// look-up, the rest one by one. A sender is every address that could be meant by the word: the reverse-path (as it came
// and with the decoration of BATV, SRS or VERP taken off), each mailbox of each From field, and Sender. A display name
// is never matched. RFC 5321 §2.4 and §4.5.5: the null reverse-path is no address, so no pattern applies to it.

import { type Address, addressKey, domainOf, localPartOf, parseAddress, type ReversePath } from "./address.ts";
import { type Mail, mailboxesOf } from "./mail.ts";
import { compilePattern, foldText, isLiteral, matches, maxPattern, type Pattern } from "./pattern.ts";
import { quote } from "./result.ts";

/** The pattern that blocks, the table key of its row, and the address of the sender that it matched. */
export type Blocked = Readonly<{ pattern: string; row: string; matched: Address }>;

/** The stored patterns of one table key, undecoded. */
export type BlockedRow = Readonly<{ key: string; patterns: unknown }>;

/** What is wrong with something in a row. */
export type BlocklistWarning = Readonly<{ key: string; text: string }>;

/** A pattern as it is stored, and where. */
type Source = Readonly<{ pattern: string; row: string }>;

/** A recipient's patterns, indexed, and what is wrong with some of them. */
export type Blocklist = Readonly<{
  exact: ReadonlyMap<string, Source>;
  domains: ReadonlyMap<string, Source>;
  others: readonly Readonly<{ compiled: Pattern; source: Source }>[];
  warnings: readonly BlocklistWarning[];
}>;

const maxPatterns = 5000; // a row of 400 KB, DynamoDB's limit, holds no more of any use

/** Indexes the stored patterns of all rows that apply, the nearest row first. A wrong type is left out, aloud. */
export function indexBlocklist(rows: readonly BlockedRow[]): Blocklist {
  const exact = new Map<string, Source>();
  const domains = new Map<string, Source>();
  const others: Readonly<{ compiled: Pattern; source: Source }>[] = [];
  const warnings: BlocklistWarning[] = [];
  for (const source of rows.flatMap((row) => sourcesOf(row, warnings)).slice(0, maxPatterns)) {
    const pattern = foldText(source.pattern);
    const warn = (text: string) => warnings.push({ key: source.row, text: `${text}: current value is ${quote(source.pattern)}` });
    if (pattern.length > maxPattern) {
      warn(`Cannot use a pattern as it may have ${maxPattern} characters`);
      continue;
    }
    if (!/[@*?[]/.test(pattern)) warn(`Cannot match any sender as an address holds an @; write ${quote(`*@${source.pattern}`)}`);
    if (isLiteral(pattern)) putFirst(exact, pattern, source);
    else if (pattern.startsWith("*@") && isLiteral(pattern.slice(2))) putFirst(domains, pattern.slice(2), source);
    else others.push({ compiled: compilePattern(source.pattern), source });
  }
  return { exact, domains, others, warnings };
}

/** The nearest row names the pattern, however often it is stored. */
function putFirst(index: Map<string, Source>, key: string, source: Source): void {
  if (!index.has(key)) index.set(key, source);
}

function sourcesOf({ key, patterns }: BlockedRow, warnings: BlocklistWarning[]): Source[] {
  const warn = (text: string, value: unknown) => warnings.push({ key, text: `${text}: current value is ${quote(value)}` });
  const list = patterns instanceof Set ? [...patterns] : patterns;
  if (!Array.isArray(list)) {
    warn("Cannot use blocked_patterns as it must be a list or set of texts", patterns);
    return [];
  }
  return list.flatMap((item: unknown) => {
    if (typeof item === "string") return [{ pattern: item.trim(), row: key }];
    warn("Cannot use a pattern as it must be a text", item);
    return [];
  });
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
      const found = list.exact.get(text) ?? list.domains.get(domain) ?? list.others.find(({ compiled }) => matches(compiled, text))?.source;
      if (found !== undefined) return { ...found, matched };
    }
  }
  return null;
}
