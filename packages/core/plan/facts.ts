// Facts: all that is known of one mail when it is decided on, and what the operator has chosen. Rows are decoded and
// recipients parsed before; plan.ts reads them and asks nobody.

import type { AddressKey, Domain, ReversePath } from "../mail/address.ts";
import type { Mail } from "../mail/mail.ts";
import type { Blocklist } from "../rules/blocklist.ts";
import type { RuleRow } from "../rules/rule-row.ts";
import type { Bounce } from "../ses/bounce.ts";
import type { MailId } from "../ses/notice.ts";
import type { SesVerdicts } from "../ses/ses-verdicts.ts";
import type { EpochMs } from "../time.ts";
import type { Recipient } from "./recipient.ts";
import type { EffectKey } from "./types.ts";
import type { Final } from "./verdict.ts";

/** All that is known of one mail. */
export type Facts = Readonly<{
  mailId: MailId;
  /** When SES received it: the only time that a plan knows, so that every attempt plans alike. */
  receivedAt: EpochMs;
  /** `undefined`: there is a reverse-path, and it is no address. */
  envelope: Readonly<{ reversePath: ReversePath | undefined; recipients: readonly Recipient[] }>;
  sesVerdicts: SesVerdicts;
  /** Those that we serve. */
  domains: readonly Domain[];
  mail: Mail;
  bounce: Bounce;
  /** Rows of the rules table, by table key. */
  rules: ReadonlyMap<string, RuleRow>;
  /** Rows of the blocklist table, compiled. */
  blocklist: Blocklist;
  /** What earlier attempts ended. The plan does not look at it; execute.ts and `explain` do. */
  finals: ReadonlyMap<EffectKey, Final>;
  /** Live reply memory for this sender, by recipient. */
  answered: ReadonlyMap<AddressKey, ReplyMemory>;
  /** File names in the mail. They are looked for only where a forward leaves by SES, and are empty otherwise. */
  attachments: readonly string[];
  /** Secret of the loop mark, any number of octets. */
  loopKey: Uint8Array;
}>;

/** What is remembered of an earlier auto-reply: the hash of its text, the mail that it answered, and until when. */
export type ReplyMemory = Readonly<{ textHash: string; mailId: MailId; until: EpochMs }>;

/** What the operator has chosen. */
export type Policy = Readonly<{
  /** What becomes of a mail that SES takes for spam, or that bears a virus. Whatever is chosen, no rule runs for it. */
  spamVerdict: "deliver" | "drop";
  virusVerdict: "deliver" | "drop";
  /** Days for which a sender is remembered who had an auto-reply (RFC 5230 §4.1). */
  replyEveryDays: number;
  /** Auto-replies that a mailbox may send in an hour, and that a sender may get in a day from all mailboxes. 0: any number. */
  repliesPerHour: number;
  repliesPerDay: number;
}>;

/** The defaults of the configuration. */
export const defaultPolicy: Policy = {
  spamVerdict: "deliver",
  virusVerdict: "deliver",
  replyEveryDays: 7,
  repliesPerHour: 30,
  repliesPerDay: 5,
};
