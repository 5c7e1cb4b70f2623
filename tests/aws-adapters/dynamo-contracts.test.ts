// Contracts: the adapters on DynamoDB keep the contracts of their ports, against dynalite.

import { afterAll, beforeAll } from "bun:test";
import { ScanCommand } from "@aws-sdk/client-dynamodb";
import { DeleteCommand, DynamoDBDocumentClient, PutCommand } from "@aws-sdk/lib-dynamodb";
import { DynamoDirectory, DynamoLedger, DynamoLedgerBook, DynamoOutbound, DynamoRuleBook } from "@sesame/aws-adapters";
import { directoryContract } from "../contracts/directory.ts";
import { ledgerContract } from "../contracts/ledger.ts";
import { ledgerBookContract } from "../contracts/ledger-book.ts";
import { outboundContract } from "../contracts/outbound.ts";
import { ruleBookContract } from "../contracts/rule-book.ts";
import { type Dynalite, fourTables, ManualAwsClock, startDynalite } from "./dynalite.ts";
import { tablesBy, type Way, ways } from "./ways.ts";

let dynamo: Dynalite;
let withIndexes: Dynalite;
beforeAll(async () => {
  [dynamo, withIndexes] = await Promise.all([startDynalite(), startDynalite(fourTables, { indexed: ["email-worker-ledger"] })]);
});
afterAll(() => Promise.all([dynamo.close(), withIndexes.close()]));

const timing = { timeoutMs: 20_000 }; // dynalite makes some 200 calls a second

/** Empty tables; to make them anew takes longer. */
async function emptyTables({ client }: Pick<Dynalite, "client"> = dynamo): Promise<void> {
  for (const [TableName, key] of Object.entries(fourTables)) {
    const { Items = [] } = await client.send(
      new ScanCommand({ TableName, ProjectionExpression: "#k", ExpressionAttributeNames: { "#k": key } }),
    );
    await Promise.all(
      Items.map((item) => DynamoDBDocumentClient.from(client).send(new DeleteCommand({ TableName, Key: { [key]: item[key]?.S } }))),
    );
  }
}

const documents = () => DynamoDBDocumentClient.from(dynamo.client);
const close = async () => {};

const by = (way: Way, clock: ManualAwsClock) => ({ client: dynamo.client, clock, hot: tablesBy(way, dynamo.client, clock) });

for (const way of ways) {
  directoryContract(
    `DynamoDirectory by the ${way}`,
    async () => {
      await emptyTables();
      const put = (TableName: string) => async (email_address: string, row: Readonly<Record<string, unknown>>) => {
        await documents().send(new PutCommand({ TableName, Item: { email_address, ...row } }));
      };
      const directory = new DynamoDirectory(by(way, new ManualAwsClock()));
      return { directory, putRule: put("email-rules"), putBlocked: put("email-blocked-senders"), close };
    },
    timing,
  );

  ledgerContract(
    `DynamoLedger by the ${way}`,
    async () => {
      await emptyTables();
      const clock = new ManualAwsClock();
      const options = by(way, clock);
      return {
        open: (owner) => new DynamoLedger({ ...options, owner }),
        now: () => clock.now(),
        advance: async (seconds) => clock.advance(seconds),
        close,
      };
    },
    timing,
  );

  outboundContract(
    `DynamoOutbound by the ${way}`,
    async () => {
      await emptyTables();
      return { outbound: new DynamoOutbound(by(way, new ManualAwsClock())), close };
    },
    timing,
  );
}

for (const indexed of [true, false]) {
  ledgerBookContract(
    `DynamoLedgerBook ${indexed ? "with" : "without"} indexes`,
    async () => {
      const { client } = indexed ? withIndexes : dynamo;
      await emptyTables({ client });
      const clock = new ManualAwsClock();
      const options = { client, clock, hot: tablesBy(ways.at(-1) ?? "SDK", client, clock) };
      return {
        open: (owner) => new DynamoLedger({ ...options, owner }),
        book: () => new DynamoLedgerBook({ ...options, indexed }),
        now: () => clock.now(),
        advance: async (seconds) => clock.advance(seconds),
        close,
      };
    },
    timing,
  );
}

ruleBookContract(
  "DynamoRuleBook",
  async () => {
    await emptyTables();
    return { ruleBook: new DynamoRuleBook({ client: dynamo.client, clock: new ManualAwsClock() }), close };
  },
  timing,
);
