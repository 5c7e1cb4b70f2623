// @sesame/smtp: pooled SMTP and LMTP sessions that answer for each recipient.

export { SmtpCourier, type Reachability, type SmtpTargets } from "./courier.ts";
export {
  defaultEhloName,
  isEhloName,
  type SessionPhase,
  smtpDefaults,
  type SmtpCredentials,
  type SmtpOptions,
  type SmtpTarget,
  type TlsMode,
} from "./options.ts";
export type { PoolGauge } from "./pool.ts";
export type { Capabilities } from "./session.ts";
export { type Timers, wallTimers } from "./deadline.ts";
export { askRelay, type RelayAnswer, type RelayQuestion } from "./relay.ts";
