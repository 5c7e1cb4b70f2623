// Status: what one domain did since the last status line, counted from its journal.

import type { JournalEvent } from "@sesame/core";

/** Counts since the last line. `outcomes`: mails by the end that their mark names, and retries. */
export type StatusLine = Readonly<{ received: number; outcomes: Readonly<Record<string, number>> }>;

export class StatusCount {
  #received = 0;
  #outcomes: Record<string, number> = {};

  note(event: JournalEvent): void {
    if (event.kind !== "mail") return;
    const { settlement } = event;
    this.#received++;
    const outcome = settlement.kind === "retry" ? "retry" : settlement.mark.status;
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
  }

  /** The counts, which begin anew. */
  take(): StatusLine {
    const line = { received: this.#received, outcomes: this.#outcomes };
    this.#received = 0;
    this.#outcomes = {};
    return line;
  }
}
