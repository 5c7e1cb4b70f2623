// Mail table: stored mails in columns, for a terminal.

import type { ShelvedMail } from "@sesame/core/journey";
import { safeText } from "@sesame/core/mail";
import { idOf } from "./compare.ts";

type MailLine = readonly [received: string, size: string, mail: string, note: string];

const most = 50; // lines of a section

/** A title, and the rows below the names of the columns. */
export function section(title: string, rows: readonly MailLine[]): readonly string[] {
  if (rows.length === 0) return [];
  const shown = rows.slice(0, most);
  const all = [["RECEIVED", "SIZE", "MAIL", ""] as const, ...shown];
  const [first = 0, second = 0, third = 0] = [0, 1, 2].map((column) => Math.max(...all.map((each) => (each[column] ?? "").length)));
  const lines = all.map(([received, size, mail, note]) =>
    `  ${received.padEnd(first)}   ${size.padStart(second)}   ${mail.padEnd(third)}   ${note}`.trimEnd(),
  );
  return ["", `${title}:`, ...lines, ...(rows.length > most ? [`  … and ${rows.length - most} more. --json has all`] : [])];
}

/** A row: when it was stored, size, id, and a note. */
export function row(mail: ShelvedMail, note: string): MailLine {
  const at = new Date(mail.storedAt).toISOString();
  return [`${at.slice(0, 10)} ${at.slice(11, 19)}`, sizeText(mail.size), safe(idOf(mail)), note];
}

function sizeText(octets: number): string {
  if (octets < 1000) return `${octets} B`;
  return octets < 1_000_000 ? `${Math.round(octets / 1000)} KB` : `${(octets / 1_000_000).toFixed(1)} MB`;
}

/** A number with its thousands apart. */
export function number(count: number): string {
  return count.toLocaleString("en-US");
}

/** Text of a stranger, for a terminal. */
export function safe(text: string): string {
  return safeText(text, 300);
}
