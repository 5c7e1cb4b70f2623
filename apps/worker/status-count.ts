// Status count: what happened in one domain since its last `status` log line, counted from its journal.

import type { JournalEvent } from "@sesame/core";

/** Counts since the last line. `outcomes`: mails by the status in their audit mark, and retries. */
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

  /** Returns the counts and resets them. */
  take(): StatusLine {
    const line = { received: this.#received, outcomes: this.#outcomes };
    this.#received = 0;
    this.#outcomes = {};
    return line;
  }
}
