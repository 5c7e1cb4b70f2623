// Credentials as they come and go: a file that is rotated while the worker runs, keys that AWS knows no more, none at all.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { type AwsClients, awsClients, troubleOf } from "@sesame/aws-adapters";
import { json, jsonError, type Request, type ScriptedHttp, scriptedHttp } from "./scripted-http.ts";

const route = "AmazonSQS.GetQueueUrl";
const variables = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"];
const before = { ...process.env };
let aws: ScriptedHttp;
let folder: string;
let clients: AwsClients;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sesame-credentials-"));
  for (const name of variables) delete process.env[name];
  process.env["AWS_SHARED_CREDENTIALS_FILE"] = join(folder, "credentials");
  process.env["AWS_CONFIG_FILE"] = join(folder, "config");
  process.env["AWS_EC2_METADATA_DISABLED"] = "true";
  aws = await scriptedHttp();
  clients = awsClients({ version: "0.0.0-test", endpoint: aws.endpoint, region: "eu-central-1", attempts: 1 });
});
afterEach(async () => {
  clients.close();
  await aws.close();
  rmSync(folder, { recursive: true });
  for (const name of [...variables, "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_EC2_METADATA_DISABLED"]) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
});

const write = (key: string) =>
  writeFileSync(join(folder, "credentials"), `[default]\naws_access_key_id = ${key}\naws_secret_access_key = secret\n`);
const keyOf = ({ headers }: Request) => /Credential=(\w+)\//.exec(headers["authorization"] ?? "")?.[1];
const ask = () => clients.sqs.send(new GetQueueUrlCommand({ QueueName: "q" }));
const askedWith = () => aws.requests(route).map(keyOf);

for (const code of ["ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"]) {
  test(`F35 a call is made again with the keys that stand in the file now when it is refused as ${code}`, async () => {
    write("OLD");
    aws.on(route, json({ QueueUrl: "http://q" }));
    await ask();
    write("NEW");
    aws.on(route, (request) => (keyOf(request) === "OLD" ? jsonError(403, code) : json({ QueueUrl: "http://q" })));
    await ask();
    await ask();
    expect(askedWith()).toEqual(["OLD", "OLD", "NEW", "NEW"]);
  });
}

test("a call is made once when there are no other keys", async () => {
  write("OLD");
  aws.on(route, jsonError(403, "ExpiredTokenException"));
  expect(troubleOf(await ask().catch((error: unknown) => error)).kind).toBe("expired-credentials");
  expect(askedWith()).toEqual(["OLD"]);
});

test("a call is made once when access is denied for another reason", async () => {
  write("OLD");
  aws.on(route, () => {
    write("NEW");
    return jsonError(403, "AccessDeniedException");
  });
  expect(troubleOf(await ask().catch((error: unknown) => error)).kind).toBe("denied");
  expect(askedWith()).toEqual(["OLD"]);
});

test("F35 nothing is asked when there are no credentials, and it works once they are there", async () => {
  aws.on(route, json({ QueueUrl: "http://q" }));
  expect(troubleOf(await ask().catch((error: unknown) => error)).kind).toBe("no-credentials");
  expect(askedWith()).toEqual([]);
  write("LATE");
  await ask();
  expect(askedWith()).toEqual(["LATE"]);
});
