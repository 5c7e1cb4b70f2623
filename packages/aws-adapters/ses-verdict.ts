// SES verdict: what the end of one send means for its effect. Ours delays, theirs fails: `failed` is only SES's definite
// refusal of that one mail; an identity that is not verified, a paused account or a missing right is our configuration.
// Where it is not certain that SES did not take the mail, the verdict is in doubt, so that no reply is sent twice.
// SES Developer Guide, "Amazon SES email sending errors", "API Error Codes Returned by Amazon SES"; RFC 3463; RFC 1047.

import { delayed, type Verdict } from "@sesame/core";
import type { Trouble } from "./trouble.ts";

/** How one request to SES ended. `certain`: SES surely did not take the mail. */
export type SendEnd =
  | { readonly kind: "sent"; readonly sesId: string }
  | { readonly kind: "trouble"; readonly trouble: Trouble; readonly certain: boolean };

/** The largest mails that the two APIs take, in octets (SES Developer Guide, "Service quotas in Amazon SES"). */
export const largestMail: Readonly<{ v1: number; v2: number }> = { v1: 10 * 1024 * 1024, v2: 40 * 1024 * 1024 };

export function verdictOf(end: SendEnd): Verdict {
  if (end.kind === "sent") return { action: "relayed", detail: end.sesId };
  const { trouble, certain } = end;
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
  return delayed(reason, "mail", `${text}; may be sent more than once`, { status: "4.4.2", possibleDuplicate: true });
}

/** The mail is larger than SES takes, by its quota. */
export function tooBig(size: number): Verdict {
  const detail = `the mail has ${size} octets and SES takes ${largestMail.v2}`;
  return { action: "failed", status: "5.3.4", reason: "too-big", scope: "mail", detail };
}

/** A target that SES cannot name: it takes 7-bit addresses only (SES API Reference, "SendRawEmail"). */
export function addressUnsupported(address: string): Verdict {
  const detail = `SES takes ASCII addresses only: current value is ${JSON.stringify(address)}`;
  return { action: "failed", status: "5.6.7", reason: "address-unsupported", scope: "recipient", detail };
}

/** SES refuses the null reverse-path and cannot name an 8-bit one; to send another in its place would misdirect bounces. */
export function reversePathUnsupported(path: string | null): Verdict {
  const detail = `SES takes no mail from ${path === null ? "the null reverse-path" : JSON.stringify(path)}`;
  return delayed("refused-us", "mail", detail, { status: "4.1.7" });
}

/** The mail could not be read whole from where it is stored; SES was not asked. */
export function sourceBroke(detail: string): Verdict {
  return delayed("port-error", "mail", detail, { status: "4.3.0" });
}

/** The worker ends; SES was not asked. */
export function stopped(): Verdict {
  return delayed("stopped", "mail", "not begun", { status: "4.3.2" });
}

/** More mails wait than may leave in a while, so this one waits in the queue; SES was not asked. */
export function turnTooFar(): Verdict {
  return delayed("throttled", "mail", "more mails wait for SES than the account may send in a while", { status: "4.4.5" });
}
