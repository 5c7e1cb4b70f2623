// Mails and transactions for the mail server's tests.

import type { Address, EffectKey, MailId, MailTransaction, Verdict } from "@sesame/core";

/** A mail of some size with a subject to find it by. */
export function mailOf(subject: string, size = 0): Uint8Array {
  const line = `${"0123456789".repeat(7)}\r\n`;
  const body = size === 0 ? "Hello\r\n" : line.repeat(Math.ceil(size / line.length));
  return new TextEncoder().encode(
    `From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: ${subject}\r\nDate: Mon, 05 Jan 2026 12:00:00 +0000\r\nMessage-ID: <${subject}@remote.test>\r\n\r\n${body}`,
  );
}

/** One transaction to these recipients; the key of an effect is its address. */
export function transactionOf(octets: Uint8Array, to: readonly string[], from: string | null = "bob@remote.test"): MailTransaction {
  return {
    mailId: "mails/1" as MailId,
    from: from as Address | null,
    recipients: to.map((address) => ({ address: address as Address, key: address as unknown as EffectKey })),
    content: { pieces: [octets], rest: null, size: octets.length, eightBit: octets.some((octet) => octet > 127) },
  };
}

/** Each verdict in a few words. */
export function inWords(verdicts: ReadonlyMap<EffectKey, Verdict>): readonly string[] {
  return [...verdicts.values()].map((verdict) => {
    if (verdict.action === "failed") return `failed ${verdict.reason} ${verdict.status}`;
    return verdict.action === "delayed" ? `delayed ${verdict.reason} ${verdict.scope}` : verdict.action;
  });
}
