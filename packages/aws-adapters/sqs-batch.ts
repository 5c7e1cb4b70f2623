// SQS batch: sends a batch and retries the items that failed for now. SQS answers a batch with HTTP 200 even if items failed
// (SQS API Reference, "DeleteMessageBatch"), so each item is looked up in the answer.

import type { BatchResultErrorEntry } from "@aws-sdk/client-sqs";
import type { Sleep } from "./timers.ts";
import { type Trouble, troubleOf, troubleOfEntry } from "./trouble.ts";

/** The result of one item. `null`: it succeeded. */
export type ItemOutcome = Readonly<{ trouble: Trouble | null }>;

/** The common part of the answers to all batches. */
export type BatchAnswer = Readonly<{
  Successful?: readonly Readonly<{ Id: string | undefined }>[] | undefined;
  Failed?: readonly BatchResultErrorEntry[] | undefined;
}>;

/** Sends items by their ids, which the answer repeats. */
export type SendBatch<Item> = (items: ReadonlyMap<string, Item>) => Promise<BatchAnswer>;

export type RetryPolicy = Readonly<{
  /** Largest number of attempts for one item. */
  attempts: number;
  sleep: Sleep;
}>;

const firstDelayMs = 200;
const notInAnswer: Trouble = troubleOfEntry({ Code: "NotInAnswer", Message: "the answer does not mention the entry", SenderFault: false });

/** Returns one result for each item, in order. Items with a transient error are sent again after a delay that doubles. */
export async function sendWithRetry<Item>(
  items: readonly Item[],
  send: SendBatch<Item>,
  policy: RetryPolicy,
): Promise<readonly ItemOutcome[]> {
  const troubles = new Map<string, Trouble | null>();
  let open: ReadonlyMap<string, Item> = new Map(items.map((item, index) => [String(index), item]));
  for (let attempt = 1; open.size > 0; attempt++) {
    for (const [id, trouble] of await sendOnce(open, send)) troubles.set(id, trouble);
    open = new Map([...open].filter(([id]) => troubles.get(id)?.retry));
    if (open.size === 0 || attempt >= policy.attempts) break;
    await policy.sleep(firstDelayMs * 2 ** (attempt - 1));
  }
  return items.map((_, index) => ({ trouble: troubles.get(String(index)) ?? null }));
}

async function sendOnce<Item>(items: ReadonlyMap<string, Item>, send: SendBatch<Item>): Promise<ReadonlyMap<string, Trouble | null>> {
  const all = (troubleOfItem: (id: string) => Trouble | null) => new Map([...items.keys()].map((id) => [id, troubleOfItem(id)]));
  try {
    const { Successful = [], Failed = [] } = await send(items);
    const done = new Set(Successful.map(({ Id }) => Id));
    const failed = new Map(Failed.map((entry) => [entry.Id, troubleOfEntry(entry)]));
    return all((id) => (done.has(id) ? null : (failed.get(id) ?? notInAnswer)));
  } catch (error) {
    const trouble = troubleOf(error);
    return all(() => trouble);
  }
}
