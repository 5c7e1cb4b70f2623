// Batch: the mails of one run, what must be found of each at the end, and the rules that they meet.

import type { Cloud } from "../system/cloud.ts";
import type { Sample } from "../system/traffic.ts";
import { batchSize, type KillCase, type Mix, nameOf } from "./case.ts";

export const domain = "example.com";
export const at = (who: string): string => `${who}@${domain}`;

/** Who has a mailbox. `slow` is turned away once for each mail; `nobody` has none. */
export const people = ["rich", "ok", "slow", "carol"] as const;

/** rich: a reply, a forward through SES, one within. ok: a reply and a forward through SES. */
export async function putRules(cloud: Cloud): Promise<void> {
  const away = { ooo_active: true, ooo_message: "I am away until Monday", ooo_content_type: "text" };
  const outside = "target@elsewhere.test";
  await cloud.putRow("email-rules", { email_address: at("rich"), ...away, forwards: [outside, at("carol")] });
  await cloud.putRow("email-rules", { email_address: at("ok"), ...away, forwards: [outside] });
}

/** One mail, its audit trail included. */
export type KillSample = Sample & Readonly<{ trail: Readonly<{ status: string; invalid: string | undefined }> }>;

/** The mails of a run; their subjects begin with its name. */
export function batchOf(one: KillCase, receivedAt: number): readonly KillSample[] {
  return Array.from({ length: batchSize }, (_, index) => sampleOf(one.mix, `${nameOf(one)}-${index}`, receivedAt));
}

function sampleOf(mix: Mix, id: string, receivedAt: number): KillSample {
  const from = `person-${id}@remote.test`;
  const recipients = mix === "one" ? [at("rich")] : [at("ok"), at("slow"), at("nobody")];
  const octets = new TextEncoder().encode(
    `Return-Path: <${from}>\r\nReceived: from mx.remote.test by inbound-smtp.eu-central-1.amazonaws.com with SMTP id ${id}\r\n` +
      `From: Some Person <${from}>\r\nTo: ${recipients.join(", ")}\r\nSubject: ${id}\r\nDate: Mon, 05 Jan 2026 12:00:00 +0000\r\n` +
      `Message-ID: <${id}@remote.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n`,
  );
  const box = (who: string) => ({ door: "mailbox", to: at(who), subject: id }) as const;
  const sent = [
    { door: "ses", to: from, subject: `Auto: ${id}` },
    { door: "ses", to: "target@elsewhere.test", subject: `FWD: ${id}` },
  ] as const;
  const expected =
    mix === "one"
      ? [box("rich"), ...sent, { door: "internal", to: at("carol"), subject: `FWD: ${id}` } as const]
      : [box("ok"), box("slow"), ...sent];
  const trail = mix === "one" ? { status: "delivered", invalid: undefined } : { status: "partial", invalid: at("nobody") };
  return { kind: mix, mail: { domain, key: id, source: from, recipients, octets, receivedAt }, expected, trail };
}
