// Signed mail: mails as a sender's host signs them (RFC 6376) and as SES stores them, with what SES writes on top. The key
// is made for this run, and its record is given to the verifier by hand: nothing asks the network.

import { generateKeyPairSync } from "node:crypto";
import { type DNSResolver, dkimSign, dkimVerify } from "mailauth";

const { privateKey, publicKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "der" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

/** The only record that there is. */
const resolver: DNSResolver = async (name, type) => {
  if (type === "TXT" && /^s1\._domainkey\.(?:remote\.test|amazonses\.com)$/.test(name))
    return [[`v=DKIM1; k=rsa; p=${publicKey.toString("base64")}`]];
  throw Object.assign(new Error("no such record"), { code: "ENOTFOUND" });
};

/** What the signature covers; a field named twice may be there twice. */
const headerList = [
  "from",
  "to",
  "subject",
  "date",
  "message-id",
  "mime-version",
  "content-type",
  "content-transfer-encoding",
  "x-twice",
  "x-twice",
];

/** What SES puts on top of a mail that it stores. */
export const receivedOnTop =
  "Received: from mail.remote.test (mail.remote.test [192.0.2.7])\r\n by inbound-smtp.eu-central-1.amazonaws.com with SMTP id k1" +
  " for alice@example.com;\r\n Mon, 05 Jan 2026 12:00:00 +0000 (UTC)\r\nX-SES-Spam-Verdict: PASS\r\nX-SES-Virus-Verdict: PASS\r\n";

/** The mail, one character for each octet, signed by its domain; the signature stands above it. */
export async function sign(mail: string, canonicalization: string, signingDomain: string = "remote.test"): Promise<string> {
  const { signatures, errors } = await dkimSign(Buffer.from(mail, "latin1"), {
    canonicalization,
    signTime: new Date("2026-01-05T11:59:00Z"),
    headerList,
    signatureData: [{ signingDomain, selector: "s1", privateKey }],
    signingDomain,
    selector: "s1",
    privateKey,
  });
  if (errors && errors.length > 0) throw errors[0]?.err ?? new Error("no signature was made");
  return `${signatures}${mail}`;
}

/** The verdict on each signature: `pass`, `fail`, `neutral` … */
export async function verify(mail: Uint8Array): Promise<readonly string[]> {
  const { results } = await dkimVerify(Buffer.from(mail), { resolver, curTime: new Date("2026-01-05T12:00:00Z") });
  return results.map(({ status }) => status.result);
}

const head =
  "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Offer\r\nDate: Mon, 05 Jan 2026 11:59:00 +0000\r\nMessage-ID: <m1@remote.test>\r\n";
const utf8 = (text: string) => Buffer.from(text, "utf8").toString("latin1");

/** Mails that a signature makes delicate. */
export const delicate: readonly (readonly [name: string, mail: string])[] = [
  ["plain", `${head}\r\nHello Alice\r\n`],
  [
    "8-bit text",
    `${head}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${utf8("Grüße 😂")}\r\n`,
  ],
  ["8-bit text that is no UTF-8", `${head}\r\nGr\xfc\xdfe \xff\xfe\x80\r\n`],
  ["8-bit header fields", `${head.replace("Offer", "Gr\xfc\xdfe")}X-Twice: ${utf8("ä")}\r\n\r\nHello\r\n`],
  ["lines of 5,000 and of 100,000 octets", `${head}\r\n${"x".repeat(5000)}\r\n${"y ".repeat(50_000)}\r\n`],
  ["empty lines at the end", `${head}\r\nHello\r\n\r\n\r\n\r\n`],
  ["empty lines at the start", `${head}\r\n\r\n\r\nHello\r\n`],
  ["no line end at the end", `${head}\r\nHello`],
  ["no body", `${head}\r\n`],
  ["white space at the ends of lines", `${head}\r\nHello \t \r\n\t\r\n  x  y \r\n`],
  ["dots at the start of lines", `${head}\r\n.\r\n..\r\n.a\r\n`],
  ["a field twice", `${head}X-Twice: one\r\nX-Twice: two\r\n\r\nHello\r\n`],
  [
    "odd folding, cases and white space",
    `${head.replace("Subject: Offer", "SUBJECT:  Offer \r\n\tof  the\r\n   day ")}x-TWICE :odd\r\n\r\nHello\r\n`,
  ],
  ["a Return-Path of the sender further down", `${head}Return-Path: <bounces@remote.test>\r\n\r\nHello\r\n`],
  [
    "an attachment",
    `${head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n${"QUJDREVGR0g=\r\n".repeat(200)}--b--\r\n`,
  ],
  ["more than the head of 256 KiB", `${head}\r\n${"A line of a long mail.\r\n".repeat(40_000)}`],
];
