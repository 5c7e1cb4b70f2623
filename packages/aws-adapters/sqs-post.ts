// SQS post: puts entries into a queue, for an administrator who brings a forgotten mail back. Workers do not use it.
// SQS API Reference, "SendMessage" (at most 1 MiB).

import { GetQueueUrlCommand, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { quote } from "@sesame/core";
import type { AwsClock } from "./aws-clock.ts";
import { call } from "./call.ts";

export type SqsPostOptions = Readonly<{ sqs: SQSClient; clock: AwsClock; deadlineMs?: number }>;

export class SqsPost {
  readonly #options: Required<SqsPostOptions>;
  readonly #urls = new Map<string, Promise<string>>();

  constructor(options: SqsPostOptions) {
    this.#options = { deadlineMs: 10_000, ...options };
  }

  /** Puts one entry. After an error the entry may be there. `afterSeconds`: 0 to 900; it is not seen before. */
  async put(queue: string, body: string, afterSeconds: number = 0): Promise<void> {
    const { sqs, clock, deadlineMs } = this.#options;
    await call({ port: "MailQueue", operation: "put", about: `queue ${quote(queue)}`, deadlineMs, clock }, async (abortSignal) => {
      const QueueUrl = await this.#urlOf(queue, abortSignal);
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body, DelaySeconds: afterSeconds }), { abortSignal });
    });
  }

  #urlOf(queue: string, abortSignal: AbortSignal): Promise<string> {
    const known = this.#urls.get(queue) ?? this.#askUrl(queue, abortSignal);
    this.#urls.set(queue, known);
    known.catch(() => this.#urls.delete(queue));
    return known;
  }

  async #askUrl(QueueName: string, abortSignal: AbortSignal): Promise<string> {
    const { QueueUrl = "" } = await this.#options.sqs.send(new GetQueueUrlCommand({ QueueName }), { abortSignal });
    return QueueUrl;
  }
}
