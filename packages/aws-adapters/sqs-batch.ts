// SQS batch: sends a batch until each of its items is answered for good. A batch is answered with HTTP 200 also when items
// of it failed (SQS API Reference, "DeleteMessageBatch"), so each item is looked up in the answer.

import type { BatchResultErrorEntry } from "@aws-sdk/client-sqs";
import { type Trouble, troubleOf, troubleOfEntry } from "./trouble.ts";

/** What became of one item. `null`: it is done. */
export type Outcome = Readonly<{ trouble: Trouble | null }>;

/** The part that the answers to all batches share. */
export type BatchAnswer = Readonly<{
  Successful?: readonly Readonly<{ Id: string | undefined }>[] | undefined;
  Failed?: readonly BatchResultErrorEntry[] | undefined;
}>;

/** Sends items, by the ids that the answer shall name. */
export type SendBatch<Item> = (items: ReadonlyMap<string, Item>) => Promise<BatchAnswer>;

export type Patience = Readonly<{
  /** How often an item that fails for now is sent. */
  attempts: number;
  sleep: (ms: number) => Promise<void>;
}>;

const firstPauseMs = 200;
const unnamed: Trouble = troubleOfEntry({ Code: "NotInAnswer", Message: "the answer does not name the entry", SenderFault: false });

/** One outcome for each item, in order. What failed for now goes again, after a pause that doubles. */
export async function untilAnswered<Item>(items: readonly Item[], send: SendBatch<Item>, patience: Patience): Promise<readonly Outcome[]> {
  const troubles = new Map<string, Trouble | null>();
  let open: ReadonlyMap<string, Item> = new Map(items.map((item, index) => [String(index), item]));
  for (let attempt = 1; open.size > 0; attempt++) {
    for (const [id, trouble] of await sendOnce(open, send)) troubles.set(id, trouble);
    open = new Map([...open].filter(([id]) => troubles.get(id)?.retry));
    if (open.size === 0 || attempt >= patience.attempts) break;
    await patience.sleep(firstPauseMs * 2 ** (attempt - 1));
  }
  return items.map((_, index) => ({ trouble: troubles.get(String(index)) ?? null }));
}

async function sendOnce<Item>(items: ReadonlyMap<string, Item>, send: SendBatch<Item>): Promise<ReadonlyMap<string, Trouble | null>> {
  const all = (troubleOfItem: (id: string) => Trouble | null) => new Map([...items.keys()].map((id) => [id, troubleOfItem(id)]));
  try {
    const { Successful = [], Failed = [] } = await send(items);
    const done = new Set(Successful.map(({ Id }) => Id));
    const failed = new Map(Failed.map((entry) => [entry.Id, troubleOfEntry(entry)]));
    return all((id) => (done.has(id) ? null : (failed.get(id) ?? unnamed)));
  } catch (error) {
    const trouble = troubleOf(error);
    return all(() => trouble);
  }
}
