// Programs: what of Debian's postfix and dovecot packages is here. Tests that need them skip aloud where something is missing.

import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const needed = {
  postfix: "/usr/sbin/postfix",
  "postfix's daemons": "/usr/lib/postfix/sbin/master",
  dovecot: "/usr/sbin/dovecot",
  "dovecot-lmtpd": "/usr/lib/dovecot/lmtp",
  "dovecot-imapd": "/usr/lib/dovecot/imap",
} as const;

/** Why no mail server can be started here; `null` where it can. */
export function missingPrograms(): string | null {
  const missing = Object.entries(needed).flatMap(([name, path]) => (existsSync(path) ? [] : [name]));
  if (missing.length > 0) return `${missing.join(", ")} missing (apt-get install postfix dovecot-lmtpd dovecot-imapd dovecot-sieve)`;
  return process.getuid?.() === 0 ? null : "Postfix and Dovecot start as root only";
}

/**
 * Runs a program to its end; throws what it said when it failed. What it says goes to a file: a daemon that it leaves behind
 * would hold a pipe open for ever.
 */
export function run(command: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "sesame-run-"));
  const said = join(folder, "said");
  try {
    const file = openSync(said, "w");
    const done = Bun.spawnSync([...command], { stdin: "ignore", stdout: file, stderr: file, timeout: 30_000 });
    closeSync(file);
    const text = readFileSync(said, "utf8");
    if (done.exitCode === 0) return text;
    throw new Error(`Cannot run ${command.join(" ")}: must end with 0, is ${done.exitCode}: ${text}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
