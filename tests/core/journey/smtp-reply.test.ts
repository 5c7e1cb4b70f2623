// verdictOfReply() to its last word: action, reason, scope and status (RFC 5321 §4.2, RFC 3463), by phase.

import { expect, test } from "bun:test";
import { parseSmtpReply, type SmtpPhase, verdictOfReply } from "../../../packages/core/journey/smtp-reply.ts";

type Row = readonly [line: string, phase: SmtpPhase, scope: "mail" | "recipient", verdict: string];

const delays: readonly Row[] = [
  ["421 bye", "mail", "mail", "delayed try-later host 4.3.2"],
  ["421 4.7.0 too many", "dot", "recipient", "delayed try-later host 4.7.0"],
  ["421 4.3.2 going down", "dot", "recipient", "delayed try-later host 4.3.2"],
  ["250 what?", "dot", "mail", "delayed protocol-error host 4.5.0"],
  ["450 4.2.1 greylisted", "rcpt", "recipient", "delayed try-later recipient 4.2.1"],
  ["452 4.2.2 full", "rcpt", "recipient", "delayed try-later recipient 4.2.2"],
  ["450 later", "rcpt", "mail", "delayed try-later recipient 4.0.0"],
  ["451 4.7.1 greylisted", "mail", "mail", "delayed try-later mail 4.7.1"],
  ["452 4.3.1 disk full", "mail", "mail", "delayed try-later host 4.3.1"],
  ["452 4.3.4 mail too large now", "mail", "mail", "delayed try-later mail 4.3.4"],
  ["452 4.3.1 disk full", "dot", "mail", "delayed try-later mail 4.3.1"],
  ["450 4.3.2 postscreen", "session", "mail", "delayed try-later host 4.3.2"],
  ["400 later", "dot", "mail", "delayed try-later mail 4.0.0"],
  ["451 4.3.0 later", "dot", "recipient", "delayed try-later recipient 4.3.0"],
  ["454 4.7.1 Relay access denied", "rcpt", "recipient", "delayed refused-us recipient 4.7.1"],
  ["454 4.7.10 no relay", "rcpt", "recipient", "delayed try-later recipient 4.7.10"],
  ["450 4.7.1 Relay access denied", "rcpt", "recipient", "delayed try-later recipient 4.7.1"],
  ["454 relay denied", "rcpt", "recipient", "delayed try-later recipient 4.0.0"],
  ["450 5.1.1 the basic code wins", "rcpt", "recipient", "delayed try-later recipient 4.0.0"],
  ["499 the last of its kind", "dot", "mail", "delayed try-later mail 4.0.0"],
];
const ours: readonly Row[] = [
  ["554 go away", "session", "mail", "delayed refused-us host 4.7.0"],
  ["552 5.2.2 full", "session", "mail", "delayed refused-us host 4.7.0"],
  ["535 5.7.8 credentials", "session", "recipient", "delayed refused-us host 4.7.0"],
  ["530 5.7.0 log in first", "mail", "mail", "delayed refused-us host 4.7.0"],
  ["535 5.7.8 wrong password", "mail", "mail", "delayed refused-us host 4.7.0"],
  ["535 wrong password", "dot", "mail", "delayed refused-us host 4.7.0"],
  ["530 5.7.0 log in first", "data", "mail", "delayed refused-us host 4.7.0"],
  ["534 5.7.9 too weak", "mail", "mail", "delayed refused-us mail 4.7.0"],
  ["535 5.7.8 wrong password", "rcpt", "recipient", "delayed refused-us recipient 4.7.0"],
  ["550 5.1.8 sender's domain", "mail", "mail", "delayed refused-us mail 4.7.0"],
  ["550 5.7.1 SPF", "mail", "recipient", "delayed refused-us mail 4.7.0"],
  ["503 5.5.1 nested MAIL", "mail", "mail", "delayed refused-us mail 4.7.0"],
  ["503 5.5.1 no valid recipients", "data", "mail", "delayed refused-us mail 4.7.0"],
  ["550 5.1.7 sender", "rcpt", "recipient", "delayed refused-us recipient 4.7.0"],
  ["550 5.1.8 sender's domain", "rcpt", "recipient", "delayed refused-us recipient 4.7.0"],
  ["554 5.7.1 Relay access denied", "rcpt", "recipient", "delayed refused-us recipient 4.7.0"],
  ["554 no", "rcpt", "recipient", "delayed refused-us recipient 4.7.0"],
  ["552 too many recipients", "rcpt", "recipient", "delayed try-later recipient 4.5.3"],
  // X10: a 550 or 553 that does not speak of the mailbox speaks of our configuration.
  ["550 relay not permitted", "rcpt", "recipient", "delayed refused-us recipient 4.7.0"],
  ["550 Relaying denied for this user", "rcpt", "recipient", "delayed refused-us recipient 4.7.0"],
  ["553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", "rcpt", "recipient", "delayed refused-us recipient 4.7.0"],
  ["550 SPF check failed", "rcpt", "recipient", "delayed refused-us recipient 4.7.0"],
  ["550 Sender address rejected", "rcpt", "recipient", "delayed refused-us recipient 4.7.0"],
  ["550 Recipient address rejected: Access denied", "rcpt", "recipient", "delayed refused-us recipient 4.7.0"],
  ["550 no", "rcpt", "recipient", "delayed refused-us recipient 4.7.0"],
  ["550 5.1.7 bad sender", "mail", "mail", "delayed refused-us mail 4.7.0"], // only 501 says that it cannot be read
];
const failures: readonly Row[] = [
  ["550 5.1.1 unknown", "rcpt", "recipient", "failed no-such-mailbox recipient 5.1.1"],
  ["550 5.1.10 null MX", "rcpt", "recipient", "failed no-such-mailbox recipient 5.1.10"],
  ["550 Unknown user", "rcpt", "recipient", "failed no-such-mailbox recipient 5.1.1"],
  ["550 Requested action not taken: mailbox unavailable", "rcpt", "recipient", "failed no-such-mailbox recipient 5.1.1"],
  ["550 <a@b>: Recipient address rejected: unknown", "rcpt", "recipient", "failed no-such-mailbox recipient 5.1.1"],
  ["550 Unrouteable address", "rcpt", "recipient", "failed no-such-mailbox recipient 5.1.1"],
  ["551 User not local", "rcpt", "recipient", "failed no-such-mailbox recipient 5.1.1"],
  ["553 mailbox name not allowed", "rcpt", "recipient", "failed no-such-mailbox recipient 5.1.1"],
  ["550 4.1.1 unknown user: the basic code wins", "rcpt", "recipient", "failed no-such-mailbox recipient 5.1.1"],
  ["550 5.2.1 disabled", "rcpt", "recipient", "failed mailbox-disabled recipient 5.2.1"], // X30
  ["501 5.1.7 bad sender address syntax", "mail", "mail", "failed reverse-path-refused mail 5.1.7"], // X11
  ["552 5.2.2 full", "rcpt", "recipient", "failed mailbox-full recipient 5.2.2"],
  ["552 5.2.2 full", "mail", "mail", "failed mailbox-full mail 5.2.2"],
  ["552 5.3.4 too big", "mail", "mail", "failed too-big mail 5.3.4"],
  ["552 5.3.4 too big", "dot", "recipient", "failed too-big recipient 5.3.4"],
  ["552 too big", "dot", "mail", "failed too-big mail 5.3.4"],
  ["552 too big", "data", "mail", "failed too-big mail 5.3.4"],
  ["550 5.1.1 unknown", "dot", "recipient", "failed no-such-mailbox recipient 5.1.1"],
  ["554 5.6.0 broken", "dot", "mail", "failed content-refused mail 5.6.0"],
  ["550 5.7.1 spam", "dot", "recipient", "failed policy-refused recipient 5.7.1"],
  ["554 no", "dot", "mail", "failed content-refused mail 5.6.0"],
  ["554 5.5.0 no", "data", "mail", "failed content-refused mail 5.5.0"],
  ["550", "dot", "mail", "failed content-refused mail 5.6.0"],
];
for (const [line, phase, scope, verdict] of [...delays, ...ours, ...failures]) {
  test(`verdictOfReply() is ${verdict} when ${phase} is answered ${line}${scope === "recipient" ? " for one" : ""}`, () => {
    const reply = parseSmtpReply(line);
    const found = reply && verdictOfReply(reply, phase, scope);
    const shown =
      found?.action === "delayed" || found?.action === "failed" ? [found.action, found.reason, found.scope, found.status] : [found];
    expect(shown.join(" ")).toBe(verdict);
    if (found?.action === "delayed") expect(found.possibleDuplicate).toBe(false);
  });
}

const lines: readonly (readonly [line: string, parts: readonly [code: number, enhanced: string | null, text: string] | null])[] = [
  ["250 2.1.5 Ok", [250, "2.1.5", "Ok"]],
  ["550-5.1.1 first of several", [550, "5.1.1", "first of several"]],
  ["550", [550, null, ""]],
  ["550 5.1.1", [550, "5.1.1", ""]],
  ["550 5.1.1\tUser unknown", [550, "5.1.1", "User unknown"]],
  ["550   spaces", [550, null, "spaces"]],
  ["550 5.1.1x is no code", [550, null, "5.1.1x is no code"]],
  ["550 5.1.1000 is no code", [550, null, "5.1.1000 is no code"]],
  ["550 5.1000.1 is no code", [550, null, "5.1000.1 is no code"]],
  ["550 5.123.123 is one", [550, "5.123.123", "is one"]],
  ["550 2.0.0 another class", [550, null, "another class"]],
  ["550 two\nlines", [550, null, "two\nlines"]],
  ["354 go", null],
  ["150 wait", null],
  ["650 odd", null],
  ["2500 four digits", null],
  ["25 two digits", null],
  [" 250 indented", null],
  ["", null],
];
for (const [line, parts] of lines) {
  test(`parseSmtpReply() ${parts ? "reads" : "finds no reply in"} ${JSON.stringify(line)}`, () => {
    const reply = parseSmtpReply(line);
    expect(reply && [reply.code, reply.enhanced, reply.text]).toEqual(parts && [...parts]);
  });
}

test("parseSmtpReply() keeps 500 characters of a text at most: replies end in the log", () => {
  expect(parseSmtpReply(`550 5.1.1 ${"x".repeat(500)}`)?.text.length).toBe(500);
  expect(parseSmtpReply(`550 5.1.1 ${"x".repeat(501)}`)?.text).toBe("x".repeat(500));
});

test("verdictOfReply() shows the reply as it was, with its code once", () => {
  for (const [line, detail] of [
    ["550 5.1.1 User unknown", "550 5.1.1 User unknown"],
    ["550 User unknown", "550 User unknown"],
    ["550", "550"],
  ] as const) {
    const reply = parseSmtpReply(line);
    expect(reply && verdictOfReply(reply, "rcpt", "recipient")).toMatchObject({ detail });
  }
});
