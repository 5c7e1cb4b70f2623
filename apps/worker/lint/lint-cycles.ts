// Lint of cycles: rows whose forwards lead back to where they began. A row stands for the addresses that find it, so a cycle may
// pass through a catch-all row. Each group of rows that reach each other is named once, with one of its cycles.

import type { Domain, RuleRow } from "@sesame/core";
import { ruleRowFor } from "@sesame/core/rules";
import type { RowFinding } from "./row-finding.ts";

/** `rows`: by the keys that the worker looks up. `domains`: the served ones; `null`: not known. */
export function cycleFindings(rows: ReadonlyMap<string, RuleRow>, domains: readonly Domain[] | null): readonly RowFinding[] {
  const next = new Map([...rows].map(([key, row]) => [key, successors(key, row, rows)]));
  return groupsOf(next).map((group) => {
    const cycle = shortestCycle(group, next);
    const [first = ""] = cycle;
    return {
      level: "warning",
      kind: "cycle",
      table: "rules",
      key: first,
      field: "forwards",
      text: `the forwards go round: ${[...cycle, first].join(" → ")}. ${whatHappens(cycle, domains)}`,
      mend: "take one of these forwards out (sesame rules set --forward with the others, or --no-forward)",
    };
  });
}

function whatHappens(cycle: readonly string[], domains: readonly Domain[] | null): string {
  const isServed = cycle.every((key) => domains === null || domains.includes(key.slice(key.lastIndexOf("@") + 1) as Domain));
  return isServed
    ? "No mail goes round, because a forward within the served domains goes into the mailbox and asks no rule there; each of them gets the mail of the one before"
    : "A forward leaves through Amazon SES and comes back; Sesame knows it by its mark and does not forward it again";
}

/** The rows that a forward arrives at. A forward to an address that finds the same row is no step. */
function successors(key: string, { forwards }: RuleRow, rows: ReadonlyMap<string, RuleRow>): readonly string[] {
  const found = forwards.map((target) => ruleRowFor(target, rows).key).filter((each) => each !== null && each !== key);
  return [...new Set(found as string[])];
}

type Graph = ReadonlyMap<string, readonly string[]>;

/** The groups of at least two rows that reach each other (Tarjan 1972, without recursion: a chain may be as long as the table). */
function groupsOf(next: Graph): readonly ReadonlySet<string>[] {
  const [numbers, lows] = [new Map<string, number>(), new Map<string, number>()];
  const [open, isOpen] = [[] as string[], new Set<string>()];
  const groups: ReadonlySet<string>[] = [];
  for (const root of [...next.keys()].sort()) {
    if (numbers.has(root)) continue;
    const way: { key: string; at: number }[] = [];
    enter(root);
    while (way.length > 0) {
      const step = way[way.length - 1] as { key: string; at: number };
      const to = next.get(step.key)?.[step.at++];
      if (to !== undefined) {
        if (!numbers.has(to)) enter(to);
        else if (isOpen.has(to)) lower(step.key, numbers.get(to) ?? 0);
        continue;
      }
      way.pop();
      const above = way[way.length - 1];
      if (above !== undefined) lower(above.key, lows.get(step.key) ?? 0);
      if (lows.get(step.key) === numbers.get(step.key)) leave(step.key);
    }

    function enter(key: string): void {
      numbers.set(key, numbers.size);
      lows.set(key, numbers.get(key) ?? 0);
      open.push(key);
      isOpen.add(key);
      way.push({ key, at: 0 });
    }
  }
  return groups;

  function lower(key: string, to: number): void {
    lows.set(key, Math.min(lows.get(key) ?? 0, to));
  }

  function leave(key: string): void {
    const group = new Set(open.splice(open.lastIndexOf(key)));
    for (const each of group) isOpen.delete(each);
    if (group.size > 1) groups.push(group);
  }
}

/** A shortest cycle through the first key of a group, in breadth. */
function shortestCycle(group: ReadonlySet<string>, next: Graph): readonly string[] {
  const [first = ""] = [...group].sort();
  const before = new Map<string, string>();
  const queue = [first];
  for (const key of queue) {
    for (const to of next.get(key) ?? []) {
      if (to === first) return wayTo(key, first, before);
      if (group.has(to) && !before.has(to)) {
        before.set(to, key);
        queue.push(to);
      }
    }
  }
  return [first]; // not reached: each row of a group reaches each other
}

function wayTo(key: string, first: string, before: ReadonlyMap<string, string>): readonly string[] {
  const way = [key];
  for (let at = key; at !== first; ) {
    at = before.get(at) ?? first;
    way.unshift(at);
  }
  return way;
}
