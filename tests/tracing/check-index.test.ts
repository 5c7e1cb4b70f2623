// `sesame check` and the indexes by which `sesame trace` searches: missed only where they are wanted.

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { AwsClients } from "@sesame/aws-adapters";
import { checkTable, tablesOf } from "../../apps/worker/check/aws.ts";
import { decodeConfig } from "../../apps/worker/config.ts";
import { type Dynalite, ManualAwsClock, startDynalite } from "../aws-adapters/dynalite.ts";

let dynamo: Dynalite;
beforeAll(async () => {
  dynamo = await startDynalite({ "email-worker-ledger": "id", "bare-ledger": "id" }, { indexed: ["email-worker-ledger"] });
});
afterAll(() => dynamo.close());

/** What `check` says of the indexes of a ledger table. */
async function saidOf(LEDGER_TABLE: string, TRACE_INDEX: string): Promise<readonly string[]> {
  const config = decodeConfig({ DOMAINS: "example.com", LEDGER_TABLE, TRACE_INDEX });
  if (!config.ok) throw new Error(config.error);
  const ledger = tablesOf(config.value).find(({ name }) => name === LEDGER_TABLE);
  if (ledger === undefined) throw new Error("no ledger");
  const clients = { dynamo: dynamo.client, clock: new ManualAwsClock() } as unknown as AwsClients;
  const findings = await checkTable({ ...ledger, expires: false }, clients);
  return findings.flatMap(({ text, mend }) => (text.includes("index") ? [`${text} ${mend}`] : []));
}

test("check names each missing index with the command that makes it", async () => {
  const said = await saidOf("bare-ledger", "on");
  expect(said).toHaveLength(2);
  for (const [index, name] of ["sesame-message", "sesame-mailbox"].entries()) {
    expect(said[index]).toContain(`the index ${name} does not exist`);
    expect(said[index]).toContain("aws dynamodb update-table --table-name bare-ledger");
    const [, update = ""] = /--global-secondary-index-updates '(.*)'$/.exec(said[index] ?? "") ?? [];
    expect(JSON.parse(update)).toMatchObject([{ Create: { IndexName: name } }]);
  }
});

test("check says nothing of indexes that are there, or that nobody wants", async () => {
  expect(await saidOf("email-worker-ledger", "on")).toEqual([]);
  expect(await saidOf("bare-ledger", "off")).toEqual([]);
});
