// Plan: the first decision. It takes the facts of one mail and says what shall be done for each recipient, and why something
// is not done. Data in, data out: no I/O, no clock, no random numbers. Equal facts give equal plans. It is asynchronous because
// the parser of readable text is, and to give way to other work between recipients.

import { type Address, addressKey, tableKeys } from "../mail/address.ts";
import { noPause, type Pause } from "../pause.ts";
import { blocklistWarnings, nearestBlock } from "../rules/blocklist.ts";
import type { BlocklistWarning } from "../rules/blocklist-row.ts";
import { ruleRowFor } from "../rules/rule-row.ts";
import { defaultPolicy, type Facts, type Policy } from "./facts.ts";
import { type Findings, findingsOf, readAhead } from "./findings.ts";
import { planForward } from "./plan-forward.ts";
import { planReply } from "./plan-reply.ts";
import { refuseSourceRoutes } from "./recipient.ts";
import { type Course, type Deliver, type Forward, keyOf, type Plan, type Reply, type Warning, type Withheld } from "./types.ts";

/**
 * Decides. Recipients keep the order of the envelope, and each mailbox has one course. It gives a plan for any facts: if it
 * rejects, that is a bug here. `pause` is called between recipients, and between readings of what may be long; it changes nothing in
 * the plan.
 */
export async function plan(facts: Facts, policy: Policy = defaultPolicy, pause: Pause = noPause): Promise<Plan> {
  const { spam, virus } = facts.sesVerdicts;
  const findings = await findingsOf(facts, pause);
  const { bounce } = findings;
  if (virus === "FAIL" && policy.virusVerdict === "drop") return { kind: "discard", reason: "virus-verdict", bounce };
  if (spam === "FAIL" && policy.spamVerdict === "drop") return { kind: "discard", reason: "spam-verdict", bounce };
  await readAhead(facts, findings, pause);
  const courses: Course[] = [];
  const seen = new Set<string>();
  for (const recipient of refuseSourceRoutes(facts.envelope.recipients, facts.rules)) {
    await pause();
    const key = recipient.kind === "served" ? addressKey(recipient.address) : recipient.text;
    if (seen.has(key)) continue; // one course for each mailbox, however often it is named (RFC 2033 §4.2)
    seen.add(key);
    if (recipient.kind === "refused") courses.push({ kind: "refuse", recipient: recipient.text, reason: recipient.reason });
    else courses.push(await courseOf(recipient.address, facts, policy, findings, pause));
  }
  return { kind: "carry", mailId: facts.mailId, bounce, courses };
}

async function courseOf(recipient: Address, facts: Facts, policy: Policy, findings: Findings, pause: Pause): Promise<Course> {
  const keys = tableKeys(recipient);
  const blockWarnings = blocklistWarnings(facts.blocklist, keys).map(warningOf);
  const block = nearestBlock(findings.blocks, keys);
  if (block !== null) return { kind: "block", recipient, ...block, warnings: blockWarnings };
  const { key, row } = ruleRowFor(recipient, facts.rules);
  const ruleWarnings = row.errors.map((text): Warning => ({ kind: "rule-invalid", table: "rules", key: key ?? "", text }));
  const deliver: Deliver = { kind: "deliver", key: keyOf("deliver", recipient), from: findings.reversePath, edits: findings.edits };
  const found = key === null ? null : { key, row };
  const reply = found && (await planReply(recipient, found, facts, policy, findings));
  await pause();
  const forwards = found ? row.forwards.map((target) => planForward(recipient, target, found, facts, findings)) : [];
  const all = [...(reply ? [reply] : []), ...forwards];
  const shortened = forwards.some((item) => "key" in item) ? forwardWarnings(findings) : [];
  return {
    kind: "serve",
    recipient,
    row: key,
    effects: [deliver, ...all.filter((item): item is Reply | Forward => "key" in item)],
    withheld: all.filter((item): item is Withheld => !("key" in item)),
    warnings: [...findings.warnings, ...shortened, ...blockWarnings, ...ruleWarnings],
  };
}

function forwardWarnings(findings: Findings): readonly Warning[] {
  const { leftOut } = findings.forwardFields();
  return leftOut.length > 0 ? [{ kind: "forward-header-shortened", leftOut }] : [];
}

function warningOf({ kind, key, text }: BlocklistWarning): Warning {
  return kind === "broad" ? { kind: "blocks-everybody", key, text } : { kind: "rule-invalid", table: "blocked", key, text };
}
