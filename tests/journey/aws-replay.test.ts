// AWS replay: the crash replay (crash-replay.test.ts) on the adapters of production, with each client of AWS. A worker that dies after
// a call leaves in SQS, S3 and DynamoDB what that call wrote there. The AWS is that of the benches, which is quick.

import { afterAll, expect, test } from "bun:test";
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { DynamoDBDocumentClient, PutCommand } from "@aws-sdk/lib-dynamodb";
import { AwsClock, DynamoDirectory, DynamoLedger, DynamoOutbound, S3MailStore } from "@sesame/aws-adapters";
import type { EpochMs, JourneyPorts } from "@sesame/core";
import { Aws } from "../../bench/aws/aws.ts";
import { octetsOf } from "../../bench/aws/objects.ts";
import type { HotCalls } from "../../packages/aws-adapters/hot-calls.ts";
import { testClients } from "../aws-adapters/emulator.ts";
import { hotBy, sesameTables, ways } from "../aws-adapters/ways.ts";
import type { FakeClock } from "../fakes/fake-clock.ts";
import { faultsAt, pointsOf, Replay, scenarios, textOf, wrongAfter } from "./replay.ts";
import { location } from "./way.ts";

const aws = new Aws();
const clients = testClients(aws.endpoint);
const documents = DynamoDBDocumentClient.from(clients.dynamo);
afterAll(async () => {
  clients.close();
  await aws.close();
});

/** AWS has the time of the test. */
class TestClock extends AwsClock {
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    super();
    this.#clock = clock;
  }

  override now(): EpochMs {
    return this.#clock.now();
  }
}

/** What the scenario put into the fakes lies in AWS. */
function replayBy(hot: HotCalls): typeof Replay {
  return class extends Replay {
    override async untilAcknowledged(): Promise<void> {
      await this.#prepare();
      await super.untilAcknowledged();
    }

    override async trail(): Promise<Readonly<Record<string, string>> | undefined> {
      const asked = new HeadObjectCommand({ Bucket: location.bucket, Key: location.key });
      const found = await clients.s3.send(asked).catch(() => null);
      return found?.Metadata;
    }

    protected override stores(owner: string): Pick<JourneyPorts, "store" | "directory" | "ledger" | "outbound"> {
      const clock = new TestClock(this.clock);
      const dynamo = { client: clients.dynamo, clock, hot };
      return {
        store: new S3MailStore({ s3: clients.s3, clock, hot }),
        directory: new DynamoDirectory(dynamo),
        ledger: new DynamoLedger({ ...dynamo, owner }),
        outbound: new DynamoOutbound(dynamo),
      };
    }

    async #prepare(): Promise<void> {
      aws.tables.clear();
      aws.objects.clear();
      const octets = this.store.octetsOf(location) ?? new Uint8Array();
      aws.objects.put(`${location.bucket}/${location.key}`, await octetsOf(octets));
      const { rules, blocked } = this.directory.tables;
      const put = (TableName: string, Item: object) => documents.send(new PutCommand({ TableName, Item: { ...Item } }));
      for (const [email_address, row] of rules) await put("email-rules", { email_address, ...(row as object) });
      for (const [email_address, row] of blocked) await put("email-blocked-senders", { email_address, ...(row as object) });
      for (const row of this.outbound.rows.values()) await put("ses-outbound-messages", row as object);
    }
  };
}

for (const way of ways) {
  const hot = hotBy(way, clients, { buckets: [location.bucket], tables: sesameTables ?? [] });
  const Kind = replayBy(hot);
  for (const [name, scenario] of Object.entries(scenarios)) {
    test(`handleEntry() keeps its promise through the ${way}, with ${name}, whatever single call dies, fails or delays`, async () => {
      await hot.batchGetItem({ "email-rules": { Keys: [{ email_address: "x" }], ConsistentRead: false } }, new AbortController().signal); // the lane knows its routes
      const points = await pointsOf(Kind, scenario);
      expect(points).toEqual(await pointsOf(Replay, scenario)); // the same calls as on fakes
      for (const fault of points.flatMap(faultsAt)) {
        const { wrong } = await wrongAfter(Kind, scenario, [fault]);
        expect([textOf([fault]), wrong]).toEqual([textOf([fault]), []]);
      }
    }, 120_000);
  }
}

test("the calls went to AWS", () => {
  const called = [...aws.calls.keys()].sort();
  for (const name of ["GetObject", "CopyObject", "DeleteObject", "UpdateItem", "BatchGetItem"]) expect(called).toContain(name);
  expect(called.filter((name) => name.endsWith("?"))).toEqual([]);
});
