// Traffic: mails of mixed kinds as SES would hand them in, and for each of them what must be found at the end: in which
// mailboxes, past which door, and what left through SES. Equal numbers give equal mails.

import type { Cloud, Incoming } from "./cloud.ts";

/** Which door a mail of ours goes through: the mail server's ordinary port, its internal one, or SES. */
export type Door = "mailbox" | "internal" | "ses";

/** One copy that must arrive: exactly one, unless the log announced another. */
export type Expected = Readonly<{ door: Door; to: string; subject: string }>;

export type Sample = Readonly<{ kind: string; mail: Incoming; expected: readonly Expected[] }>;

const kinds = [
  "plain",
  "two-recipients",
  "blocked",
  "reply",
  "forward-out",
  "forward-in",
  "list",
  "bounce",
  "unknown-user",
  "large",
] as const;
type Kind = (typeof kinds)[number];

/** Addresses that the rules below speak of, for a domain. */
export const people = ["alice", "bob", "carol", "away", "out", "in"] as const;
export const unknownUser = "nobody";

/** Rows for the tables: who is away, who forwards whither, who blocks whom. */
export async function putRules(cloud: Cloud): Promise<void> {
  for (const domain of cloud.options.domains) {
    const away = { ooo_active: true, ooo_message: "I am away until Monday", ooo_content_type: "text" };
    await cloud.putRow("email-rules", { email_address: `away@${domain}`, ...away });
    await cloud.putRow("email-rules", { email_address: `out@${domain}`, forwards: ["target@elsewhere.test"] });
    await cloud.putRow("email-rules", { email_address: `in@${domain}`, forwards: [`carol@${domain}`] });
    await cloud.putRow("email-blocked-senders", { email_address: `bob@${domain}`, blocked_patterns: ["*@spam.test"] });
  }
}

/** So many mails over all domains, every kind in turn, and the rows that their bounces need. */
export async function makeTraffic(cloud: Cloud, count: number, name = "t"): Promise<readonly Sample[]> {
  const { domains } = cloud.options;
  const samples: Sample[] = [];
  for (let i = 0; i < count; i++) {
    const domain = domains[i % domains.length] ?? "";
    const kind = kinds[Math.floor(i / domains.length) % kinds.length] ?? "plain";
    const sample = sampleOf(kind, domain, `${name}-${i}`);
    if (kind === "bounce") await cloud.putRow("ses-outbound-messages", outboundRow(domain, i));
    samples.push(kind === "bounce" ? bounceSample(domain, `${name}-${i}`, i) : sample);
  }
  return samples;
}

function sampleOf(kind: Kind, domain: string, id: string): Sample {
  const from = `person-${id}@remote.test`;
  const at = (who: string) => `${who}@${domain}`;
  const mail = (to: readonly string[], more: Readonly<{ header?: string; source?: string; body?: string }> = {}): Incoming => ({
    domain,
    key: id,
    source: more.source ?? from,
    recipients: to,
    octets: octetsOf({ id, from: more.source ?? from, to, header: more.header ?? "", body: more.body ?? "Hello\r\n" }),
  });
  const box = (to: string): Expected => ({ door: "mailbox", to, subject: id });
  switch (kind) {
    case "plain":
    case "bounce":
      return { kind, mail: mail([at("alice")]), expected: [box(at("alice"))] };
    case "two-recipients":
      return { kind, mail: mail([at("alice"), at("bob")]), expected: [box(at("alice")), box(at("bob"))] };
    case "blocked":
      return { kind, mail: mail([at("bob")], { source: "evil@spam.test" }), expected: [] };
    case "reply":
      return { kind, mail: mail([at("away")]), expected: [box(at("away")), { door: "ses", to: from, subject: `Auto: ${id}` }] };
    case "forward-out":
      return {
        kind,
        mail: mail([at("out")]),
        expected: [box(at("out")), { door: "ses", to: "target@elsewhere.test", subject: `FWD: ${id}` }],
      };
    case "forward-in":
      return { kind, mail: mail([at("in")]), expected: [box(at("in")), { door: "internal", to: at("carol"), subject: `FWD: ${id}` }] };
    case "list":
      return { kind, mail: mail([at("away")], { header: "List-Id: <news.remote.test>\r\n" }), expected: [box(at("away"))] };
    case "unknown-user":
      return { kind, mail: mail([at(unknownUser)]), expected: [] };
    case "large":
      return { kind, mail: mail([at("alice")], { body: `${"0123456789".repeat(7)}\r\n`.repeat(6000) }), expected: [box(at("alice"))] };
    default:
      return kind satisfies never;
  }
}

type Parts = Readonly<{ id: string; from: string; to: readonly string[]; header: string; body: string }>;

function octetsOf({ id, from, to, header, body }: Parts): Uint8Array {
  return new TextEncoder().encode(
    `Return-Path: <${from}>\r\nReceived: from mx.remote.test by inbound-smtp.eu-central-1.amazonaws.com with SMTP id ${id}\r\n` +
      `From: Some Person <${from}>\r\nTo: ${to.join(", ")}\r\nSubject: ${id}\r\nDate: Mon, 05 Jan 2026 12:00:00 +0000\r\n` +
      `Message-ID: <${id}@remote.test>\r\n${header}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${body}`,
  );
}

const sesId = (i: number) => `0107${i.toString(16).padStart(12, "0")}-ee5b6bff-a3a2-42a2-a4ea-7fbeb7b65f30-000000`;

function outboundRow(domain: string, i: number): Record<string, unknown> {
  return { MessageId: sesId(i), original_source: `alice@${domain}`, bouncedRecipients: [`gone-${i}@remote.test`] };
}

/** SES says that a mail of alice's came back: shown as from the address that failed. */
function bounceSample(domain: string, id: string, i: number): Sample {
  const to = `alice@${domain}`;
  const text =
    "Return-Path: <>\r\nReceived: from a27-8.smtp-out.eu-central-1.amazonses.com (a27-8.smtp-out.eu-central-1.amazonses.com [54.240.27.8])\r\n" +
    ` by inbound-smtp.eu-central-1.amazonaws.com with SMTP id ${id}\r\nFrom: MAILER-DAEMON@eu-central-1.amazonses.com\r\nTo: ${to}\r\n` +
    `Subject: ${id}\r\nMessage-ID: <${id}@eu-central-1.amazonses.com>\r\nMIME-Version: 1.0\r\n` +
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\nDate: Mon, 05 Jan 2026 12:00:00 +0000\r\n\r\n' +
    "--b\r\nContent-Type: text/plain\r\n\r\nIt failed.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n" +
    `Reporting-MTA: dns; a27-8\r\n\r\nFinal-Recipient: rfc822; gone-${i}@remote.test\r\nAction: failed\r\nStatus: 5.1.1\r\n` +
    `--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <${sesId(i)}@eu-central-1.amazonses.com>\r\nSubject: x\r\n\r\nx\r\n--b--\r\n`;
  const mail: Incoming = { domain, key: id, source: "", recipients: [to], octets: new TextEncoder().encode(text) };
  return { kind: "bounce", mail, expected: [{ door: "mailbox", to, subject: id }] };
}

/** The subject of a mail in which nothing is folded or encoded. */
export function subjectOf(octets: Uint8Array): string {
  return /^Subject: (.*)\r$/m.exec(Buffer.from(octets).subarray(0, 8000).toString("latin1"))?.[1] ?? "";
}
