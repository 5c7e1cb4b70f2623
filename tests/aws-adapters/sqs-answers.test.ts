// SqsMailQueue against answers that the emulator never gives: batches that fail in part, receipts that rule no more, a
// queue that comes and goes, a poll that is never answered.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type AwsClients, SqsMailQueue, type SqsMailQueueOptions } from "@sesame/aws-adapters";
import type { EpochMs, QueueEntry } from "@sesame/core";
import { testClients } from "./emulator.ts";
import { json, jsonError, type Request, type Route, type ScriptedHttp, scriptedHttp, sqsEntry } from "./scripted-http.ts";
import { hotBy, ways } from "./ways.ts";

const url = "http://sqs.eu-central-1.amazonaws.com/1/q";
const going = { stopped: false };
const [getUrl, receive, deleteBatch, changeBatch] = [
  "AmazonSQS.GetQueueUrl",
  "AmazonSQS.ReceiveMessage",
  "AmazonSQS.DeleteMessageBatch",
  "AmazonSQS.ChangeMessageVisibilityBatch",
];
const gone = jsonError(400, "com.amazonaws.sqs#QueueDoesNotExist");

for (const way of ways)
  describe(`by the ${way}`, () => {
    let aws: ScriptedHttp;
    let clients: AwsClients;
    let pauses: number[];
    let gathering: (() => void)[];

    beforeEach(async () => {
      aws = await scriptedHttp({ [getUrl]: json({ QueueUrl: url }) });
      clients = testClients(aws.endpoint, { attempts: 1 });
      pauses = [];
      gathering = [];
    });
    afterEach(async () => {
      clients.close();
      await aws.close();
    });

    function makeQueue(options: Partial<SqsMailQueueOptions> = {}): SqsMailQueue {
      const { sqs, sqsPoll, clock } = clients;
      const sleep = async (ms: number) => void pauses.push(ms);
      const after = (_: number, act: () => void) => setImmediate(act);
      return new SqsMailQueue({
        sqs,
        sqsPoll,
        clock,
        hot: hotBy(way, clients, { queueUrls: [url] }),
        name: "q",
        visibilitySeconds: 90,
        waitSeconds: 0,
        sleep,
        after,
        ...options,
      });
    }

    const entry = (receiptHandle: string): QueueEntry => ({
      id: receiptHandle,
      receiptHandle,
      receiveCount: 1,
      sentAt: 0 as EpochMs,
      body: "",
    });
    const entries = (count: number): QueueEntry[] => Array.from({ length: count }, (_, n) => entry(`r${n}`));

    type Sent = { Entries: { Id: string; ReceiptHandle: string; VisibilityTimeout?: number }[] };
    const sent = (request: Request): Sent["Entries"] => (request.json as Sent).Entries;
    const receipts = (route: string): string[][] => aws.requests(route).map((request) => sent(request).map((each) => each.ReceiptHandle));

    /** Answers a batch: the receipts named fail with a code, the others succeed. */
    function failing(codes: Readonly<Record<string, string>>, senderFault: boolean = true): Route {
      return (request) => {
        const failed = sent(request).filter((each) => each.ReceiptHandle in codes);
        const done = sent(request).filter((each) => !(each.ReceiptHandle in codes));
        return json({
          Successful: done.map(({ Id }) => ({ Id })),
          Failed: failed.map(({ Id, ReceiptHandle }) => ({
            Id,
            Code: codes[ReceiptHandle],
            Message: "scripted",
            SenderFault: senderFault,
          })),
        });
      };
    }

    const thrownBy = (work: Promise<unknown>) =>
      work.then(
        () => "nothing",
        (error: Error) => `${error.name}: ${error.message}`,
      );

    describe("receive()", () => {
      test("asks for what SQS can give, and for the attributes that matter", async () => {
        aws.on(receive, json({}));
        const queue = makeQueue({ waitSeconds: 7 });
        for (const limit of [3, 64, 0]) expect(await queue.receive(limit, going)).toEqual([]);
        const asked = aws.requests(receive).map((request) => request.json as Record<string, unknown>);
        expect(asked.map((each) => each["MaxNumberOfMessages"])).toEqual([3, 10, 1]);
        expect(asked[0]).toEqual({
          QueueUrl: url,
          MaxNumberOfMessages: 3,
          WaitTimeSeconds: 7,
          VisibilityTimeout: 90,
          MessageSystemAttributeNames: ["ApproximateReceiveCount", "SentTimestamp"],
        });
        expect(aws.requests(getUrl).length).toBe(1);
      });
      test("gives entries as they are", async () => {
        aws.on(receive, json({ Messages: [sqsEntry("1", "ä", { ApproximateReceiveCount: "4" })] }));
        expect(await makeQueue().receive(10, going)).toEqual([
          { id: "1", receiptHandle: "receipt-1", receiveCount: 4, sentAt: 1767225600000 as EpochMs, body: "ä" },
        ]);
      });
      test("gives an entry without attributes the count of a first receive and the time of now", async () => {
        const { Attributes: _, ...bare } = sqsEntry("1", "x") as Record<string, unknown>;
        aws.on(receive, json({ Messages: [bare] }));
        const [first] = await makeQueue().receive(10, going);
        expect(first?.receiveCount).toBe(1);
        expect(Math.abs((first?.sentAt ?? 0) - Date.now())).toBeLessThan(60_000);
      });
      test("throws when the body of an entry was damaged", async () => {
        aws.on(receive, json({ Messages: [{ ...(sqsEntry("1", "x") as object), Body: "y" }] }));
        expect(await thrownBy(makeQueue().receive(10, going))).toMatch(
          /^PortError: Cannot receive \(queue "q"\): the octets do not match the checksum/,
        );
      });
      test("asks nothing when `stop` is raised before", async () => {
        expect(await makeQueue().receive(10, { stopped: true })).toEqual([]);
        expect(aws.requests()).toEqual([]);
      });
      test("lets a running poll answer when `stop` is raised, and gives what came", async () => {
        const answer = JSON.stringify({ Messages: [sqsEntry("1", "x")] });
        const stop = { stopped: false };
        aws.on(receive, () => {
          stop.stopped = true;
          return { headers: { "content-length": String(answer.length) }, body: [{ waitMs: 60 }, answer] };
        });
        expect((await makeQueue().receive(10, stop)).length).toBe(1);
      });
      test("throws a little after its wait when no answer comes", async () => {
        aws.on(receive, "hang");
        expect(await thrownBy(makeQueue({ callMs: 50 }).receive(10, going))).toMatch(
          /^PortError: Cannot receive \(queue "q"\): the answer of AWS did not come in time/,
        );
      });
      test("lets a poll last as long as its wait and an answer after it may", async () => {
        const answer = JSON.stringify({});
        aws.on(receive, { headers: { "content-length": String(answer.length) }, body: [{ waitMs: 200 }, answer] });
        expect(await makeQueue({ waitSeconds: 1, callMs: 1000 }).receive(10, going)).toEqual([]);
      });
      test("tells each caller by its own name when the URL that all of them wait for is refused", async () => {
        aws.on(getUrl, jsonError(403, "AccessDeniedException"));
        const queue = makeQueue();
        expect(await Promise.all([queue.receive(10, going), queue.size(), queue.describe()].map(thrownBy))).toEqual([
          expect.stringMatching(/^PortError: Cannot receive \(queue "q"\).*AccessDenied/),
          expect.stringMatching(/^PortError: Cannot size \(queue "q"\).*AccessDenied/),
          expect.stringMatching(/^PortError: Cannot describe \(queue "q"\).*AccessDenied/),
        ]);
        expect(aws.requests(getUrl).length).toBe(1);
      });
      test("tries once when it is refused for now", async () => {
        aws.on(receive, jsonError(503, "ServiceUnavailable"));
        clients = testClients(aws.endpoint, { attempts: 3 });
        expect(await thrownBy(makeQueue().receive(10, going))).toMatch(/^PortError: .*ServiceUnavailable/);
        expect(aws.requests(receive).length).toBe(1);
      });
      test("throws as long as there is no queue, and recovers when it appears", async () => {
        aws.on(getUrl, gone, gone, json({ QueueUrl: url }));
        aws.on(receive, json({}));
        const queue = makeQueue();
        for (let n = 0; n < 2; n++) expect(await thrownBy(queue.receive(10, going))).toMatch(/^PortError: .*QueueDoesNotExist/);
        expect(await queue.receive(10, going)).toEqual([]);
      });
      test("asks for the URL anew when the queue was deleted", async () => {
        const other = `${url}-2`;
        aws.on(getUrl, json({ QueueUrl: url }), json({ QueueUrl: other }));
        aws.on(receive, gone, ...(way === "lane" ? [gone] : []), json({}));
        const queue = makeQueue();
        expect(await thrownBy(queue.receive(10, going))).toMatch(/^PortError: .*QueueDoesNotExist/);
        await queue.receive(10, going);
        expect(aws.requests(receive).at(-1)?.json).toMatchObject({ QueueUrl: other });
      });
      test("asks for the URL once when several need it at the same time", async () => {
        aws.on(receive, json({}));
        const queue = makeQueue();
        await Promise.all([1, 2, 3].map(() => queue.receive(1, going)));
        expect(aws.requests(getUrl).length).toBe(1);
      });
    });

    describe("ack()", () => {
      test("sends tens", async () => {
        aws.on(deleteBatch, failing({}));
        await makeQueue().ack(entries(23));
        expect(receipts(deleteBatch).map((each) => each.length)).toEqual([10, 10, 3]);
        expect(new Set(receipts(deleteBatch).flat()).size).toBe(23);
        expect(pauses).toEqual([]);
      });
      test("sends those of several callers together, and at once when there are ten", async () => {
        aws.on(deleteBatch, failing({}));
        const queue = makeQueue({ after: (_, act) => void gathering.push(act) });
        const acks = [queue.ack(entries(2)), queue.ack([entry("x")])];
        expect(gathering.length).toBe(1);
        for (const act of gathering) act();
        await Promise.all(acks);
        await queue.ack(entries(10));
        expect(receipts(deleteBatch).map((each) => each.length)).toEqual([3, 10]);
      });
      test("does not take the batch after for its own when it was full before its time", async () => {
        aws.on(deleteBatch, failing({}));
        const queue = makeQueue({ after: (_, act) => void gathering.push(act) });
        await queue.ack(entries(10));
        const later = queue.ack([entry("later")]);
        gathering[0]?.();
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect(receipts(deleteBatch).length).toBe(1);
        gathering[1]?.();
        await later;
      });
      test("sends again what failed for now, and nothing else, after growing pauses", async () => {
        aws.on(deleteBatch, failing({ r1: "InternalError", r2: "InternalError" }, false), failing({ r2: "RequestThrottled" }), failing({}));
        await makeQueue().ack(entries(4));
        expect(receipts(deleteBatch)).toEqual([["r0", "r1", "r2", "r3"], ["r1", "r2"], ["r2"]]);
        expect(pauses).toEqual([200, 400]);
      });
      test("sends nothing again before its pause is over", async () => {
        aws.on(deleteBatch, failing({ r0: "InternalError" }, false), failing({}));
        const sleep = () => Promise.reject(new Error("the pause is never over"));
        expect(await thrownBy(makeQueue({ sleep }).ack(entries(1)))).toBe("Error: the pause is never over");
        expect(receipts(deleteBatch).length).toBe(1);
      });
      test("throws for the entry that goes on failing, and for no other", async () => {
        aws.on(deleteBatch, failing({ r1: "InternalError" }, false));
        const queue = makeQueue();
        const results = await Promise.all(entries(3).map((each) => thrownBy(queue.ack([each]))));
        expect([results[0], results[2]]).toEqual(["nothing", "nothing"]);
        expect(results[1]).toMatch(/^PortError: Cannot ack \(queue "q"\): AWS has an internal error: .*InternalError/);
        expect(receipts(deleteBatch).length).toBe(3);
      });
      test("sends again what the answer does not name", async () => {
        aws.on(deleteBatch, json({}), failing({}));
        await makeQueue().ack(entries(2));
        expect(receipts(deleteBatch)).toEqual([
          ["r0", "r1"],
          ["r0", "r1"],
        ]);
      });
      test("does not send again what is refused for good", async () => {
        aws.on(deleteBatch, failing({ r0: "InvalidIdFormat" }));
        expect(await thrownBy(makeQueue().ack(entries(1)))).toMatch(
          /^PortError: Cannot ack \(queue "q"\): AWS refused the request: .*InvalidIdFormat/,
        );
        expect(receipts(deleteBatch).length).toBe(1);
      });
      test.each(["ReceiptHandleIsInvalid", "MessageNotInflight"])("is no error when it is answered %s", async (code) => {
        aws.on(deleteBatch, failing({ r0: code }));
        await makeQueue().ack(entries(1));
        expect(receipts(deleteBatch).length).toBe(1);
      });
      test.each([
        ["500", jsonError(500, "InternalFailure")],
        ["garbled", { body: "<html>" }],
        ["reset", "reset"],
        ["throttled", jsonError(400, "ThrottlingException")],
      ] as [string, Route][])("sends the whole batch again when its answer is %s", async (_, answer) => {
        aws.on(deleteBatch, answer, failing({}));
        await makeQueue().ack(entries(2));
        expect(receipts(deleteBatch)).toEqual([
          ["r0", "r1"],
          ["r0", "r1"],
        ]);
      });
      test("throws when no answer comes", async () => {
        aws.on(deleteBatch, "hang");
        expect(await thrownBy(makeQueue({ callMs: 400, attempts: 2 }).ack(entries(1)))).toMatch(
          /^PortError: Cannot ack \(queue "q"\): the answer of AWS did not come in time/,
        );
        // Deno repeats a request by itself when a connection that was kept ends: what the SDK asked for counts.
        expect(new Set(aws.requests(deleteBatch).map(({ headers }) => headers["amz-sdk-invocation-id"] ?? headers)).size).toBe(2);
      });
    });

    describe("extend()", () => {
      test("sends those of several callers together, each with its own seconds", async () => {
        aws.on(changeBatch, failing({}));
        const queue = makeQueue();
        const seconds = [90, 0.2, -1, 50_000];
        expect(await Promise.all(seconds.map((each, n) => queue.extend(entry(`r${n}`), each)))).toEqual(["kept", "kept", "kept", "kept"]);
        expect(aws.requests(changeBatch).flatMap((request) => sent(request).map((each) => each.VisibilityTimeout))).toEqual([
          90, 1, 0, 43_200,
        ]);
        expect(aws.requests(changeBatch).length).toBe(1);
      });
      test.each(["ReceiptHandleIsInvalid", "MessageNotInflight"])(
        "says lost when it is answered %s, and kept of the others",
        async (code) => {
          aws.on(changeBatch, failing({ r1: code }));
          const queue = makeQueue();
          expect(await Promise.all(entries(3).map((each) => queue.extend(each, 90)))).toEqual(["kept", "lost", "kept"]);
        },
      );
      test("says lost at the end of the twelve hours", async () => {
        const Message =
          "Value 90 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
        aws.on(changeBatch, json({ Failed: [{ Id: "0", Code: "InvalidParameterValue", Message, SenderFault: true }] }));
        expect(await makeQueue().extend(entry("r0"), 90)).toBe("lost");
      });
      test("throws when it is denied, and tries again when it failed for now", async () => {
        aws.on(changeBatch, jsonError(403, "AccessDeniedException"));
        expect(await thrownBy(makeQueue().extend(entry("r0"), 90))).toMatch(/^PortError: Cannot extend \(queue "q"\): AWS denied access/);
        aws.on(changeBatch, failing({ r0: "InternalError" }, false), failing({}));
        expect(await makeQueue().extend(entry("r0"), 90)).toBe("kept");
      });
    });

    describe("retryLater()", () => {
      test("changes the visibility", async () => {
        aws.on(changeBatch, failing({}));
        await makeQueue().retryLater(entry("r0"), 45);
        expect(aws.requests(changeBatch).map(sent)).toEqual([[{ Id: "0", ReceiptHandle: "r0", VisibilityTimeout: 45 }]]);
      });
      test("is no error when the receipt rules no more, and one when it is denied", async () => {
        aws.on(changeBatch, failing({ r0: "MessageNotInflight" }), failing({ r0: "AccessDenied" }));
        const queue = makeQueue();
        await queue.retryLater(entry("r0"), 45);
        expect(await thrownBy(queue.retryLater(entry("r0"), 45))).toMatch(
          /^PortError: Cannot retry later \(queue "q"\): AWS denied access/,
        );
      });
    });

    describe("size()", () => {
      const route = "AmazonSQS.GetQueueAttributes";
      test("reads what there is", async () => {
        aws.on(route, json({ Attributes: { ApproximateNumberOfMessages: "12", ApproximateNumberOfMessagesDelayed: "1" } }));
        expect(await makeQueue().size()).toEqual({ visible: 12, inFlight: 0, delayed: 1 });
      });
      test("throws when it is refused", async () => {
        aws.on(route, jsonError(500, "InternalFailure"));
        expect(await thrownBy(makeQueue().size())).toMatch(/^PortError: Cannot size \(queue "q"\): AWS has an internal error/);
      });
    });

    describe("describe()", () => {
      const route = "AmazonSQS.GetQueueAttributes";
      const own = { QueueArn: "arn:aws:sqs:eu-central-1:1:q", VisibilityTimeout: "30", MessageRetentionPeriod: "345600" };
      const RedrivePolicy = '{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:2:dead","maxReceiveCount":"5"}';
      const described = { url, arn: own.QueueArn, visibilitySeconds: 30, retentionSeconds: 345_600, policy: null, kmsKey: null };
      test("tells of the queue when it has no dead-letter queue", async () => {
        aws.on(route, json({ Attributes: own }));
        expect(await makeQueue().describe()).toEqual({ ...described, deadLetter: null });
      });
      test("tells of the dead-letter queue", async () => {
        aws.on(
          route,
          json({ Attributes: { ...own, RedrivePolicy } }),
          json({ Attributes: { MessageRetentionPeriod: "1209600", ApproximateNumberOfMessages: "3" } }),
        );
        const deadLetter = {
          arn: "arn:aws:sqs:eu-central-1:2:dead",
          maxReceiveCount: 5,
          queue: { retentionSeconds: 1_209_600, entries: 3 },
        };
        expect(await makeQueue().describe()).toEqual({ ...described, deadLetter });
        expect(aws.requests(getUrl).at(-1)?.json).toEqual({ QueueName: "dead", QueueOwnerAWSAccountId: "2" });
      });
      test("tells why the dead-letter queue could not be asked", async () => {
        aws.on(getUrl, json({ QueueUrl: url }), gone);
        aws.on(route, json({ Attributes: { ...own, RedrivePolicy } }));
        const { deadLetter } = await makeQueue().describe();
        expect(JSON.stringify(deadLetter?.queue)).toMatch(
          /^\{"trouble":"the queue, table, bucket or object does not exist: .*QueueDoesNotExist/,
        );
      });
    });
  });
