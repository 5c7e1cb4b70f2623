// Tables: the DynamoDB of the benches' own AWS for both workers, so quick that it is not the tables that are measured: the emulator
// of the tests answers some 250 calls a second.

import { Aws } from "./aws/aws.ts";
import type { Item } from "./aws/values.ts";

export type Tables = Readonly<{
  endpoint: string;
  put(table: string, item: Item): void;
  close(): void;
}>;

/** Starts them on a free port of 127.0.0.1. `heard` is told of each call. */
export function startTables(heard: (name: string) => void): Tables {
  const aws = new Aws({ watch: { called: heard } });
  return { endpoint: aws.endpoint, put: (table, item) => aws.tables.put(table, item), close: () => void aws.close() };
}
