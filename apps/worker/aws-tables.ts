// AWS tables: the users' tables in DynamoDB, for `sesame rules` and `sesame block`. These commands need only the table names
// and the usual AWS configuration.

import { awsClients, DynamoRuleBook, tableDefaults } from "@sesame/aws-adapters";
import type { RuleBook } from "@sesame/core/journey";
import { version } from "./version.ts";

/** Opens the tables for one command and closes the clients after it. */
export async function onAws(command: (book: RuleBook) => Promise<number>): Promise<number> {
  const clients = awsClients({ version });
  const { RULES_TABLE, BLOCKED_TABLE } = process.env; // an empty value counts as not set, as in `sesame run`
  const [rules, blocked] = [RULES_TABLE || tableDefaults.rules, BLOCKED_TABLE || tableDefaults.blocked];
  try {
    return await command(new DynamoRuleBook({ client: clients.dynamo, clock: clients.clock, tables: { rules, blocked } }));
  } finally {
    clients.close();
  }
}
