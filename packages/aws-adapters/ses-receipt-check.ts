// SES receipt check: describes the active receipt rules for `sesame check`. It does not judge what it finds.
// SES API Reference, "DescribeActiveReceiptRuleSet".

import { DescribeActiveReceiptRuleSetCommand, type ReceiptAction, type SESClient } from "@aws-sdk/client-ses";
import type { AwsClock } from "./aws-clock.ts";
import { call } from "./call.ts";

/** The active set; `name` is `null` if no set is active. */
export type ReceiptRules = Readonly<{ name: string | null; rules: readonly ReceiptRule[] }>;

/** A rule, in the order in which SES applies them. */
export type ReceiptRule = Readonly<{
  name: string;
  isEnabled: boolean;
  /** Addresses, `example.com`, or `.example.com` for its subdomains. Empty: all verified domains. */
  recipients: readonly string[];
  /** Whether SES looks for spam and viruses. */
  isScanned: boolean;
  actions: readonly ReceiptStep[];
}>;

/** One action of a rule. `topic`: the ARN of the SNS topic that it announces to. */
export type ReceiptStep =
  | {
      readonly kind: "store";
      readonly bucket: string;
      readonly prefix: string;
      readonly topic: string | null;
      /** The key with which SES encrypts the mail before it stores it. */
      readonly kmsKey: string | null;
      /** The role that SES writes with, instead of the permission of the bucket. */
      readonly role: string | null;
    }
  | { readonly kind: "announce"; readonly topic: string }
  | { readonly kind: "stop" | "bounce" | "other" };

export function describeReceiptRules({
  ses,
  clock,
  deadlineMs = 5000,
}: Readonly<{ ses: SESClient; clock: AwsClock; deadlineMs?: number }>): Promise<ReceiptRules> {
  return call({ port: "Ses", operation: "describeReceiptRules", deadlineMs, clock }, async (abortSignal) => {
    const { Metadata, Rules = [] } = await ses.send(new DescribeActiveReceiptRuleSetCommand({}), { abortSignal });
    const rules = Rules.map(({ Name = "", Enabled = false, Recipients = [], ScanEnabled = false, Actions = [] }) => ({
      name: Name,
      isEnabled: Enabled,
      recipients: Recipients,
      isScanned: ScanEnabled,
      actions: Actions.map(stepOf),
    }));
    return { name: Metadata?.Name ?? null, rules };
  });
}

function stepOf({ S3Action: store, SNSAction: announce, StopAction: stop, BounceAction: bounce }: ReceiptAction): ReceiptStep {
  if (store !== undefined)
    return {
      kind: "store",
      bucket: store.BucketName ?? "",
      prefix: store.ObjectKeyPrefix ?? "",
      topic: store.TopicArn ?? null,
      kmsKey: store.KmsKeyArn ?? null,
      role: store.IamRoleArn ?? null,
    };
  if (announce !== undefined) return { kind: "announce", topic: announce.TopicArn ?? "" };
  return { kind: stop !== undefined ? "stop" : bounce !== undefined ? "bounce" : "other" };
}
