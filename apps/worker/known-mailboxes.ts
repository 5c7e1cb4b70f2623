// Known mailboxes: those that took mail since this process started. In the first minutes any mailbox may exist: the mail server
// was perhaps started together with this process, and its list of users may still be empty.

import { type AddressKey, addressKey, type Clock } from "@sesame/core";
import type { Mailboxes } from "@sesame/core/journey";

export type KnownMailboxesOptions = Readonly<{
  clock: Clock;
  /** How long after the start any mailbox may exist. */
  graceSeconds: number;
  /** How many are remembered. Those that took no mail for the longest time are forgotten first. */
  limit?: number;
}>;

/** The mailboxes of one process. */
export function knownMailboxes({ clock, graceSeconds, limit = 10_000 }: KnownMailboxesOptions): Mailboxes {
  const graceEndsAt = clock.now() + graceSeconds * 1000;
  const keys = new Set<AddressKey>(); // the last one took mail last
  return {
    mayExist: (mailbox) => clock.now() < graceEndsAt || keys.has(addressKey(mailbox)),
    tookMail: (mailbox) => {
      const key = addressKey(mailbox);
      keys.delete(key);
      keys.add(key);
      const [oldest] = keys;
      if (keys.size > limit && oldest !== undefined) keys.delete(oldest);
    },
  };
}
