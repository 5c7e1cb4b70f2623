// Ledger harness: what the cases of the Ledger's contract need of an implementation.

import type { Ledger } from "@sesame/core";
import type { Harness } from "./suite.ts";

export type LedgerHarness = Harness &
  Readonly<{
    /** A worker's ledger; two owners share the same tables. */
    open(owner: string): Ledger;
    /** What time the ledgers think it is, in milliseconds since 1970. */
    now(): number;
    /** Lets time pass, in seconds. */
    advance(seconds: number): Promise<void>;
  }>;
