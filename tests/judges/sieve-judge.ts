// Sieve judge: Dovecot's Pigeonhole asked whether its vacation action (RFC 5230) would answer a mail. `sieve-test` is asked
// where there is a reverse-path; it takes no null one (RFC 5321 §4.5.5), so there `dovecot-lda` delivers the mail with the
// same script into a folder that is thrown away. No server runs, nothing is sent, and nothing outside the folder is touched.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A mail with its envelope, as both judge it. `mailbox` is the recipient without its tag (RFC 5233). */
export type Question = Readonly<{ id: string; sender: string | null; recipient: string; mailbox: string; octets: Uint8Array }>;

/** "reply", what the judge says of not replying, or what it says of an address that it takes no question about. */
export type Answer = "reply" | { readonly no: string } | { readonly unasked: string };

const lda = ["/usr/lib/dovecot/dovecot-lda", "/usr/libexec/dovecot/dovecot-lda"].find((path) => existsSync(path)) ?? null;

/** Why the judge cannot be asked; `null` where it can. */
export const sieveMissing: string | null =
  spawnSync("sh", ["-c", "command -v sieve-test"]).status !== 0
    ? "sieve-test is missing: apt-get install dovecot-sieve"
    : lda === null
      ? "dovecot-lda is missing: apt-get install dovecot-core"
      : null;

const script = 'require "vacation";\nvacation :days 7 "I am away";\n';

/** Asks about all mails, a few at a time. Throws where the judge does not answer. */
export async function askSieve(questions: readonly Question[]): Promise<ReadonlyMap<string, Answer>> {
  const folder = mkdtempSync(join(tmpdir(), "sesame-sieve-"));
  try {
    layOut(folder);
    const answers = new Map<string, Answer>();
    const waiting = [...questions.entries()];
    const lane = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        answers.set(next[1].id, await ask(folder, next[0], next[1]));
    };
    await Promise.all(Array.from({ length: 4 }, lane));
    return answers;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function layOut(folder: string): void {
  if (isRoot) spawnSync("chown", ["nobody:nogroup", folder]);
  writeFileSync(join(folder, "vacation.sieve"), script);
  const settings = [
    `mail_home=${folder}/home`,
    `mail_location=maildir:${folder}/mail`,
    "postmaster_address=postmaster@example.com",
    "log_path=/dev/stderr",
    "info_log_path=/dev/stderr",
    "first_valid_uid=0",
    "sendmail_path=/bin/true",
    "protocol lda {\n  mail_plugins = sieve\n}",
    // The full address stands in the mail as often as the mailbox does; the action is told of both, as our rules are.
    `plugin {\n  sieve=file:${folder}/vacation.sieve\n  sieve_vacation_use_original_recipient=yes\n}`,
  ];
  writeFileSync(join(folder, "dovecot.conf"), `${settings.join("\n")}\n`);
  runAs(folder, "sievec", ["-c", join(folder, "dovecot.conf"), join(folder, "vacation.sieve")]);
}

const isRoot = process.getuid?.() === 0;

/** Dovecot delivers no mail as root, so there it runs as nobody. */
function command(name: string, args: readonly string[]): readonly string[] {
  return isRoot ? ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", name, ...args] : [name, ...args];
}

function runAs(folder: string, name: string, args: readonly string[]): void {
  const [file = name, ...rest] = command(name, args);
  const run = spawnSync(file, rest, { encoding: "utf8", env: { ...process.env, HOME: folder }, cwd: folder });
  if (run.status !== 0) throw new Error(`${name} failed: ${run.stdout}${run.stderr}${run.error ?? ""}`);
}

async function ask(folder: string, index: number, { id, sender, recipient, mailbox, octets }: Question): Promise<Answer> {
  const mail = join(folder, `${index}.eml`);
  writeFileSync(mail, octets);
  const common = ["-c", join(folder, "dovecot.conf"), "-r", mailbox, "-a", recipient, "-f", sender ?? ""];
  const [file = "", ...args] =
    sender === null
      ? command(lda ?? "", [...common, "-e", "-p", mail])
      : command("sieve-test", [...common, "-e", join(folder, "vacation.sieve"), mail]);
  const said = await output(folder, file, args);
  if (/vacation action: sent vacation response to /.test(said)) return "reply";
  const no = /vacation action: ((?:discard|not sending)[^\n]*)/.exec(said)?.[1];
  if (no !== undefined) return { no };
  const unasked = /Fatal: (Invalid -[far] parameter: [^\n]*)/.exec(said)?.[1];
  if (unasked !== undefined) return { unasked };
  throw new Error(`The sieve judge says neither yes nor no to ${id}: ${said}`);
}

function output(folder: string, file: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: { ...process.env, HOME: folder }, cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    child.on("error", reject);
    child.on("close", () => resolve(text));
  });
}
