// Findings: what is the same for all recipients of a mail, worked out once: which blocklist rows match its sender, the header
// edits of a delivery, why no rule runs. Part of plan.ts; no I/O, no clock.

import { type ForwardFields, readForwardFields } from "../compose/forward.ts";
import { forwardedAddressFields, writableMailboxesOf } from "../compose/original-fields.ts";
import { type Quotation, quotationOf } from "../compose/quotation.ts";
import { type Address, type AddressKey, asciiAddress, type ReversePath } from "../mail/address.ts";
import { type Dsn, noDsn, readDsn } from "../mail/dsn.ts";
import type { HeaderEdit } from "../mail/header-edit.ts";
import { hasMarkOf, isExpired, type LoopMarks, readLoopMarks } from "../mail/loop-mark.ts";
import { isEditable, isReadable, type Mail, mailboxesOf } from "../mail/mail.ts";
import type { Pause } from "../pause.ts";
import { type AutomaticSigns, addressFields, automaticSignsOf } from "../rules/automatic.ts";
import { matchSenderWithPauses, type SenderMatches } from "../rules/blocklist.ts";
import { ruleRowFor } from "../rules/rule-row.ts";
import { sendersOf } from "../rules/sender.ts";
import { bounceEdits, isFromSesComplaints, isFromSesDaemon } from "../ses/bounce.ts";
import { sesRefusesFileName } from "../ses/ses-limits.ts";
import { isPathAuthentic } from "./authentic.ts";
import type { Facts } from "./facts.ts";
import { memoryKeys, servedAddresses } from "./recipient.ts";
import { SharedEffects } from "./shared-effect.ts";
import type { BounceOutcome, Warning, WithheldReason } from "./types.ts";

/** What is the same for all recipients. */
export type Findings = Readonly<{
  reversePath: ReversePath;
  /** Which rows of the blocklist match the sender. */
  blocks: SenderMatches;
  /** The reason why nobody replies to a mail that SES itself wrote; `null` for other mail. */
  fromSes: WithheldReason | null;
  dsn: Dsn;
  edits: readonly HeaderEdit[];
  bounce: BounceOutcome;
  /** The reason why no rule of any recipient runs; `null` where rules may run. */
  noRules: WithheldReason | null;
  /** The reason why no rule of this recipient runs; `null` where rules run. */
  whyNoRules(recipient: Address): WithheldReason | null;
  warnings: readonly Warning[];
  /** What tells that a machine sent it. Read at the first call. */
  automatic(): AutomaticSigns;
  /** What a forward takes from the original. Read at the first call. */
  forwardFields(): ForwardFields;
  /** The names of attachments that SES refuses, checked once for all targets. */
  refusedNames(): readonly string[];
  /** Whether an auto-reply may repeat the subject and the text of the mail. */
  repeatsOriginal: boolean;
  /** What an auto-reply quotes. Read at the first call. */
  quotation(): Promise<Quotation | null>;
  /** Effects that several recipients share. It grows while they are planned. */
  shared: SharedEffects;
  /** Auto-replies to this very mail that an earlier attempt claimed: keys of the reply memory by the table key of the rule row. */
  claims(): ReadonlyMap<string, ReadonlySet<AddressKey>>;
}>;

/** Works out the findings of a mail. `pause`: between readings of a header that may be long. */
export async function findingsOf(facts: Facts, pause: Pause): Promise<Findings> {
  const { mail, bounce } = facts;
  const reversePath = facts.envelope.reversePath ?? null;
  for (const name of ["From", "Sender"]) {
    mailboxesOf(mail, name);
    await pause();
  }
  const senders = sendersOf(reversePath, mail);
  await pause();
  const blocks = await matchSenderWithPauses(facts.blocklist, senders, pause);
  const loopMarks = readLoopMarks(facts.loopKey, mail.block);
  await pause();
  const noRules = whyNobody(facts);
  const repeatsOriginal = isPathAuthentic(facts);
  const dsn: Dsn = bounce === "not-a-bounce" ? noDsn : readDsn(mail);
  await pause();
  const warnings: Warning[] = mail.defects.map((defect) => ({ kind: "mail-defect", defect }));
  if (loopMarks.forged && loopMarks.valid.length === 0) warnings.push({ kind: "loop-mark-forged" });
  if (loopMarks.valid.some((mark) => isExpired(mark, facts.receivedAt))) warnings.push({ kind: "loop-mark-expired" });
  if (facts.envelope.reversePath === undefined) warnings.push({ kind: "reverse-path-unreadable" });
  const shown = bounceEdits(mail, bounce, dsn);
  return {
    reversePath,
    blocks,
    fromSes: isFromSesDaemon(mail) ? "ses-bounce" : isFromSesComplaints(mail) ? "report" : null,
    dsn,
    edits: [...deliveryEdits(mail), ...shown],
    bounce: bounce === "not-a-bounce" ? bounce : shown.length > 0 ? "rewritten" : "unknown",
    noRules,
    whyNoRules: (recipient) => (isReadable(mail) ? whyOwn(recipient, loopMarks, facts) : null) ?? noRules,
    warnings,
    refusedNames: once(() => facts.attachments.filter(sesRefusesFileName)),
    automatic: once(() => automaticSignsOf(mail, reversePath)),
    forwardFields: once(() => readForwardFields(mail)),
    shared: new SharedEffects(),
    claims: once(() => claimsOf(facts)),
    repeatsOriginal,
    quotation: once(async () =>
      reversePath === null || !repeatsOriginal ? null : quotationOf(mail, asciiAddress(reversePath) ?? reversePath),
    ),
  };
}

/**
 * Reads what the rules will ask of a header that may be long: one list of addresses, then a pause. What was read is kept, in the
 * mail and in the findings.
 */
export async function readAhead({ mail, rules }: Facts, findings: Findings, pause: Pause): Promise<void> {
  if (findings.noRules !== null) return;
  const rows = [...rules.values()];
  if (rows.some(({ reply }) => reply !== null)) {
    for (const name of addressFields) {
      mailboxesOf(mail, name);
      await pause();
    }
    findings.automatic();
    await pause();
  }
  if (rows.every(({ forwards }) => forwards.length === 0)) return;
  for (const name of forwardedAddressFields) {
    writableMailboxesOf(mail, name);
    await pause();
  }
  findings.forwardFields();
  await pause();
}

function claimsOf({ envelope, rules, answered, mailId }: Facts): ReadonlyMap<string, ReadonlySet<AddressKey>> {
  const found = new Map<string, Set<AddressKey>>();
  for (const recipient of servedAddresses(envelope.recipients)) {
    const claimed = memoryKeys(recipient).filter((key) => answered.get(key)?.mailId === mailId);
    const row = claimed.length > 0 ? ruleRowFor(recipient, rules).key : null;
    if (row !== null) found.set(row, new Set([...(found.get(row) ?? []), ...claimed]));
  }
  return found;
}

function once<T>(read: () => T): () => T {
  let known: { readonly value: T } | null = null;
  return () => {
    known ??= { value: read() };
    return known.value;
  };
}

/** A mark stops the rules of the address that it names, and of nobody else: anybody may have put it on this mail. */
function whyOwn(recipient: Address, marks: LoopMarks, { receivedAt }: Facts): WithheldReason | null {
  return hasMarkOf(recipient, marks, receivedAt) ? "own-mark" : null;
}

/** The reason why no rule of any recipient runs. */
function whyNobody({ mail, sesVerdicts }: Facts): WithheldReason | null {
  if (!isReadable(mail)) return "header-unreadable";
  if (sesVerdicts.virus === "FAIL") return "virus-verdict";
  if (sesVerdicts.spam === "FAIL") return "spam-verdict";
  const { dmarc, dmarcPolicy } = sesVerdicts;
  return dmarc === "FAIL" && (dmarcPolicy === "reject" || dmarcPolicy === "quarantine") ? "dmarc-verdict" : null;
}

/** The stored Return-Path is removed, since the last host writes its own (RFC 5321 §4.4). */
function deliveryEdits(mail: Mail): readonly HeaderEdit[] {
  if (!isEditable(mail) || mail.block.fields[0]?.key !== "return-path") return [];
  return [{ kind: "remove", name: "Return-Path", which: "topmost" }];
}
