// AWS tables: the users' tables in DynamoDB, for the commands that edit them. They need no other configuration than the
// names of the tables and what every AWS tool needs.

import { awsClients, DynamoRuleBook, tableDefaults } from "@sesame/aws-adapters";
import type { RuleBook } from "@sesame/core";
import { version } from "./version.ts";

/** Opens the tables for one command. */
export async function onAws(command: (book: RuleBook) => Promise<number>): Promise<number> {
  const clients = awsClients({ version });
  const { RULES_TABLE, BLOCKED_TABLE } = process.env; // empty is unset, as it is for `sesame run`
  const [rules, blocked] = [RULES_TABLE || tableDefaults.rules, BLOCKED_TABLE || tableDefaults.blocked];
  try {
    return await command(new DynamoRuleBook({ client: clients.dynamo, clock: clients.clock, tables: { rules, blocked } }));
  } finally {
    clients.close();
  }
}
