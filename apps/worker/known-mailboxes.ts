// Known mailboxes: those that took mail since this process started. In the first minutes any mailbox may exist: the mail server
// was perhaps started together with this process, and its table of users may still be empty.

import type { Clock } from "@sesame/core";
import { type Mailboxes, mailboxesThatTookMail } from "@sesame/core/journey";

const mostMailboxes = 10_000;

/** Mailboxes for one process. `graceSeconds`: how long after the start any mailbox may exist. */
export function knownMailboxes(clock: Clock, graceSeconds: number): Mailboxes {
  const startedAt = clock.now();
  const known = mailboxesThatTookMail(mostMailboxes);
  return {
    mayExist: (mailbox) => clock.now() < startedAt + graceSeconds * 1000 || known.mayExist(mailbox),
    tookMail: (mailbox) => known.tookMail(mailbox),
  };
}
