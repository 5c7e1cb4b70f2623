/**
 * The first decision: from the facts of one mail, what shall be done for each recipient, and why something is not done.
 *
 * @module
 */

export { defaultPolicy, type Facts, type Policy, type ReplyMemory } from "./facts.ts";
export { plan } from "./plan.ts";
export { parseRecipients, type Recipient, type RefuseReason, refuseSourceRoutes, servedAddresses } from "./recipient.ts";
export { resolveTarget } from "./route.ts";
export { finalsOfPlan } from "./shared-effect.ts";
export {
  type BounceOutcome,
  type Course,
  type Deliver,
  type DiscardReason,
  describeCourse,
  type Effect,
  type EffectKey,
  type Forward,
  type FoundRow,
  keyOf,
  type ParsedEffectKey,
  type Plan,
  parseEffectKey,
  ruleKeyOf,
  withCanonicalKeys,
  type Reply,
  type ReplyLimits,
  type Route,
  type Serve,
  type Warning,
  type When,
  type Withheld,
  type WithheldReason,
} from "./types.ts";
export {
  type Delayed,
  type DelayReason,
  delayed,
  type FailReason,
  type Final,
  isFinal,
  type Scope,
  type SkipReason,
  type Verdict,
} from "./verdict.ts";
