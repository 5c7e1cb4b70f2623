// Row check of `sesame check`: a summary of `sesame rules lint` for each of the two users' tables.

import { type AwsClients, DynamoRuleBook } from "@sesame/aws-adapters";
import type { EpochMs } from "@sesame/core";
import type { RuleTable } from "@sesame/core/journey";
import type { Config } from "../config.ts";
import { lintTables } from "../lint/lint-tables.ts";
import { visible } from "../lint/report-text.ts";
import type { RowFinding, StoredTables } from "../lint/row-finding.ts";
import { listTables } from "../rule-tables.ts";
import { type Finding, inspectIfAllowed, warning } from "./finding.ts";

const shown = 5;

/** Reads all rows of both tables. Findings by table. */
export async function checkRows(config: Config, clients: AwsClients): Promise<Readonly<Record<RuleTable, readonly Finding[]>>> {
  const tables = { rules: config.RULES_TABLE, blocked: config.BLOCKED_TABLE };
  const book = new DynamoRuleBook({ client: clients.dynamo, clock: clients.clock, tables });
  const read: StoredTables[] = [];
  const trouble = await inspectIfAllowed(`rows of ${tables.rules} and ${tables.blocked}`, "the rows", "dynamodb:Scan", async () => {
    read.push((await listTables(book)).tables);
    return [];
  });
  const [stored] = read;
  if (stored === undefined) return { rules: trouble, blocked: [] };
  const { findings } = lintTables(stored, {
    domains: config.domains,
    now: clients.clock.now() as EpochMs,
    spellings: config.RULE_SPELLINGS,
  });
  const of = (table: RuleTable) =>
    rowFindings(
      `table ${tables[table]}`,
      findings.filter((each) => each.table === table && each.level !== "note"),
    );
  return { rules: of("rules"), blocked: of("blocked") };
}

/** Two findings at most: keys that are never found, and the rest. */
export function rowFindings(subject: string, found: readonly RowFinding[]): readonly Finding[] {
  const lost = found.filter(({ kind }) => kind === "key-upper-case");
  const others = found.filter(({ kind }) => kind !== "key-upper-case");
  return [
    ...(lost.length === 0
      ? []
      : [
          warning(
            subject,
            `rows with upper-case keys, never matched: ${some(lost.map(({ key }) => key))}`,
            "write these keys in lower case: sesame rules lint --aws --fix",
          ),
        ]),
    ...(others.length === 0
      ? []
      : [
          warning(
            subject,
            `rows with rules that are off, or do something else than they seem to: ${some(others.map(({ key, kind }) => `${key} (${kind})`))}`,
            "sesame rules lint --aws says what is wrong with each",
          ),
        ]),
  ];
}

function some(names: readonly string[]): string {
  const all = [...new Set(names)];
  const more = all.length - shown;
  return `${all.slice(0, shown).map(visible).join(", ")}${more > 0 ? `, and ${more} more` : ""}`;
}
