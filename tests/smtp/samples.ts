// Samples: the mails and couriers of the SMTP tests, with deadlines short enough that nothing waits for long.

import type { Address, Content, EffectKey, MailId, MailTransaction, ReversePath, Verdict } from "@sesame/core";
import { SmtpCourier, type SmtpOptions, wallTimers } from "@sesame/smtp";
import { StreamWire, type WireMaker, wireOf } from "../../packages/smtp/wire.ts";

export const testOptions: Partial<SmtpOptions> = { name: "worker.test", tls: "off", quitTimeoutMs: 200 };

/** Octets of a text, one for each character. */
export function octets(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

export function contentOf(text: string, more: Partial<Content> = {}): Content {
  const bytes = octets(text);
  return { pieces: [bytes], rest: null, size: bytes.length, eightBit: false, ...more };
}

/** A transaction for the recipients, whatever they look like: a hostile one need not be parsed. */
export function transaction(recipients: readonly string[], more: Partial<{ from: string | null; content: Content }> = {}): MailTransaction {
  return {
    mailId: "bucket/mail" as MailId,
    from: (more.from === undefined ? "carol@remote.test" : more.from) as ReversePath,
    recipients: recipients.map((address, index) => ({ address: address as Address, key: `deliver ${index}` as EffectKey })),
    content: more.content ?? contentOf("Subject: hi\r\n\r\nhello\r\n"),
  };
}

export function courierTo(
  port: number,
  protocol: "smtp" | "lmtp",
  options: Partial<SmtpOptions> = {},
  host: string = "127.0.0.1",
  wireMaker: WireMaker = wireOf,
): SmtpCourier {
  const target = { host, port, protocol };
  return new SmtpCourier({ mailbox: target, internal: target }, { ...testOptions, ...options }, wallTimers, wireMaker);
}

/** Both ways to reach the octets of a connection. Without a choice the tests take the first one, as the worker does. */
export const wires: readonly (readonly [name: string, WireMaker])[] = [
  ["Bun's socket", wireOf],
  ["a stream", (socket) => new StreamWire(socket)],
];

/** The verdicts in the order of the recipients. */
export function inOrder(verdicts: ReadonlyMap<EffectKey, Verdict>): Verdict[] {
  return [...verdicts.entries()]
    .sort(([one], [other]) => Number(one.split(" ")[1]) - Number(other.split(" ")[1]))
    .map(([, verdict]) => verdict);
}

/** A verdict in a few words: `delivered`, `failed no-such-mailbox recipient 5.1.1`, `delayed in-doubt mail twice?`. */
export function words(verdict: Verdict | undefined): string {
  if (!verdict) return "none";
  if (verdict.action === "failed") return `failed ${verdict.reason} ${verdict.scope} ${verdict.status}`;
  if (verdict.action === "delayed") return `delayed ${verdict.reason} ${verdict.scope}${verdict.possibleDuplicate ? " twice?" : ""}`;
  return verdict.action;
}
