// Memory ledger: LEDGER=memory, which forgets everything at a restart.

import type { Clock, Ledger } from "@sesame/core";
import { openMemoryDatabase } from "./local/database.ts";
import { SqliteLedger } from "./local/sqlite-ledger.ts";
import { every, hourMs } from "./timers.ts";

/** Rows that are too old are deleted each hour. */
export function openMemoryLedger(options: Readonly<{ owner: string; clock: Clock; rememberDays: number; loopKey?: Uint8Array }>): Ledger {
  const ledger = new SqliteLedger({ database: openMemoryDatabase(), ...options });
  every(hourMs, () => ledger.forget());
  return ledger;
}
