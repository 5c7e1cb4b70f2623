// Scripts: the pieces that the transcripts are made of, and how one is played with a mail to send.

import type { SmtpOptions } from "@sesame/smtp";
import type { WireMaker } from "../../packages/smtp/wire.ts";
import { type contentOf, courierTo, inOrder, transaction, words } from "./samples.ts";
import { scriptedServer } from "./scripted-server.ts";

export type Case = {
  protocol?: "smtp" | "lmtp";
  to?: readonly string[];
  from?: string | null;
  script: string | readonly string[];
  options?: Partial<SmtpOptions>;
  content?: ReturnType<typeof contentOf>;
  wireOf?: WireMaker;
};

/** Sends one mail against the script and returns the verdicts in words. */
export async function play(each: Case): Promise<string[]> {
  const { protocol = "smtp", to = ["alice@example.com"], from, script, options = {}, content, wireOf } = each;
  const server = await scriptedServer(...(typeof script === "string" ? [script] : script));
  const courier = courierTo(server.port, protocol, options, "127.0.0.1", wireOf);
  const more = { ...(from === undefined ? {} : { from }), ...(content ? { content } : {}) };
  const verdicts = await courier.send("mailbox", transaction(to, more));
  await courier.close();
  await server.played();
  return inOrder(verdicts).map(words);
}

/** A piece of script as one line of a test's name. */
export function shown(script: string): string {
  return script.replace(/\n /g, ", ");
}

export const hello = `
  S: 220 mx.test
  C: EHLO worker.test
  S: 250 mx.test`;
export const envelope = `${hello}
  C: MAIL FROM:<carol@remote.test>
  S: 250 ok
  C: RCPT TO:<alice@example.com>
  S: 250 ok`;
export const data = `${envelope}
  C: DATA
  S: 354 go
  C: Subject: hi
  C:
  C: hello
  C: .`;
export const bye = `
  C: QUIT
  S: 221 bye`;
export const resetAndBye = `
  C: RSET
  S: 250 ok${bye}`;

export const lhlo = `
  S: 220 mx.test
  C: LHLO worker.test
  S: 250-mx.test
  S: 250 PIPELINING`;
export const three = ["a@example.com", "b@example.com", "c@example.com"];
export const lmtpEnvelope = `${lhlo}
  C: MAIL FROM:<carol@remote.test>
  C: RCPT TO:<a@example.com>
  C: RCPT TO:<b@example.com>
  C: RCPT TO:<c@example.com>
  C: DATA`;
export const body = `
  C: Subject: hi
  C:
  C: hello
  C: .`;
export const lmtpData = `${lmtpEnvelope}
  S: 250 ok
  S: 250 ok
  S: 250 ok
  S: 250 ok
  S: 354 go${body}`;
