// Letters: mails for the benches. Equal numbers give equal mails, and no two of them are alike.

import { createHash } from "node:crypto";

export type Letter = Readonly<{ id: string; from: string; to: string; octets: Uint8Array }>;

/** So many mails of about so many octets, to a mailbox each. */
export function lettersOf(count: number, size: number): readonly Letter[] {
  return Array.from({ length: count }, (_, i) => {
    const [id, from, to] = [`letter-${i}`, `person-${i}@remote.test`, `user-${i}@example.com`];
    return { id, from, to, octets: letter({ id, from, to: [to], size }) };
  });
}

/** The octets of one mail of plain text; it ends with a line end, as every mail on the wire does. */
export function letter({ id, from, to, size }: Readonly<{ id: string; from: string; to: readonly string[]; size: number }>): Uint8Array {
  const head =
    `Received: from mx.remote.test by inbound-smtp.eu-central-1.amazonaws.com with SMTP id ${id}\r\nFrom: Some Person <${from}>\r\n` +
    `To: ${to.join(", ")}\r\nSubject: ${id}\r\nDate: Mon, 05 Jan 2026 12:00:00 +0000\r\nMessage-ID: <${id}@remote.test>\r\n` +
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
  const line = `${"0123456789".repeat(7)}\r\n`;
  return new TextEncoder().encode(head + line.repeat(Math.ceil((size - head.length) / line.length)));
}

/** A mail of so many octets, most of them an attachment in Base64. */
export function letterWithAttachment(from: string, to: string, size: number): Uint8Array {
  const part = (fields: string, body: string) => `--b\r\n${fields}\r\n\r\n${body}`;
  const head =
    `From: Some Person <${from}>\r\nTo: <${to}>\r\nSubject: The drawings\r\nMessage-ID: <drawings@remote.test>\r\n` +
    'Date: Mon, 05 Jan 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n';
  const text = part("Content-Type: text/plain; charset=utf-8", "Here are the drawings.\r\n");
  const fields = 'Content-Type: application/pdf; name="drawings.pdf"\r\nContent-Transfer-Encoding: base64';
  const line = `${Buffer.from("drawing ".repeat(7)).toString("base64").slice(0, 76)}\r\n`;
  return new TextEncoder().encode(`${head}${text}${part(fields, line.repeat(Math.ceil(size / line.length)))}--b--\r\n`);
}

export function digestOf(octets: Uint8Array): string {
  return createHash("sha256").update(octets).digest("base64url").slice(0, 12);
}
