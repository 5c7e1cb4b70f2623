/**
 * What Amazon SES says and wants: notices of received mail in a queue entry, Bounce and Complaint events, verdicts, the
 * outbound row and the rewriting of SES bounces, limits of what SES sends.
 *
 * @module
 */

export {
  type Bounce,
  bounceEdits,
  failedAddress,
  isFromSesComplaints,
  isFromSesDaemon,
  isOfOurOwn,
  isSesBounce,
  originalIds,
} from "./bounce.ts";
export { type InlineLocation, type MailId, mailId, type Notice, type ObjectLocation } from "./notice.ts";
export { type BounceRecord, decodeOutbound, type OutboundRow } from "./outbound-row.ts";
export { decodeEntry, type IgnoreReason, type NoticeItem } from "./queue-entry.ts";
export { decodeSendingEvent, type SendingEvent } from "./sending-event.ts";
export { sesMaxOctets, sesRefusesName } from "./ses-limits.ts";
export { dmarcPolicyOf, noVerdicts, type SesVerdicts, statusOf, type VerdictStatus } from "./ses-verdicts.ts";
