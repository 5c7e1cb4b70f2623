// SQS mail queue: MailQueue on an SQS standard queue. A long poll is never aborted before its deadline, because an aborted
// poll may still receive an entry. Acknowledgements and visibility changes are batched, up to ten in a request.
// SQS API Reference: "ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch", "GetQueueAttributes".

import { GetQueueAttributesCommand, GetQueueUrlCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { type EpochMs, type MailQueue, type PortError, type QueueEntry, quote, type Stop } from "@sesame/core";
import type { QueueSize, ReceiveWait } from "@sesame/core/journey";
import type { AwsClock } from "./aws-clock.ts";
import { Batcher } from "./batcher.ts";
import { type CallOptions, call, portErrorOf } from "./call.ts";
import type { Poll, QueueCalls, Received } from "./hot-calls.ts";
import { sdkQueueCalls } from "./sdk-sqs.ts";
import { type BatchAnswer, type ItemOutcome, sendWithRetry } from "./sqs-batch.ts";
import { describeQueue, type QueueDescription } from "./sqs-description.ts";
import { type After, realSleep, type Sleep } from "./timers.ts";
import { GarbledError, type Trouble, troubleOf } from "./trouble.ts";

export type SqsMailQueueOptions = Readonly<{
  /** For all calls but the long poll. */
  sqs: SQSClient;
  /** For the long poll: tries once, with its own sockets, so that no acknowledgement waits for a poll. */
  sqsPoll: SQSClient;
  /** How entries are received, deleted and delayed. Default: through `sqs` and `sqsPoll`. */
  hot?: QueueCalls;
  clock: AwsClock;
  /** Name of the queue. Its URL is read on demand. */
  name: string;
  /** Visibility timeout of a received entry, in seconds. Default 120. */
  visibilitySeconds?: number;
  /** Seconds that a receive waits for the first entry, at most 20. Default 20. */
  waitSeconds?: number;
  /** Milliseconds for an answer, in addition to the wait of a long poll. Default 10 000. */
  callMs?: number;
  /** Milliseconds that an acknowledgement waits for others in the same request. Default 50. */
  gatherMs?: number;
  /** Number of attempts for an acknowledgement that fails for now. Default 3. */
  attempts?: number;
  after?: After;
  sleep?: Sleep;
}>;

type Operation = "receive" | "extend" | "ack" | "retryLater" | "size" | "describe";
type Change = Readonly<{ receiptHandle: string; seconds: number }>;

const batchLimit = 10;
const maxVisibilitySeconds = 43_200;
const sizes = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"] as const;

/** One SQS queue. */
export class SqsMailQueue implements MailQueue {
  readonly #options: Required<Omit<SqsMailQueueOptions, "after">>;
  readonly #acks: Batcher<string, ItemOutcome>;
  readonly #changes: Batcher<Change, ItemOutcome>;
  #url: Promise<string> | null = null;

  constructor({ after, ...given }: SqsMailQueueOptions) {
    const defaults = { visibilitySeconds: 120, waitSeconds: 20, callMs: 10_000, gatherMs: 50, attempts: 3, sleep: realSleep };
    const options = { ...defaults, hot: sdkQueueCalls(given), ...given };
    this.#options = options;
    const shared = { limit: batchLimit, gatherMs: options.gatherMs, ...(after && { after }) };
    const deleteAll = (items: ReadonlyMap<string, string>) => this.#deleteAll(items);
    const changeAll = (items: ReadonlyMap<string, Change>) => this.#changeAll(items);
    this.#acks = new Batcher({ ...shared, send: (receipts) => sendWithRetry(receipts, deleteAll, options) });
    this.#changes = new Batcher({ ...shared, send: (changes) => sendWithRetry(changes, changeAll, options) });
  }

  /** Reads the URL of the queue before the first call needs it. An error appears at that call, which asks again. */
  locate(): void {
    this.#queueUrl("describe").catch(() => {});
  }

  async receive(limit: number, stop: Stop, wait: ReceiveWait = "long"): Promise<readonly QueueEntry[]> {
    if (stop.stopped) return [];
    const { hot, visibilitySeconds, callMs, clock } = this.#options;
    const waitSeconds = wait === "long" ? this.#options.waitSeconds : 0;
    const received = await this.#ask("receive", waitSeconds * 1000 + callMs, (QueueUrl, signal) => {
      const poll: Poll = {
        QueueUrl,
        MaxNumberOfMessages: Math.min(Math.max(limit, 1), batchLimit),
        WaitTimeSeconds: waitSeconds,
        VisibilityTimeout: visibilitySeconds,
        MessageSystemAttributeNames: ["ApproximateReceiveCount", "SentTimestamp"],
      };
      return hot.receive(poll, signal);
    });
    return received.map((entry) => entryOf(entry, clock.now()));
  }

  async extend({ receiptHandle }: QueueEntry, seconds: number): Promise<"kept" | "lost"> {
    const { trouble } = await this.#changes.add({ receiptHandle, seconds: visibility(seconds) });
    if (trouble?.kind === "receipt-lost") return "lost";
    if (trouble) throw this.#error("extend", trouble);
    return "kept";
  }

  async ack(entries: readonly QueueEntry[]): Promise<void> {
    this.#throwFirst("ack", await Promise.all(entries.map(({ receiptHandle }) => this.#acks.add(receiptHandle))));
  }

  async retryLater({ receiptHandle }: QueueEntry, afterSeconds: number): Promise<void> {
    this.#throwFirst("retryLater", [await this.#changes.add({ receiptHandle, seconds: visibility(afterSeconds) })]);
  }

  async size(): Promise<QueueSize> {
    const { sqs, callMs } = this.#options;
    const { Attributes = {} } = await this.#ask("size", callMs, async (QueueUrl, abortSignal) => {
      const answer = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...sizes] }), { abortSignal });
      // An answer without attributes must not be read as an empty queue.
      if (answer.Attributes === undefined) throw new GarbledError("the answer has no attributes");
      return answer;
    });
    const [visible = 0, inFlight = 0, delayed = 0] = sizes.map((name) => Number(Attributes[name] ?? 0));
    return { visible, inFlight, delayed };
  }

  /** Describes the queue and its dead-letter queue. */
  describe(): Promise<QueueDescription> {
    const { sqs, callMs } = this.#options;
    return this.#ask("describe", callMs, (url, signal) => describeQueue(sqs, url, signal));
  }

  /** Entries in the dead-letter queue; `null` where there is none, or the rights do not show it. */
  async deadLetterCount(): Promise<number | null> {
    const queue = (await this.describe()).deadLetter?.queue;
    return queue !== undefined && "entries" in queue ? queue.entries : null;
  }

  #deleteAll(receipts: ReadonlyMap<string, string>): Promise<BatchAnswer> {
    const { hot, callMs } = this.#options;
    const Entries = [...receipts].map(([Id, ReceiptHandle]) => ({ Id, ReceiptHandle }));
    return this.#ask("ack", callMs, (QueueUrl, signal) => hot.deleteBatch({ QueueUrl, Entries }, signal));
  }

  #changeAll(changes: ReadonlyMap<string, Change>): Promise<BatchAnswer> {
    const { hot, callMs } = this.#options;
    const Entries = [...changes].map(([Id, { receiptHandle: ReceiptHandle, seconds: VisibilityTimeout }]) => ({
      Id,
      ReceiptHandle,
      VisibilityTimeout,
    }));
    return this.#ask("extend", callMs, (QueueUrl, signal) => hot.changeVisibilityBatch({ QueueUrl, Entries }, signal));
  }

  /** One call with the URL of the queue. If the queue does not exist, the URL is read again: it may be created anew. */
  async #ask<T>(operation: Operation, deadlineMs: number, run: (url: string, signal: AbortSignal) => Promise<T>): Promise<T> {
    const url = await this.#queueUrl(operation);
    try {
      return await call(this.#callOptions(operation, deadlineMs), (signal) => run(url, signal));
    } catch (error) {
      if (troubleOf(error).kind === "not-found") this.#url = null;
      throw error;
    }
  }

  /** Concurrent callers share one request for the URL. After a failure the next caller asks again. Errors name the caller's operation. */
  async #queueUrl(operation: Operation): Promise<string> {
    this.#url ??= this.#askUrl(operation).catch((error: unknown) => {
      this.#url = null;
      throw error;
    });
    try {
      return await this.#url;
    } catch (error) {
      throw portErrorOf(this.#callOptions(operation, 0), troubleOf(error), error);
    }
  }

  #askUrl(operation: Operation): Promise<string> {
    const { sqs, name, callMs } = this.#options;
    return call(this.#callOptions(operation, callMs), async (abortSignal) => {
      const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: name }), { abortSignal });
      if (QueueUrl) return QueueUrl;
      throw new GarbledError("the answer has no URL");
    });
  }

  /** Throws the first error. A stale receipt handle is no error: another receive has the entry, or it is deleted. */
  #throwFirst(operation: Operation, outcomes: readonly ItemOutcome[]): void {
    const trouble = outcomes.map((outcome) => outcome.trouble).find((each) => each !== null && each.kind !== "receipt-lost");
    if (trouble) throw this.#error(operation, trouble);
  }

  #callOptions(operation: Operation, deadlineMs: number): CallOptions {
    const { name, clock } = this.#options;
    return { port: "MailQueue", operation, about: `queue ${quote(name)}`, deadlineMs, clock };
  }

  #error(operation: Operation, trouble: Trouble): PortError {
    return portErrorOf(this.#callOptions(operation, 0), trouble);
  }
}

function visibility(seconds: number): number {
  return Math.min(Math.max(Math.ceil(seconds), 0), maxVisibilitySeconds);
}

function entryOf({ MessageId = "", ReceiptHandle = "", Body = "", Attributes = {} }: Received, now: EpochMs): QueueEntry {
  const { ApproximateReceiveCount = "1", SentTimestamp } = Attributes;
  const sentAt = (SentTimestamp === undefined ? now : Number(SentTimestamp)) as EpochMs;
  return { id: MessageId, receiptHandle: ReceiptHandle, receiveCount: Number(ApproximateReceiveCount), sentAt, body: Body };
}
