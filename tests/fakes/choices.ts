// What an operator chooses, and what a process keeps for all mails, as most tests of a worker have it.

import { blocklistCache, defaultPolicy, type JourneyPorts, noPause } from "@sesame/core";
import { noKnownMailboxes } from "@sesame/core/journey";

type Choices = Pick<JourneyPorts, "policy" | "blockedMail" | "leaseSeconds" | "inWork" | "pause" | "mailboxes" | "blocklists">;

/** Fresh for each worker: `inWork` and `blocklists` keep what they are told. */
export function usualChoices(): Choices {
  return {
    policy: defaultPolicy,
    blockedMail: "delete",
    leaseSeconds: 120,
    inWork: new Set(),
    pause: noPause,
    mailboxes: noKnownMailboxes,
    blocklists: blocklistCache({ maxOctets: 1_000_000 }),
  };
}
