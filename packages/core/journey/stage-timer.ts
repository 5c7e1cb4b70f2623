// Stage timer: tells the journal how long each stage of a mail took.

import type { MailId } from "../ses/notice.ts";
import type { Stage } from "./events.ts";
import type { Clock, Journal } from "./ports.ts";

/** Called when a stage has ended. */
export type StageTimer = (stage: Stage) => void;

/** Tells the journal how long each stage took: from the one before it, or from here. `mailId`: of the mail, if it is known. */
export function stageTimer(clock: Clock, journal: Journal, mailId?: MailId): StageTimer {
  let since = clock.now();
  return (stage) => {
    const now = clock.now();
    journal.note({ kind: "stage", stage, seconds: (now - since) / 1000, ...(mailId !== undefined && { mailId }) });
    since = now;
  };
}
