// Receipt check of `sesame check`: whether a receipt rule stores the mail of a domain where the worker may open it, in a form that it can
// read, and announces it. It judges what was found and asks nothing.

import type { ReceiptRule, ReceiptRules } from "@sesame/aws-adapters/check";
import type { Domain } from "@sesame/core";
import { type Finding, failure, fine, warning } from "./finding.ts";

/** Where rules of a domain store mail, and the topics that announce it. */
export type Receipt = Readonly<{
  findings: readonly Finding[];
  /** ARNs. */
  topics: readonly string[];
  stores: readonly Readonly<{ bucket: string; prefix: string; role: string | null }>[];
  /** Names of the rules that store or announce. */
  rules: readonly string[];
}>;

/** `mayOpen`: whether MAIL_OBJECTS allows a bucket and a key for this domain. */
export function judgeReceipt(domain: Domain, found: ReceiptRules, mayOpen: (bucket: string, key: string) => boolean): Receipt {
  const subject = `receipt rule of ${domain}`;
  const nothing = (finding: Finding): Receipt => ({ findings: [finding], topics: [], stores: [], rules: [] });
  if (found.name === null) {
    const fix = "aws ses set-active-receipt-rule-set --rule-set-name NAME; see docs/aws.md, The receipt rule";
    return nothing(failure(subject, "no receipt rule set is active in this region, so SES receives no mail", fix));
  }
  const rules = found.rules.filter(({ recipients }) => recipients.length === 0 || recipients.some((each) => concerns(each, domain)));
  const enabled = rules.filter(({ isEnabled }) => isEnabled);
  if (enabled.length === 0) {
    const off = rules.map(({ name }) => name).join(", ");
    const text =
      off === "" ? `no rule of the active set ${found.name} names this domain` : `all rules for this domain are disabled: ${off}`;
    return nothing(failure(subject, `${text}, so SES receives no mail for it`, "see docs/aws.md, The receipt rule"));
  }
  const whole = enabled.filter(({ recipients }) => recipients.length === 0 || recipients.some((each) => each.toLowerCase() === domain));
  const findings: Finding[] = [];
  if (whole.length === 0) {
    const only = enabled.flatMap(({ recipients }) => recipients.filter((each) => concerns(each, domain)));
    findings.push(
      warning(subject, `mail is received for these addresses only: ${only.join(", ")}`, `put ${domain} into the recipients of a rule`),
    );
  }
  return followRules(whole.length > 0 ? whole : enabled, { subject, findings, set: found.name, mayOpen });
}

/** Whether a recipient of a rule is the domain or an address in it. `.example.com` stands for the subdomains only. */
function concerns(recipient: string, domain: Domain): boolean {
  const text = recipient.toLowerCase();
  return text === domain || text.endsWith(`@${domain}`);
}

type Follow = Readonly<{ subject: string; findings: Finding[]; set: string; mayOpen: (bucket: string, key: string) => boolean }>;

/** Follows the actions as SES does: in the order of rules and actions, up to a stop. */
function followRules(rules: readonly ReceiptRule[], { subject, findings, set, mayOpen }: Follow): Receipt {
  const [stores, topics, used] = [[] as Receipt["stores"][number][], new Set<string>(), new Set<string>()];
  const announced: string[] = [];
  let stopped: string | null = null;
  for (const { name, actions, isScanned } of rules) {
    if (stopped !== null) break;
    for (const action of actions) {
      if (action.kind === "stop" || action.kind === "bounce") {
        stopped = name;
        break;
      }
      if (action.kind === "announce") announced.push(action.topic);
      if (action.kind !== "store") continue;
      const { bucket, prefix, topic, kmsKey, role } = action;
      used.add(name);
      stores.push({ bucket, prefix, role });
      if (topic !== null) topics.add(topic);
      const place = `${bucket}/${prefix}`;
      if (!mayOpen(bucket, `${prefix}sesame-check`))
        findings.push(
          failure(
            subject,
            `the rule ${name} stores mail in ${place}, which MAIL_OBJECTS does not allow`,
            "correct MAIL_OBJECTS, or the rule",
          ),
        );
      if (kmsKey !== null)
        findings.push(
          failure(
            subject,
            `the rule ${name} encrypts the mail before it stores it, so Sesame cannot read it`,
            "turn off message encryption in the S3 action; use the default encryption of the bucket",
          ),
        );
      if (topic === null)
        findings.push(
          failure(
            subject,
            `the rule ${name} announces the stored mail to no topic, so no notice arrives`,
            "set the SNS topic of its S3 action",
          ),
        );
      if (!isScanned)
        findings.push(
          warning(
            subject,
            `the rule ${name} does not scan for spam and viruses, so SES gives no verdicts, and replies and forwards go out for spam too`,
            "turn on scanning (ScanEnabled)",
          ),
        );
    }
  }
  if (stores.length === 0) findings.push(notStored(subject, announced, stopped));
  for (const topic of stores.length === 0 ? announced : []) topics.add(topic);
  if (findings.length === 0)
    findings.push(
      fine(subject, `${[...used].join(", ")} of the set ${set} stores mail in ${stores.map(({ bucket }) => bucket).join(", ")}`),
    );
  return { findings, topics: [...topics], stores, rules: stores.length > 0 ? [...used] : rules.map(({ name }) => name) };
}

function notStored(subject: string, announced: readonly string[], stopped: string | null): Finding {
  // SES Developer Guide, "Publish to Amazon SNS topic action": larger mail bounces.
  if (announced.length > 0)
    return warning(
      subject,
      "the mail is not stored in S3 but comes within its notice: SES refuses mail of more than 150 KB",
      "use an S3 action with a topic in place of the SNS action",
    );
  const why = stopped === null ? "no rule has an S3 action" : `the rule ${stopped} ends before an S3 action`;
  return failure(subject, `${why}, so the mail is lost to Sesame`, "add an S3 action with the bucket and the topic");
}
