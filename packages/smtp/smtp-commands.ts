// SMTP commands: MAIL and RCPT as the server reads them (RFC 5321 §4.1.1.2, §4.1.1.3), with the parameters that it offers.
// The paths are safe already: smtp-path.ts refuses what could end a command. dialogue.ts says when they are sent.

import type { Content } from "@sesame/core";

/** What the server announced in its reply to EHLO or LHLO and what changes the commands. */
export type Offers = Readonly<{
  /** Several commands may be sent in one write (RFC 2920). */
  pipelining: boolean;
  /** MAIL may say that the mail has 8-bit octets (RFC 6152). */
  eightBitMime: boolean;
  /** MAIL may say how large the mail is (RFC 1870). */
  size: boolean;
  /** Paths may have characters beyond ASCII (RFC 6531). */
  smtpUtf8: boolean;
}>;

/** Paths as MAIL and RCPT contain them; `from` is "" for the null reverse-path. Each recipient occurs once. */
export type Envelope = Readonly<{
  from: string;
  recipients: readonly string[];
  /** True: an earlier session refused recipients of the same mail. */
  isCarriedOn?: boolean;
}>;

/** The offers in the lines of the last reply to EHLO or LHLO, without its first line. */
export function offersOf(lines: readonly string[]): Offers {
  const has = (keyword: RegExp) => lines.some((line) => keyword.test(line));
  return {
    pipelining: has(/^PIPELINING\b/i),
    eightBitMime: has(/^8BITMIME\b/i),
    size: has(/^SIZE\b/i),
    smtpUtf8: has(/^SMTPUTF8\b/i),
  };
}

/** MAIL with its line end. */
export function mailCommand(envelope: Envelope, { size, eightBit }: Pick<Content, "size" | "eightBit">, offers: Offers): string {
  const utf8 = offers.smtpUtf8 && isBeyondAscii(envelope) ? " SMTPUTF8" : "";
  const body = offers.eightBitMime && eightBit !== false ? " BODY=8BITMIME" : "";
  return `MAIL FROM:<${envelope.from}>${utf8}${body}${offers.size && size > 0 ? ` SIZE=${size}` : ""}\r\n`;
}

/** RCPT with its line end. */
export function rcptCommand(recipient: string): string {
  return `RCPT TO:<${recipient}>\r\n`;
}

function isBeyondAscii({ from, recipients }: Envelope): boolean {
  const beyond = /[\u0080-\uffff]/;
  return beyond.test(from) || recipients.some((recipient) => beyond.test(recipient));
}
