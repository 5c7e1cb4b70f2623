// SMTP table: the SMTP matrix as docs/reliability.md shows it, made of what the cells must come to.

import { type Command, commands, type Expected, expectedOf, type Way, ways } from "./smtp-expected.ts";

/** Lines of Markdown. */
export function smtpTable(): readonly string[] {
  const head = `| | ${ways.join(" | ")} |`;
  const rows = commands.map(
    (command) => `| ${command === "idle" ? "idle" : `\`${command}\``} | ${ways.map((way) => shown(command, way)).join(" | ")} |`,
  );
  return [head, `|---|${ways.map(() => "---|").join("")}`, ...rows];
}

function shown(command: Command, way: Way): string {
  const [smtp, lmtp] = [inWords(expectedOf(command, way, "smtp")), inWords(expectedOf(command, way, "lmtp"))];
  return smtp === lmtp ? smtp : `${smtp}; LMTP: ${lmtp}`;
}

/** A session that is dropped is the rule where it broke, so only the ones that are kept are marked. */
function inWords({ verdicts, session }: Expected): string {
  const shorter = (verdict: string) => verdict.replace(/ (host|mail|recipient)\b/, " ($1)").replace(" twice?", ", ≤ 1 copy more");
  const said = [...new Set([verdicts].flat().map(shorter))];
  return `${said.join(" / ")}${session === "kept" ? " ↺" : ""}`;
}
