// SES verdicts: the results of the checks that Amazon SES makes on received mail (SES Developer Guide, "Contents of notifications
// for Amazon SES email receiving"). SES takes no action on them. plan/plan.ts and plan/findings.ts decide what they change.

/** The result of one check. An unknown or absent result is "none". */
export type VerdictStatus = "PASS" | "FAIL" | "GRAY" | "PROCESSING_FAILED" | "DISABLED" | "none";
/** The results of all checks. */
export type SesVerdicts = Readonly<{
  spam: VerdictStatus;
  virus: VerdictStatus;
  spf: VerdictStatus;
  dkim: VerdictStatus;
  dmarc: VerdictStatus;
  /** The policy that the domain of the sender publishes (RFC 7489 §6.3). SES gives it only if DMARC failed. */
  dmarcPolicy: "none" | "quarantine" | "reject" | null;
}>;

/** The value for a mail that SES did not check. */
export const noVerdicts: SesVerdicts = { spam: "none", virus: "none", spf: "none", dkim: "none", dmarc: "none", dmarcPolicy: null };

/** The value for a mail that passed all checks. */
export const allPassed: SesVerdicts = { spam: "PASS", virus: "PASS", spf: "PASS", dkim: "PASS", dmarc: "PASS", dmarcPolicy: null };

const known: readonly string[] = ["PASS", "FAIL", "GRAY", "PROCESSING_FAILED", "DISABLED"];

/** Reads a status in any case, with its words joined by `_`, `-` or a space. Returns "none" for anything else. */
export function parseVerdictStatus(status: string | undefined): VerdictStatus {
  const word =
    status
      ?.trim()
      .toUpperCase()
      .replace(/[\s-]+/g, "_") ?? "";
  return known.includes(word) ? (word as VerdictStatus) : "none";
}

/** Reads a DMARC policy; `null` if it is unknown or absent (RFC 7489 §6.3). */
export function parseDmarcPolicy(text: string | undefined): SesVerdicts["dmarcPolicy"] {
  const policy = text?.trim().toLowerCase();
  return policy === "none" || policy === "quarantine" || policy === "reject" ? policy : null;
}
