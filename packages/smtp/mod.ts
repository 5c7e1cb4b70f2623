// @sesame/smtp: a pool of SMTP and LMTP sessions that returns a verdict for each recipient.

export { SmtpCourier, type Reachability, type SmtpTargets } from "./courier.ts";
export {
  defaultEhloName,
  isEhloName,
  isLoopback,
  type SessionPhase,
  smtpDefaults,
  type SmtpCredentials,
  type SmtpOptions,
  type SmtpTarget,
  type TlsMode,
} from "./options.ts";
export type { PoolGauge } from "./pool.ts";
export type { Capabilities } from "./session.ts";
export { type Timers, wallTimers } from "./timers.ts";
export { acceptedRecipients, askRelay, type RelayCheckResult, type RelayCheck } from "./relay-check.ts";
