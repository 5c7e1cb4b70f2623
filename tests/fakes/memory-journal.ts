// Memory journal: keeps the events, so that a test can read what an operator would.

import type { Journal, JournalEvent } from "@sesame/core";

/** Events in the order in which they were noted. */
export class MemoryJournal implements Journal {
  readonly events: JournalEvent[] = [];

  note(event: JournalEvent): void {
    this.events.push(event);
  }
}
