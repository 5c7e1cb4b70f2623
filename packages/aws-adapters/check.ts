// @sesame/aws-adapters/check: what only `sesame check` asks. It is apart from mod.ts, so that the worker does not load it.

export { type BucketLifecycle, type BucketSettings, describeBucketSettings } from "./s3-settings-check.ts";
export { type Seen, see } from "./seen.ts";
export { type ConfigurationSet, describeConfigurationSet } from "./ses-check.ts";
export { describeReceiptRules, type ReceiptRule, type ReceiptRules } from "./ses-receipt-check.ts";
export { describeTopic, openTopics, type Subscription, type Topic, type Topics } from "./sns-check.ts";
