// describeSesAccount() and describeSesIdentity(): what the doctor asks, against the SES stub.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { type AwsClients, describeSesAccount, describeSesIdentity } from "@sesame/aws-adapters";
import { testClients } from "./emulator.ts";
import { scriptedHttp } from "./scripted-http.ts";
import { type SesStub, startSesStub } from "./ses-stub.ts";

let stub: SesStub;
let clients: AwsClients;
beforeAll(async () => {
  stub = await startSesStub();
  clients = testClients(stub.endpoint);
});
afterAll(async () => {
  clients.close();
  await stub.close();
});

test("describeSesAccount() tells sandbox, quota and rate", async () => {
  Object.assign(stub.account, { production: false, maxSendRate: 1, max24HourSend: 200, sentLast24Hours: 7 });
  expect(await describeSesAccount(clients)).toEqual({
    sandbox: true,
    sendingEnabled: true,
    enforcement: "HEALTHY",
    dailyQuota: 200,
    sentToday: 7,
    maxRate: 1,
  });
});

test("describeSesIdentity() tells what is verified and what is missing", async () => {
  stub.account.verified = ["example.com"];
  expect(await describeSesIdentity("example.com", clients)).toEqual({
    kind: "present",
    verified: true,
    dkim: "SUCCESS",
    bouncesByMail: true,
    mailFrom: null,
    configurationSet: null,
  });
  expect(await describeSesIdentity("other.com", clients)).toEqual({ kind: "missing" });
});

test("describeSesIdentity() throws when it must not ask", async () => {
  const answer = { status: 403, headers: { "x-amzn-errortype": "AccessDeniedException" }, body: '{"message":"no"}' };
  const aws = await scriptedHttp({ "GET /v2/email/identities/example.com": answer });
  const denied = testClients(aws.endpoint);
  await expect(describeSesIdentity("example.com", denied)).rejects.toThrow("AWS denied access");
  denied.close();
  await aws.close();
});
