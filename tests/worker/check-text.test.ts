// checkText(): the layout for a terminal, and the lines for a program.

import { expect, test } from "bun:test";
import { checkText } from "../../apps/worker/check/check-text.ts";
import { type Finding, failure, fine, warning } from "../../apps/worker/check/finding.ts";
import { textStyle } from "../../apps/worker/log-text/text-style.ts";

const style = textStyle({ hasUnicode: true, hasColours: false });
const options = { heading: "Sesame 0.1.0 looks at example.com, another.com in eu-west-1", all: false, isTerminal: true, style };
const well = Array.from({ length: 8 }, (_, at) => fine(`table number-${at}`, "3 rows"));
const findings: readonly Finding[] = [
  fine("region", "eu-west-1"), // stands in the heading
  fine("credentials", "AKIA…"),
  fine("queue example-com-queue", "visible 120 s, kept 4 days"),
  fine("queue example-com-queue", "dead-letter queue after 50 receives"),
  failure("queue another-com-queue", "the queue does not exist", "create it, and subscribe it to the topic of the receipt rule"),
  warning("table email-rules", "rows with upper-case keys, never matched: Carol@example.com", "write the keys in lower case"),
  ...well,
  failure("mail server mail.example.com:2525", "connect ECONNREFUSED 10.0.4.7:2525", "see INTERNAL_SMTP_PORT"),
];

test("checkText() shows problems and what to do, and of what is well two and a number", () => {
  expect(checkText(findings, options)).toBe(`Sesame 0.1.0 looks at example.com, another.com in eu-west-1

AWS
  ✓ credentials               AKIA…
  ✓ queue example-com-queue   visible 120 s, kept 4 days; dead-letter queue after 50 receives
  ✗ queue another-com-queue   the queue does not exist
    ↳ create it, and subscribe it to the topic of the receipt rule
  ! table email-rules         rows with upper-case keys, never matched: Carol@example.com
    ↳ write the keys in lower case
  ✓ 8 more well

Mail server
  ✗ mail.example.com:2525     connect ECONNREFUSED 10.0.4.7:2525
    ↳ see INTERNAL_SMTP_PORT

2 errors, 1 warning, 10 well. --all shows each
`);
});

test("checkText() shows each with all, and does not advise what is shown already", () => {
  const text = checkText(findings, { ...options, all: true });
  expect(text).toContain("  ✓ table number-7            3 rows\n");
  expect(text).toEndWith("\n2 errors, 1 warning, 10 well\n");
  expect(checkText(well.slice(0, 3), options)).toEndWith("\n3 well\n"); // one more is shown in place of "1 more well"
  expect(checkText([failure("configuration", "Cannot read SMTP_PORT", "see docs/configuration.md")], options)).toContain(
    "\nConfiguration\n  ✗ ",
  );
});

test("checkText() has a line for each finding where no terminal is, and shows controls of servers", () => {
  expect(
    checkText([warning("mail server a:25", "says \x1b[2J\t!", "fix it"), fine("clock", "well")], { ...options, isTerminal: false }),
  ).toBe("LEVEL\tSUBJECT\tFOUND\tTO DO\nwarning\tmail server a:25\tsays \\x1b[2J\\x09!\tfix it\nok\tclock\twell\t\n");
  expect(checkText([warning("mail server a:25", "says \x1b[2J", "fix it")], options)).toContain("says \\x1b[2J\n");
});
