// Traffic: the account of a run counts what happened, and says why a run gives no figure.

import { afterAll, expect, test } from "bun:test";
import { Aws } from "../../bench/aws/aws.ts";
import { type Shipment, Traffic } from "../../bench/aws/traffic.ts";

const events: string[] = [];
const aws: Aws = new Aws({
  watch: {
    called: (operation) => traffic.called(operation),
    handedOut: (id) => traffic.handedOut(id),
    deleted: (id) => traffic.deleted(id),
    marked: (_, status) => traffic.marked(status),
  },
});
const traffic = new Traffic(aws, (event) => events.push(event));
afterAll(() => aws.close());

const domains = ["example.com"];
const shipment: Shipment = { domains, mails: 4, size: 2000, warmUp: 2, perSecond: null };

/** Begins a run; gives the queue's handles of the entries that are received. */
async function begin(given: Shipment = shipment): Promise<readonly string[]> {
  events.length = 0;
  traffic.clear(given.domains);
  await traffic.send(given);
  return receive();
}

async function receive(visibilityMs = 60_000): Promise<readonly string[]> {
  traffic.called("ReceiveMessage");
  const entries = await aws.queue("example-com-queue").receive(10, visibilityMs, 5000, new AbortController().signal);
  return entries.map(({ receiptHandle }) => receiptHandle);
}

function end(handle: string, status = "delivered"): void {
  if (status !== "") traffic.marked(status);
  aws.queue("example-com-queue").delete(handle);
}

test("a run in which all mails are delivered once has figures, and those of the warm-up do not count", async () => {
  for (const handle of await begin()) end(handle);
  const { wrong, mails, total, p50, p99, ms, calls, callsPerMail } = traffic.account();
  expect([wrong, mails, total, calls, callsPerMail]).toEqual([null, 2, 4, { ReceiveMessage: 1 }, 0.25]);
  expect(p99).toBeGreaterThanOrEqual(p50);
  expect(ms).toBeGreaterThanOrEqual(0);
  expect(events).toEqual(["first-receive", "warm", "empty"]);
});

test("a run is wrong in which an entry is left", async () => {
  for (const handle of (await begin()).slice(1)) end(handle);
  expect(traffic.account().wrong).toBe("3 of 4 entries were deleted");
});

test.each(["", "blocked"])("a run is wrong in which a mail is marked %p", async (status) => {
  for (const [index, handle] of (await begin()).entries()) end(handle, index === 0 ? status : "delivered");
  expect(traffic.account().wrong).toBe("3 of 4 mails are marked as delivered");
});

test("a run is wrong in which an entry was handed out twice", async () => {
  for (const handle of await begin()) aws.queue("example-com-queue").change(handle, 0);
  for (const handle of await receive()) end(handle);
  expect(traffic.account().wrong).toBe("4 entries were handed out twice");
});

test("a run is wrong in which a call was not played", async () => {
  for (const handle of await begin()) end(handle);
  await fetch(aws.endpoint, { method: "POST", headers: { "x-amz-target": "DynamoDB_20120810.Scan" }, body: "{}" });
  expect(traffic.account().wrong).toBe("the AWS of the bench does not play Scan?");
});

test("mails that arrive at a rate come one after the other, and a long poll gets each", async () => {
  traffic.clear(domains);
  await traffic.send({ ...shipment, perSecond: 200 });
  let left = shipment.mails;
  while (left > 0) {
    const handles = await receive();
    left -= handles.length;
    for (const handle of handles) end(handle);
  }
  expect(traffic.account().wrong).toBeNull();
});
