// sendOnce(): that a request ends with its deadline and its courier, and the id that SES gave.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { sendOnce } from "../../packages/aws-adapters/ses-send.ts";
import { octets } from "../contracts/samples.ts";
import { until } from "../until.ts";
import { testClients } from "./emulator.ts";
import { type ScriptedHttp, scriptedHttp } from "./scripted-http.ts";

let aws: ScriptedHttp;
let clients: ReturnType<typeof testClients>;
beforeEach(async () => {
  aws = await scriptedHttp();
  clients = testClients(aws.endpoint);
});
afterEach(async () => {
  clients.close();
  await aws.close();
});

const letter = { from: "alice@example.com", to: "bob@remote.test", octets: octets("Subject: hi\r\n\r\n") };
const routes = [
  ["v1", "SendRawEmail"],
  ["v2", "POST /v2/email/outbound-emails"],
] as const;

for (const [api, route] of routes) {
  test(`sendOnce() leaves no request behind when its deadline is over (${api})`, async () => {
    aws.on(route, "hang");
    const end = await sendOnce(letter, api, 1000, { ...clients, abort: new AbortController().signal });
    expect(end).toMatchObject({ kind: "trouble", certain: false, trouble: { kind: "deadline" } });
    expect(aws.requests(route).length).toBe(1);
    await until(() => aws.connections() === 0, "a connection is left");
  });

  test(`sendOnce() ends at once when its courier is aborted (${api})`, async () => {
    aws.on(route, "hang");
    const courier = new AbortController();
    const sending = sendOnce(letter, api, 60_000, { ...clients, abort: courier.signal });
    await until(() => aws.requests(route).length === 1, "no request is made");
    courier.abort();
    expect(await sending).toMatchObject({ kind: "trouble", certain: false });
    await until(() => aws.connections() === 0, "a connection is left");
  });

  test(`sendOnce() asks nothing of SES when its courier was aborted before (${api})`, async () => {
    const end = await sendOnce(letter, api, 60_000, { ...clients, abort: AbortSignal.abort() });
    expect([end.kind, aws.requests().length]).toEqual(["trouble", 0]);
  });
}

test("sendOnce() is certain that SES did nothing when no request was made, or when SES refused it", async () => {
  const abort = new AbortController().signal;
  aws.on("SendRawEmail", { status: 400, headers: { "content-type": "text/xml" }, body: "<ErrorResponse/>" }, "reset");
  expect(await sendOnce(letter, "v1", 5000, { ...clients, abort })).toMatchObject({ kind: "trouble", certain: true });
  expect(await sendOnce(letter, "v1", 5000, { ...clients, abort })).toMatchObject({ kind: "trouble", certain: false });
  clients.ses.config.credentials = () => new Promise(() => {});
  expect(await sendOnce(letter, "v1", 50, { ...clients, abort })).toMatchObject({ certain: true, trouble: { kind: "deadline" } });
  expect(aws.requests().length).toBe(2);
});

test("sendOnce() listens to its courier no longer than it sends", async () => {
  aws.on("SendRawEmail", "reset");
  const listening = new Set<unknown>();
  const watched = {
    aborted: false,
    addEventListener: (type: string, listener: unknown) => void (type === "abort" && listening.add(listener)),
    removeEventListener: (type: string, listener: unknown) => void (type === "abort" && listening.delete(listener)),
  };
  await sendOnce(letter, "v1", 5000, { ...clients, abort: watched as unknown as AbortSignal });
  expect([aws.requests().length, listening.size]).toEqual([1, 0]);
});

const ids: readonly (readonly [given: string, end: "sent" | "trouble", id: string | null])[] = [
  ["0100-abc", "sent", "0100-abc"],
  ["&lt;0100-abc&gt;", "sent", "0100-abc"],
  ["&lt;0100-abc@eu-central-1.amazonses.com&gt;", "sent", "0100-abc"],
  [" 0100-abc ", "sent", "0100-abc"],
  ["0100-abc@x\ny", "sent", "0100-abc"], // nothing of what stands behind the sign
  ["0100-abc@x@y", "sent", "0100-abc"],
  ["0100&lt;abc", "sent", "0100<abc"],
  ["0100&gt;abc", "sent", "0100>abc"],
  ["&lt;&gt;", "trouble", null], // an id that names nothing: nobody could find the bounce of it
  ["@amazonses.com", "trouble", null],
];
for (const [given, kind, sesId] of ids) {
  test(`sendOnce() ${sesId === null ? "has no id" : `gives ${sesId}`} when SES says ${JSON.stringify(given)}`, async () => {
    const result = `<SendRawEmailResult><MessageId>${given}</MessageId></SendRawEmailResult>`;
    aws.on("SendRawEmail", { headers: { "content-type": "text/xml" }, body: `<SendRawEmailResponse>${result}</SendRawEmailResponse>` });
    const end = await sendOnce(letter, "v1", 5000, { ...clients, abort: new AbortController().signal });
    expect(end).toMatchObject(sesId === null ? { kind, certain: false, trouble: { kind: "garbled" } } : { kind, sesId });
  });
}
