// Hostile mails: one of each kind that breaks mail programs, or costs its reader more than its sender, with the one answer
// that Sesame gives. All are delivered with the octets that came. docs/decisions.md tells why the answers are these.

/** `reply` and `forward`: made, or the word why not, for a recipient who asked for both. */
export type HostileMail = Readonly<{
  why: string;
  octets: () => Uint8Array;
  defects: readonly string[];
  reply: string;
  forward: string;
}>;

const latin1 = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const from = "From: Bob <bob@remote.test>\r\n";
const to = "To: alice@example.com\r\n";
const plain = `${from}${to}Subject: Hello\r\n`;
const mixed = 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n';
const runs = { reply: "reply", forward: "forward" };
const unreadable = { reply: "header-unreadable", forward: "header-unreadable" };

function mail(why: string, text: string | (() => string), answer: Omit<HostileMail, "why" | "octets">): HostileMail {
  return { why, octets: () => latin1(typeof text === "string" ? text : text()), ...answer };
}

const headers: readonly HostileMail[] = [
  mail("0 octets", "", { defects: ["no-header-block"], ...unreadable }),
  mail("1 octet", "x", { defects: ["no-header-block"], ...unreadable }),
  mail("one line end", "\r\n", { defects: ["no-header-block"], ...unreadable }),
  mail("no header block", "Dear Alice,\r\n\r\nFrom: bob@remote.test\r\n", { defects: ["no-header-block"], ...unreadable }),
  mail("the first line is blank", `\r\n${plain}\r\nbody`, { defects: ["no-header-block"], ...unreadable }),
  mail("an mbox line on top", `From bob@remote.test Mon Jan  5 12:00:00 2026\n${plain}\r\nbody`, { defects: ["mbox-line"], ...runs }),
  mail("CR only", `${plain}\r\nbody\r\n`.replaceAll("\r\n", "\r"), { defects: ["bare-cr"], ...runs }),
  mail("LF only", `${plain}\r\nbody\r\n`.replaceAll("\r\n", "\n"), { defects: [], ...runs }),
  mail("mixed line ends", `${from}To: alice@example.com\nSubject: Hello\rX: y\r\n\nbody\r\n`, { defects: ["bare-cr"], ...runs }),
  mail("CRCRLF", `${plain}\r\nbody\r\n`.replaceAll("\r\n", "\r\r\n"), { defects: ["bare-cr"], reply: "not-addressed", forward: "forward" }),
  mail("a bare CR hides a field", `${from}${to}Subject: Hello\rAuto-Submitted: auto-replied\r\n\r\nbody`, {
    defects: ["bare-cr"],
    reply: "auto-submitted",
    forward: "forward",
  }),
  mail("NUL in header and body", `${from}${to}Subject: a\0b\r\nX-\0: c\r\n\r\n\0\r\n`, {
    defects: ["field-without-colon", "nul"],
    ...runs,
  }),
  mail("a line without colon", `${from}no colon here\r\n${to}\r\nbody`, { defects: ["field-without-colon"], ...runs }),
  mail("a colon without name", `${from}: nameless\r\n${to}\r\nbody`, { defects: ["field-without-colon"], ...runs }),
  mail("space before the colon", "From : bob@remote.test\r\nTo\t: alice@example.com\r\nSubject : Hello\r\n\r\nbody", {
    defects: [],
    ...runs,
  }),
  mail("names in any case", "fROM: bob@remote.test\r\nto: alice@example.com\r\nSUBJECT: Hello\r\n\r\nbody", { defects: [], ...runs }),
  mail("fields twice", `MIME-Version: 1.0\r\n${plain}MIME-Version: 2.0\r\nFrom: eve@remote.test\r\nSubject: Other\r\n\r\nbody`, {
    defects: [],
    ...runs,
  }),
  mail("UTF-8 in the header", `${from}${to}Subject: Gr\xc3\xbc\xc3\x9fe\r\n\r\nbody`, { defects: [], ...runs }),
  mail("Latin-1 in the header", `From: M\xfcller <bob@remote.test>\r\n${to}Subject: Gr\xfc\xdfe\r\n\r\nbody`, { defects: [], ...runs }),
  mail("a name that decodes to a group", `From: =?utf-8?Q?x=3A_eve=40remote=2Etest=3B?= <bob@remote.test>\r\n${to}\r\nbody`, {
    defects: [],
    ...runs,
  }),
  mail("nested groups", `${from}To: a: b: c: alice@example.com;;; , d:;\r\n\r\nbody`, { defects: [], ...runs }),
  mail("a Return-Path that never ends", () => `Return-Path: ${"x".repeat(300_000)}\r\n${plain}\r\nbody`, {
    defects: ["field-too-long", "header-too-long"],
    ...unreadable,
  }),
];

const large: readonly HostileMail[] = [
  mail("1,000,000 fields", () => `${plain}${"X: y\r\n".repeat(1_000_000)}\r\nbody`, { defects: ["too-many-fields"], ...unreadable }),
  mail("80,000 fields in little room", () => `${plain}${"X:\n".repeat(80_000)}\nbody`, { defects: ["too-many-fields"], ...unreadable }),
  mail("one field of 2 MB", () => `${plain}X: ${"x".repeat(2_000_000)}\r\n\r\nbody`, {
    defects: ["field-too-long", "header-too-long"],
    ...unreadable,
  }),
  mail("one field of 200,000 octets", () => `${plain}X: ${"x".repeat(200_000)}\r\n\r\nbody`, { defects: ["field-too-long"], ...runs }),
  mail("a subject of 60,000 words", () => `${from}${to}Subject: ${"=?a?q?b?= ".repeat(20_000)}\r\n\r\nbody`, {
    defects: ["field-too-long"],
    ...runs,
  }),
  mail("100,000 addresses in To", () => `${from}To: alice@example.com${",\r\n a@remote.test".repeat(100_000)}\r\n\r\nbody`, {
    defects: ["field-too-long", "header-too-long"],
    ...unreadable,
  }),
  mail("15,000 addresses in To, Alice the last", () => `${from}To: ${distinct(15_000)}alice@example.com\r\n\r\nbody`, {
    defects: ["field-too-long"],
    reply: "not-addressed",
    forward: "forward",
  }),
  mail("15,000 authors", () => `From: ${distinct(15_000)}bob@remote.test\r\n${to}\r\nbody`, { defects: ["field-too-long"], ...runs }),
  mail("60,000 open groups", () => `${from}${to}Cc: ${"a:".repeat(60_000)}${";".repeat(60_000)}\r\n\r\nbody`, {
    defects: ["field-too-long"],
    ...runs,
  }),
  mail("120,000 open comments", () => `${from}${to}Cc: ${"(".repeat(120_000)}\r\n\r\nbody`, { defects: ["field-too-long"], ...runs }),
  mail("900 forged marks", () => `${plain}${`X-Loop: a@b; id=${"0".repeat(32)}; hop=1; mac=${"0".repeat(32)}\r\n`.repeat(900)}\r\nbody`, {
    defects: [],
    ...runs,
  }),
];

const bodies: readonly HostileMail[] = [
  mail("10,000 parts", () => `${plain}${mixed}\r\n${"--b\r\n\r\nx\r\n".repeat(10_000)}--b--\r\n`, { defects: [], ...runs }),
  mail("nesting of 1,000", () => `${plain}MIME-Version: 1.0\r\n${nested(1000)}text\r\n`, { defects: [], ...runs }),
  mail("1,500 mails in mails", () => `${plain}${"Content-Type: message/rfc822\r\n\r\n".repeat(1500)}`, { defects: [], ...runs }),
  mail("no end boundary", `${plain}${mixed}\r\n--b\r\n\r\ntext`, { defects: [], ...runs }),
  mail("no boundary at all", `${plain}Content-Type: multipart/mixed\r\n\r\ntext`, { defects: [], ...runs }),
  mail("an unknown charset", `${plain}Content-Type: text/plain; charset=x-klingon\r\n\r\n\xfc\x80`, { defects: [], ...runs }),
  mail("garbage for Base64", () => `${plain}Content-Transfer-Encoding: base64\r\n\r\n${"@!\0=\r\n".repeat(10_000)}`, {
    defects: ["nul"],
    ...runs,
  }),
  mail("equal signs for quoted-printable", () => `${plain}Content-Transfer-Encoding: quoted-printable\r\n\r\n${"=".repeat(60_000)}`, {
    defects: [],
    ...runs,
  }),
  mail("quotes of quotes", () => `${plain}\r\n${Array.from({ length: 400 }, (_, depth) => `${"> ".repeat(depth)}x\r\n`).join("")}`, {
    defects: [],
    ...runs,
  }),
  mail("a line of 60,000 spaces", () => `${plain}\r\n${" ".repeat(60_000)}x\r\n`, { defects: [], ...runs }),
  mail("60,000 empty lines", () => `${plain}\r\n${"\n".repeat(60_000)}x\r\n`, { defects: [], ...runs }),
  mail("HTML of open tags", () => `${plain}Content-Type: text/html\r\n\r\n${"<a ".repeat(20_000)}`, { defects: [], ...runs }),
  mail("HTML of entities", () => `${plain}Content-Type: text/html\r\n\r\n${"&lt;".repeat(15_000)}&${"#".repeat(9000)}`, {
    defects: [],
    ...runs,
  }),
  mail("40 MB", () => `${plain}\r\n${"0123456789abcdef0123456789abcdef\r\n".repeat(1_180_000)}`, { defects: [], ...runs }),
];

function distinct(count: number): string {
  return Array.from({ length: count }, (_, index) => `a${index}@x.test,`).join("");
}

function nested(depth: number): string {
  return Array.from({ length: depth }, (_, level) => `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`).join("");
}

export const hostileMails: readonly HostileMail[] = [...headers, ...large, ...bodies];
