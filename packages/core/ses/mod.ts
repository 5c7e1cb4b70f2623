/**
 * What Amazon SES sends and accepts: notices of received mail, Bounce and Complaint events, verdicts, rows of the outbound table,
 * bounce mails, and the limits of outgoing mail. No function calls AWS.
 *
 * @module
 */

// Received mail: from the body of a queue entry to notices.
export { decodeEntry, type IgnoreReason, type NoticeItem } from "./queue-entry.ts";
export { type InlineLocation, type MailId, mailId, type Notice, type ObjectLocation } from "./notice.ts";
export { type SesStamp, sesStamp } from "./ses-stamp.ts";
export { allPassed, noVerdicts, parseDmarcPolicy, parseVerdictStatus, type SesVerdicts, type VerdictStatus } from "./ses-verdicts.ts";

// Sent mail: events, the outbound table, and the bounce mails of SES.
export type { SendingEvent } from "./sending-event.ts";
export { type BounceRecord, decodeOutboundRow, type OutboundRow } from "./outbound-row.ts";
export {
  type Bounce,
  bounceEdits,
  isBounceOfOwnMail,
  isFromSesComplaints,
  isFromSesDaemon,
  isSesBounce,
  originalIds,
} from "./bounce.ts";

// What SES refuses to send.
export { sesMaxOctets, sesRefusesFileName } from "./ses-limits.ts";
