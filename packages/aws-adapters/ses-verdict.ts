// SES verdict: turns the result of one send into a verdict. `failed` is only SES's definite refusal of this mail. A sender
// that is not verified, a paused account or a missing permission is a configuration error of ours and delays the mail.
// If SES may have accepted the mail, the verdict is in doubt, so that no auto-reply is sent twice.
// SES Developer Guide, "Amazon SES email sending errors", "API Error Codes Returned by Amazon SES"; RFC 3463; RFC 1047.

import { type Delayed, delayed, type Verdict } from "@sesame/core";
import type { Trouble } from "./trouble.ts";

/** The result of one request to SES. `certain`: SES did certainly not accept the mail. */
export type SendResult =
  | { readonly kind: "sent"; readonly sesId: string }
  | { readonly kind: "trouble"; readonly trouble: Trouble; readonly certain: boolean };

/** Largest mails of the two APIs, in octets (SES Developer Guide, "Service quotas in Amazon SES"). */
export const largestMail: Readonly<{ v1: number; v2: number }> = { v1: 10 * 1024 * 1024, v2: 40 * 1024 * 1024 };

export function verdictOf(result: SendResult): Verdict {
  if (result.kind === "sent") return { action: "relayed", detail: result.sesId };
  const { trouble, certain } = result;
  const { kind, text } = trouble;
  switch (kind) {
    case "mail-refused":
      return { action: "failed", status: "5.6.0", reason: "send-refused", scope: "recipient", detail: text };
    case "mail-too-large":
      return { action: "failed", status: "5.3.4", reason: "too-big", scope: "recipient", detail: text };
    case "throttled":
    case "quota-used-up":
      return delayed("throttled", "mail", text, { status: "4.4.5" });
    case "unverified":
    case "sending-off":
    case "denied":
    case "expired-credentials":
    case "no-credentials":
    case "misconfigured":
    case "clock-skew":
    case "not-found":
    case "refused":
      return delayed("refused-us", "mail", text, { status: "4.7.0" });
    case "unavailable":
      return certain ? delayed("try-later", "mail", text, { status: "4.3.2" }) : inDoubt("try-later", text);
    case "unreachable":
    case "untrusted":
      return certain ? delayed("unreachable", "mail", text, { status: "4.4.1" }) : inDoubt("in-doubt", text);
    case "deadline":
    case "garbled":
    case "damaged":
    case "conflict":
    case "receipt-lost":
    case "archived":
    case "metadata-too-large":
    case "unknown":
      return certain ? delayed("port-error", "mail", text, { status: "4.3.0" }) : inDoubt("in-doubt", text);
    default:
      return kind satisfies never;
  }
}

function inDoubt(reason: "in-doubt" | "try-later", text: string): Verdict {
  return delayed(reason, "mail", `${text}; the mail may be sent more than once`, { status: "4.4.2", possibleDuplicate: true });
}

/** The verdict of a mail that is larger than SES's quota. */
export function tooBig(size: number): Verdict {
  const detail = `the mail has ${size} octets and SES accepts ${largestMail.v2}`;
  return { action: "failed", status: "5.3.4", reason: "too-big", scope: "mail", detail };
}

/** The verdict of a recipient with an address that is not ASCII: SES accepts 7-bit addresses only (SES API Reference, "SendRawEmail"). */
export function addressUnsupported(address: string): Verdict {
  const detail = `SES accepts only ASCII addresses, not ${JSON.stringify(address)}`;
  return { action: "failed", status: "5.6.7", reason: "address-unsupported", scope: "recipient", detail };
}

/** SES refuses the null reverse-path and one that is not ASCII. Another reverse-path would send bounces to the wrong address. */
export function reversePathUnsupported(path: string | null): Verdict {
  const detail = `SES accepts no mail from ${path === null ? "the null reverse-path" : JSON.stringify(path)}`;
  return delayed("refused-us", "mail", detail, { status: "4.1.7" });
}

/** The verdict if the content could not be read from its store. SES was not called. */
export function contentUnreadable(detail: string): Verdict {
  return delayed("port-error", "mail", detail, { status: "4.3.0" });
}

/** The verdict if the worker stops. SES was not called. */
export function stopped(): Delayed {
  return delayed("stopped", "mail", "not begun", { status: "4.3.2" });
}

/** The verdict if the wait for the sending rate is too long. The mail waits in the queue; SES was not called. */
export function rateWaitTooLong(): Delayed {
  return delayed("throttled", "mail", "too many mails wait for the SES sending rate", { status: "4.4.5" });
}
