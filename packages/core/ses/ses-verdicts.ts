// SES verdicts: what Amazon SES thinks of a received mail. It takes no action on them itself; plan.ts may.
// SES Developer Guide, "Contents of notifications for Amazon SES email receiving"; RFC 7489 §6.3 for the policy.

/** SES's opinions. An unknown or absent one is "none". */
export type VerdictStatus = "PASS" | "FAIL" | "GRAY" | "PROCESSING_FAILED" | "DISABLED" | "none";
/** What SES found, test by test. */
export type SesVerdicts = Readonly<{
  spam: VerdictStatus;
  virus: VerdictStatus;
  spf: VerdictStatus;
  dkim: VerdictStatus;
  dmarc: VerdictStatus;
  /** The sender's published wish; present only when DMARC failed. */
  dmarcPolicy: "none" | "quarantine" | "reject" | null;
}>;

/** All verdicts absent: SES has no opinion. */
export const noVerdicts: SesVerdicts = { spam: "none", virus: "none", spf: "none", dkim: "none", dmarc: "none", dmarcPolicy: null };

const known: readonly string[] = ["PASS", "FAIL", "GRAY", "PROCESSING_FAILED", "DISABLED"];

/** A known status, whatever its case and whether its words are joined by `_`, `-` or a space; anything else is no opinion. */
export function statusOf(status: string | undefined): VerdictStatus {
  const word =
    status
      ?.trim()
      .toUpperCase()
      .replace(/[\s-]+/g, "_") ?? "";
  return known.includes(word) ? (word as VerdictStatus) : "none";
}

/** A DMARC policy, or `null` for none that is known (RFC 7489 §6.3). */
export function dmarcPolicyOf(text: string | undefined): SesVerdicts["dmarcPolicy"] {
  const policy = text?.trim().toLowerCase();
  return policy === "none" || policy === "quarantine" || policy === "reject" ? policy : null;
}
