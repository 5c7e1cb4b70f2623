// Tables: as much of DynamoDB as both workers ask, in memory, and so quick that it is not the tables that are measured:
// the emulator of the tests answers some 250 calls a second. It takes every condition as met, since nobody else writes
// here, and is no judge of a ledger; tests/aws is. DynamoDB API Reference; Developer Guide, "Update expressions".

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An attribute as it travels: `{"S": "text"}`. */
type Value = Readonly<Record<string, unknown>>;
type Item = Readonly<Record<string, Value>>;

export type Tables = Readonly<{
  endpoint: string;
  put(table: string, key: string, item: Item): void;
  close(): void;
}>;

type Update = Readonly<{
  TableName: string;
  Key: Item;
  UpdateExpression: string;
  ExpressionAttributeNames: Readonly<Record<string, string>>;
  ExpressionAttributeValues: Item;
}>;
type Requests = Readonly<{
  GetItem: Readonly<{ TableName: string; Key: Item }>;
  BatchGetItem: Readonly<{ RequestItems: Readonly<Record<string, Readonly<{ Keys: readonly Item[] }>>> }>;
  UpdateItem: Update;
}>;

/** Starts them on a free port of 127.0.0.1. `heard` is told of each call. */
export async function startTables(heard: (name: string) => void): Promise<Tables> {
  const items = new Map<string, Item>();
  const find = (table: string, key: Item) => items.get(`${table} ${nameOf(key)}`);
  const answers: { [Name in keyof Requests]: (request: Requests[Name]) => unknown } = {
    GetItem: ({ TableName, Key }) => ({ Item: find(TableName, Key) }),
    BatchGetItem: ({ RequestItems }) => {
      const found = Object.entries(RequestItems).map(([table, { Keys }]) => [table, Keys.flatMap((key) => find(table, key) ?? [])]);
      return { Responses: Object.fromEntries(found), UnprocessedKeys: {} };
    },
    UpdateItem: (update) => {
      const after = updated(find(update.TableName, update.Key) ?? update.Key, update);
      items.set(`${update.TableName} ${nameOf(update.Key)}`, after);
      return { Attributes: after };
    },
  };
  const server = createServer((request, response) => void converse(request, response, answers, heard));
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { endpoint, close, put: (table, key, item) => void items.set(`${table} ${key}`, item) };
}

function nameOf(key: Item): string {
  return String(Object.values(key)[0]?.["S"]);
}

async function converse(
  request: IncomingMessage,
  response: ServerResponse,
  answers: Readonly<Record<string, (request: never) => unknown>>,
  heard: (name: string) => void,
): Promise<void> {
  const name = String(request.headers["x-amz-target"]).replace(/^.*\./, "");
  heard(name);
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const answer = answers[name]?.(JSON.parse(Buffer.concat(pieces).toString()) as never);
  const body = JSON.stringify(answer ?? { __type: "UnknownOperationException", message: name });
  response.writeHead(answer === undefined ? 400 : 200, { "content-type": "application/x-amz-json-1.0" }).end(body);
}

/** The item as an update leaves it; all operands are those of the item before. */
function updated(before: Item, { UpdateExpression, ExpressionAttributeNames: names, ExpressionAttributeValues: values }: Update): Item {
  const after: Record<string, Value> = { ...before };
  const nameAt = (token: string) => names[token] ?? token;
  for (const [, verb, clause = ""] of UpdateExpression.matchAll(/(SET|REMOVE) (.*?)(?= (?:SET|REMOVE) |$)/g)) {
    if (verb === "REMOVE") for (const token of clause.split(", ")) delete after[nameAt(token)];
    else for (const [, token = "", operand = ""] of clause.matchAll(/(#\w+) = (\w+\(.*?\)|:\w+)(?=, #|$)/g)) set(token, operand);
  }
  return after;

  function set(token: string, operand: string): void {
    const value = operandOf(operand);
    if (value === undefined) throw new Error(`Cannot update: the expression must be known, is ${UpdateExpression}`);
    after[nameAt(token)] = value;
  }

  function operandOf(text: string): Value | undefined {
    if (text.startsWith(":")) return values[text];
    if (text.startsWith("#")) return before[nameAt(text)];
    const [, call, left = "", right = ""] = /^(\w+)\((.*), ([^()]+)\)$/.exec(text) ?? [];
    if (call === "if_not_exists") return operandOf(left) ?? operandOf(right);
    const lists = [operandOf(left), operandOf(right)].map((value) => value?.["L"] as readonly unknown[]);
    return call === "list_append" ? { L: lists.flat() } : undefined;
  }
}
