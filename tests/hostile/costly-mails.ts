// Costly mails: what a stranger can send, and a user can write into rows, that costs the worker most. Equal numbers give equal mails.

/** One of them. `rows`: of the tables, by table name. `copies`: how many mails the worker sends for it. */
export type CostlyMail = Readonly<{
  what: string;
  octets(): Uint8Array;
  recipients: readonly string[];
  rows: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
  copies: number;
}>;

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const fill = (unit: string, octets: number) => unit.repeat(Math.ceil(octets / unit.length)).slice(0, octets);
const to = (local: string) => `${local}@example.com`;

const large = 40_000_000;
const plain = "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hello\r\n";
const mixed = `${plain}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n`;
const names = () =>
  Array.from({ length: 7000 }, (_, i) => `--b\r\nContent-Disposition: attachment; filename="......a${i}"\r\n\r\nx\r\n`).join("");
const people = Array.from({ length: 100 }, (_, i) => to(`many${i}`));
const targets = Array.from({ length: 50 }, (_, i) => to(`target${i}`));
const senders = Array.from({ length: 50 }, (_, i) => `${"a".repeat(200)}${i}@x.test`).join(",\r\n ");
const wildcards = Array.from({ length: 2500 }, (_, i) => `${"*a".repeat(1 + (i % 150))}*b${i}`);

const one = { recipients: [to("alice")], rows: {}, copies: 1 };

export const costlyMails: readonly CostlyMail[] = [
  { ...one, what: "40 MB of bare LF", octets: () => latin1(`${plain}\r\n${fill("\n", large)}`) },
  { ...one, what: "40 MB of lines with a dot", octets: () => latin1(`${plain}\r\n${fill(".\r\n", large - 1)}`) },
  {
    ...one,
    what: "an attachment of 40 MB, forwarded",
    octets: () => latin1(`${mixed}--b\r\nContent-Type: a/b; name=x.bin\r\n\r\n${fill(`${"QUFB".repeat(19)}\r\n`, large)}\r\n--b--\r\n`),
    recipients: [to("large")],
    rows: { "email-rules": [{ email_address: to("large"), forwards: [to("target0")] }] },
    copies: 2,
  },
  {
    what: "7,000 attachment names, 50 forwards, 100 recipients",
    octets: () => latin1(`${mixed}${names()}--b--\r\n`),
    recipients: people,
    rows: { "email-rules": people.map((email_address) => ({ email_address, forwards: targets })) },
    copies: 2 + 100 * 50, // fifty recipients of the mail itself share a transaction
  },
  { ...one, what: "a million header lines", octets: () => latin1(`${plain}${"X: y\r\n".repeat(1_000_000)}\r\nHi\r\n`) },
  {
    ...one,
    what: "a rule row of 400 KB",
    octets: () => latin1(`${plain}\r\nHi\r\n`),
    recipients: [to("rule")],
    rows: { "email-rules": [{ email_address: to("rule"), forwards: [], notes: fill("x", 380_000) }] },
  },
  {
    ...one,
    what: "400 KB of wildcards, fifty senders",
    octets: () => latin1(`From: ${senders}\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHi\r\n`),
    recipients: [to("blocker")],
    rows: { "email-blocked-senders": [{ email_address: to("blocker"), blocked_patterns: wildcards }] },
  },
];
