// Smuggled mails: a mail with a second one inside, behind what some server or other once took for the end of a mail. All
// but CRLF.CRLF itself are no end (RFC 5321 §2.3.8, §4.5.2), and that one leaves with its dot doubled.

export const smuggledEnds: readonly string[] = [
  "\n.\n",
  "\n.\r\n",
  "\r\n.\n",
  "\r.\r",
  "\r.\r\n",
  "\r\n.\r",
  "\r.\n",
  "\n.\r",
  "\r\n.\r\n",
  "\r\n\0.\r\n",
  "\r\n.\0\r\n",
  "\r\r\n.\r\r\n",
  "\r\n.\r\r\n",
];

const attached =
  "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n@\r\n--b--\r\n";

export type SmuggledMail = Readonly<{ end: string; place: string; text: string }>;

/** Each end in each place, with a second mail to `to` behind it. Texts are octets, one character each. */
export function smuggledMails(to: string): readonly SmuggledMail[] {
  const second = `MAIL FROM:<eve@evil.test>\r\nRCPT TO:<${to}>\r\nDATA\r\nSubject: smuggled\r\n\r\n.\r\n`;
  return smuggledEnds.flatMap((end) => [
    { end, place: "the header", text: `Subject: a${end}${second}\r\n\r\nbody\r\n` },
    { end, place: "the body", text: `Subject: a\r\n\r\nbody${end}${second}` },
    { end, place: "an attachment", text: attached.replace("@", `${end}${second}`) },
  ]);
}

/** The text as it must arrive: each line end a CRLF, and each NUL replaced, which no line may hold. */
export function asDelivered(text: string): string {
  return text.replace(/\r\n|\r|\n/g, "\r\n").replaceAll("\0", "\x80");
}
