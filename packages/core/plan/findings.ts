// Findings: what is the same for all recipients of a mail, worked out once: which blocklist rows match its sender, the header
// edits of a delivery, why no rule runs. Part of plan.ts; no I/O, no clock.

import { type ForwardFields, readForwardFields } from "../compose/forward.ts";
import { type Quotation, quotationOf } from "../compose/quotation.ts";
import { asciiAddress, type ReversePath } from "../mail/address.ts";
import { type Dsn, noDsn, readDsn } from "../mail/dsn.ts";
import type { HeaderEdit } from "../mail/header-edit.ts";
import { type LoopMark, readLoopMark } from "../mail/loop-mark.ts";
import { isEditable, isReadable, type Mail } from "../mail/mail.ts";
import type { SenderMatches } from "../rules/blocklist.ts";
import { bounceEdits, isFromSesComplaints, isFromSesDaemon } from "../ses/bounce.ts";
import { sesRefusesFileName } from "../ses/ses-limits.ts";
import type { Facts } from "./facts.ts";
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
  /** The reason why no rule of any recipient runs; `null` where rules run. */
  noRules: WithheldReason | null;
  warnings: readonly Warning[];
  /** What a forward takes from the original. Read at the first call. */
  forwardFields(): ForwardFields;
  /** The names of attachments that SES refuses, checked once for all targets. */
  refusedNames(): readonly string[];
  /** What an auto-reply quotes. Read at the first call. */
  quotation(): Promise<Quotation | null>;
}>;

/** Works out the findings of a mail. `blocks`: which rows of the blocklist match its sender. */
export function findingsOf(facts: Facts, blocks: SenderMatches): Findings {
  const { mail, bounce } = facts;
  const reversePath = facts.envelope.reversePath ?? null;
  const loopMark = readLoopMark(facts.loopKey, mail.block);
  const dsn: Dsn = bounce === "not-a-bounce" ? noDsn : readDsn(mail);
  const warnings: Warning[] = mail.defects.map((defect) => ({ kind: "mail-defect", defect }));
  if (loopMark === "forged") warnings.push({ kind: "loop-mark-forged" });
  if (facts.envelope.reversePath === undefined) warnings.push({ kind: "reverse-path-unreadable" });
  const shown = bounceEdits(mail, bounce, dsn);
  return {
    reversePath,
    blocks,
    fromSes: isFromSesDaemon(mail) ? "ses-bounce" : isFromSesComplaints(mail) ? "report" : null,
    dsn,
    edits: [...deliveryEdits(mail), ...shown],
    bounce: bounce === "not-a-bounce" ? bounce : shown.length > 0 ? "rewritten" : "unknown",
    noRules: whyNoRules(facts, loopMark),
    warnings,
    refusedNames: once(() => facts.attachments.filter(sesRefusesFileName)),
    forwardFields: once(() => readForwardFields(mail)),
    quotation: once(async () => (reversePath === null ? null : quotationOf(mail, asciiAddress(reversePath) ?? reversePath))),
  };
}

function once<T>(read: () => T): () => T {
  let known: { readonly value: T } | null = null;
  return () => {
    known ??= { value: read() };
    return known.value;
  };
}

function whyNoRules({ mail, sesVerdicts }: Facts, loopMark: LoopMark): WithheldReason | null {
  if (!isReadable(mail)) return "header-unreadable";
  if (loopMark === "ours") return "own-mark";
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
