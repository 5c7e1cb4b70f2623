// Held mails: the port through which the page lists, releases and allows mails that a blocklist held back. Who holds them, and
// how one is released without a second copy, is for the implementation.

/** A mail that all its recipients blocked, and that was kept. */
export type HeldMail = Readonly<{
  id: string;
  /** When it was blocked, in milliseconds since 1970. */
  at: number;
  from: string;
  to: string;
  pattern: string;
  /** The row of the blocklist that has the pattern. */
  row: string;
}>;

/** The answer to an action: done, or why not, in a sentence. */
export type HeldResult = Readonly<{ ok: true }> | Readonly<{ ok: false; error: string }>;

export interface HeldMails {
  /** The newest, up to `limit`. */
  list(limit: number): Promise<readonly HeldMail[]>;
  /** Delivers once, to whom blocked it, by the ordinary journey without the blocklist. */
  release(id: string): Promise<HeldResult>;
  /** Which held mails the row would have let in without the pattern of this one. */
  wouldLetIn(id: string): Promise<readonly HeldMail[]>;
  /** Releases it, and takes its pattern out of the row. */
  allow(id: string): Promise<HeldResult>;
}
