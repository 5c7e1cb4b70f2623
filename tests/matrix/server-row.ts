// Server row: one misbehaving server as data: its script, what becomes of the mail, and whether the session may be used
// again; and the pieces of script that several rows share.

import type { SmtpOptions } from "@sesame/smtp";
import type { contentOf } from "../smtp/samples.ts";
import { hello } from "../smtp/scripts.ts";

export type Row = Readonly<{
  name: string;
  /** Scripts of the connections, one after the other; none: nobody listens. */
  scripts: readonly string[];
  verdicts: readonly string[];
  session: "kept" | "dropped";
  protocol?: "smtp" | "lmtp";
  to?: readonly string[];
  options?: Partial<SmtpOptions>;
  content?: ReturnType<typeof contentOf>;
  /** What is at that name instead of a server. */
  dns?: "unknown" | "no service" | "silent";
  /** What our own side does once the server was spoken to. */
  ours?: "abort" | "close";
  /** The fault's number in the project's list of 88. */
  number?: string;
}>;

export const unreachable: readonly string[] = ["delayed unreachable host"];
export const mailFrom: string = `${hello}\n C: MAIL FROM:<carol@remote.test>`;
export const startTls: string = "S: 220 mx.test\n C: EHLO worker.test\n S: 250-mx.test\n S: 250 STARTTLS\n C: STARTTLS";
export const soon: number = 100; // ms, for what never comes
