// Lint of the targets of forwards: the mailbox itself, one that is blocked on the way or on the way back, one outside of the served
// domains, and one that no route reaches.

import { type Address, type Blocklist, type Domain, domainOf, findBlock, parseAddress, type RuleRow } from "@sesame/core";
import { shellWord } from "@sesame/core/explain";
import { sameMailbox, tableKeys } from "@sesame/core/mail";
import { resolveTarget } from "@sesame/core/plan";
import type { RowFinding, RowFindingKind, RowLevel } from "./row-finding.ts";

type Context = Readonly<{
  /** All rows of the blocklists. */
  blocklist: Blocklist;
  /** The served domains; `null`: not known. */
  domains: readonly Domain[] | null;
}>;

/** `key`: the key of the row as the worker looks it up, an address or `*@domain`. */
export function targetFindings(stored: string, key: string, { forwards }: RuleRow, context: Context): readonly RowFinding[] {
  const owner = key.startsWith("*@") ? null : addressIn(key);
  return forwards.flatMap((target) => {
    const found = oneTarget(target, { key, owner }, context);
    return found.map(({ level, kind, text, mend }) => ({
      level,
      kind,
      table: "rules" as const,
      key: stored,
      field: "forwards",
      text,
      mend,
    }));
  });
}

type Owner = Readonly<{ key: string; owner: Address | null }>;
type Found = Pick<RowFinding, "level" | "kind" | "text" | "mend">;

function oneTarget(target: Address, who: Owner, context: Context): readonly Found[] {
  const found = (level: RowLevel, kind: RowFindingKind, text: string, mend: string): Found[] => [{ level, kind, text, mend }];
  const without = `sesame rules set ${shellWord(who.key)} --forward with the other targets, or --no-forward`;
  if (who.owner !== null && sameMailbox(target, who.owner))
    return found("warning", "target-self", `${target} is the mailbox itself: this forward is skipped`, without);
  const way = resolveTarget(target, context.domains ?? []);
  if (typeof way === "string") {
    const why = way === "source-route" ? "its local part names a route to another host" : "Amazon SES does not accept this address";
    return found("warning", "target-unusable", `${target} gets nothing (${way}): ${why}`, without);
  }
  return [...blockedTarget(target, who, context), ...foreignTarget(target, context)];
}

function blockedTarget(target: Address, { key, owner }: Owner, { blocklist, domains }: Context): readonly Found[] {
  const found: Found[] = [];
  const back = findBlock(blocklist, [target], owner === null ? [key] : tableKeys(owner));
  if (back !== null)
    found.push({
      level: "warning",
      kind: "target-blocked",
      text: `mail is forwarded to ${target}, but mail from there is blocked by ${JSON.stringify(back.pattern)} of the row ${back.row}: answers from there do not arrive`,
      mend: `take the pattern out of the row ${back.row} (sesame block set), or do not forward to ${target}`,
    });
  const there = owner === null ? null : findBlock(blocklist, [owner], tableKeys(target));
  if (there !== null) {
    const isServed = domains === null || domains.includes(domainOf(target));
    const what = isServed
      ? "a forward goes into the mailbox all the same, because blocklists are not asked for forwards within the served domains"
      : "the forward is blocked when it arrives";
    found.push({
      level: "warning",
      kind: "target-blocked",
      text: `${target} blocks ${owner} by ${JSON.stringify(there.pattern)} of the row ${there.row}: ${what}`,
      mend: `do not forward to ${target}, or take the pattern out of the row ${there.row} (sesame block set)`,
    });
  }
  return found;
}

function foreignTarget(target: Address, { domains }: Context): readonly Found[] {
  if (domains === null || domains.includes(domainOf(target))) return [];
  return [
    {
      level: "note",
      kind: "target-foreign",
      text: `${target} is outside of the served domains: mail to it leaves through Amazon SES`,
      mend: "nothing, if this is meant; else correct the address with sesame rules set --forward",
    },
  ];
}

function addressIn(key: string): Address | null {
  const address = parseAddress(key);
  return address.ok ? address.value : null;
}
