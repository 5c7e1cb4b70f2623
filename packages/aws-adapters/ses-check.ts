// SES check: describes the SES account and an identity for `sesame check`. It does not judge what it finds.

import {
  GetAccountCommand,
  GetConfigurationSetCommand,
  GetConfigurationSetEventDestinationsCommand,
  GetEmailIdentityCommand,
  type SESv2Client,
} from "@aws-sdk/client-sesv2";
import type { AwsClock } from "./aws-clock.ts";
import { call } from "./call.ts";
import { troubleOf } from "./trouble.ts";

export type SesCheckOptions = Readonly<{
  sesv2: SESv2Client;
  clock: AwsClock;
  /** Milliseconds. Default 5000. */
  deadlineMs?: number;
}>;

export type SesAccount = Readonly<{
  /** In the sandbox SES sends only to verified recipients. */
  sandbox: boolean;
  sendingEnabled: boolean;
  /** `HEALTHY`, `PROBATION` or `SHUTDOWN`. */
  enforcement: string;
  /** Mails in 24 hours; -1: no limit. */
  dailyQuota: number;
  sentToday: number;
  /** Recipients per second. */
  maxRate: number;
}>;

export type SesIdentity =
  | { readonly kind: "missing" }
  | {
      readonly kind: "present";
      readonly verified: boolean;
      /** Status of DKIM signing: `SUCCESS` if SES signs. */
      readonly dkim: string;
      /** Whether SES sends bounces by mail. Otherwise no bounce is rewritten. */
      readonly bouncesByMail: boolean;
      /** Status of a custom MAIL FROM domain; `null` if there is none. */
      readonly mailFrom: string | null;
      /** The configuration set of mail that names none, as ours does; `null` if there is none. */
      readonly configurationSet: string | null;
    };

export function describeSesAccount(options: SesCheckOptions): Promise<SesAccount> {
  return check(options, "describeAccount", async (signal) => {
    const answer = await options.sesv2.send(new GetAccountCommand({}), { abortSignal: signal });
    const { Max24HourSend = 0, MaxSendRate = 0, SentLast24Hours = 0 } = answer.SendQuota ?? {};
    return {
      sandbox: answer.ProductionAccessEnabled !== true,
      sendingEnabled: answer.SendingEnabled === true,
      enforcement: answer.EnforcementStatus ?? "unknown",
      dailyQuota: Max24HourSend,
      sentToday: SentLast24Hours,
      maxRate: MaxSendRate,
    };
  });
}

/** Describes the identity of a domain or an address, in the region of the client. */
export function describeSesIdentity(name: string, options: SesCheckOptions): Promise<SesIdentity> {
  return check(options, "describeIdentity", async (signal) => {
    try {
      const answer = await options.sesv2.send(new GetEmailIdentityCommand({ EmailIdentity: name }), { abortSignal: signal });
      return {
        kind: "present",
        verified: answer.VerifiedForSendingStatus === true,
        dkim: answer.DkimAttributes?.Status ?? "NOT_STARTED",
        bouncesByMail: answer.FeedbackForwardingStatus === true,
        mailFrom: answer.MailFromAttributes?.MailFromDomainStatus ?? null,
        configurationSet: answer.ConfigurationSetName ?? null,
      };
    } catch (error) {
      if (troubleOf(error).kind === "not-found") return { kind: "missing" };
      throw error;
    }
  });
}

/** A configuration set of SES. */
export type ConfigurationSet =
  | { readonly kind: "missing" }
  | {
      readonly kind: "present";
      readonly sendingEnabled: boolean;
      /** Enabled event destinations that want opens or clicks: SES then changes links and adds a picture. */
      readonly tracking: readonly string[];
    };

/** Describes a configuration set. SES API v2 Reference, "EventDestination". */
export function describeConfigurationSet(name: string, options: SesCheckOptions): Promise<ConfigurationSet> {
  return check(options, "describeConfigurationSet", async (abortSignal) => {
    const set = { ConfigurationSetName: name };
    try {
      const { SendingOptions } = await options.sesv2.send(new GetConfigurationSetCommand(set), { abortSignal });
      const { EventDestinations = [] } = await options.sesv2.send(new GetConfigurationSetEventDestinationsCommand(set), { abortSignal });
      const tracking = EventDestinations.filter(
        ({ Enabled, MatchingEventTypes = [] }) => Enabled && MatchingEventTypes.some((type) => type === "OPEN" || type === "CLICK"),
      );
      return {
        kind: "present",
        sendingEnabled: SendingOptions?.SendingEnabled !== false,
        tracking: tracking.map(({ Name = "" }) => Name),
      };
    } catch (error) {
      if (troubleOf(error).kind === "not-found") return { kind: "missing" };
      throw error;
    }
  });
}

function check<T>({ deadlineMs = 5000, clock }: SesCheckOptions, operation: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return call({ port: "Ses", operation, deadlineMs, clock }, run);
}
