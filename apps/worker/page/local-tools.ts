// Local tools: what the page of `sesame local` can do with rules and mails. `sesame local` brings it; `sesame run` has none.

import type { Result } from "@sesame/core";

/** The fields of the form, as texts. */
export type TryForm = Readonly<Record<string, string>>;

/** What would be done, as rows are saved and as they are in the form. */
export type Preview = Readonly<{
  /** Errors by the name of their field. */
  errors: Readonly<Record<string, string>>;
  asSaved: string;
  withChanges: string;
  explanation: string;
}>;

/** A mail: octets of a file, or made from the form. */
export type TryMail = Readonly<{ octets: Uint8Array; size: number }> | null;

export interface LocalTools {
  /** The saved row of an address, as fields of the form. */
  rowOf(address: string): Promise<TryForm>;
  preview(form: TryForm, file: TryMail): Promise<Preview>;
  /** Saves the rows of the form; the errors by field. */
  save(form: TryForm): Promise<Readonly<Record<string, string>>>;
  /** Puts back what the last save replaced. */
  undo(address: string): Promise<boolean>;
  /** Sends the mail through the front door; the answer is its id. */
  send(form: TryForm, file: TryMail): Promise<Result<string>>;
  /** The subject of a stored mail. */
  subjectOf(mailId: string): Promise<string | null>;
}
