// Command line errors: each message says what is wrong and how to fix it.

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Address } from "@sesame/core";
import { mailboxesOf, openMail, readableText, subjectOf } from "@sesame/core/mail";
import { lockData } from "../../apps/worker/local/data-lock.ts";
import { openDatabase } from "../../apps/worker/local/database.ts";
import { sinkServer } from "../smtp/sink-server.ts";

const main = join(import.meta.dir, "../../apps/worker/main.ts");
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sesame-commands-"));
  folders.push(folder);
  return folder;
}

async function sesame(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd: string = newFolder()) {
  const child = Bun.spawn([process.execPath, main, ...args], { cwd, env: { PATH: "/nowhere", ...env }, stdout: "pipe", stderr: "pipe" });
  const [out, error, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  return { out, error: error.trimEnd(), code };
}

setDefaultTimeout(60_000); // processes of their own, on a machine that may have other work

const closedPort = "1";
const bad: readonly [readonly string[], RegExp][] = [
  [["bogus"], /^error: unknown command 'bogus'/],
  [["check", "--jsno"], /^error: unknown option '--jsno'/],
  [["local", "--port", "abc"], /^error: option '--port <port>' argument 'abc' is invalid\. Must be a whole number from 0 to 65535\./],
  [["local", "--port", "70000"], /argument '70000' is invalid/],
  [["send", "--port", "25x", "--to", "a@example.com"], /argument '25x' is invalid/],
  [["send"], /^Cannot send a mail: it has no recipient; give --to/],
  [["send", "--to", "nobody"], /^Cannot read an address: must have a local part, an @ and a domain, is "nobody"/],
  [["send", "--to", "ü@example.com"], /^Cannot send a mail: an address must have ASCII letters before the @, is "ü@example.com"/],
  [["send", "--to", "a@example.com", "--verdict", "spf=MAYBE"], /^Cannot set a verdict: must be .*such as spf=FAIL, is "spf=MAYBE"/],
  [["send", "--to", "a@example.com", "--verdict", "spf=FAIL", "arc=FAIL"], /^Cannot set a verdict: .*, is "arc=FAIL"/],
  [["send", "none.eml", "--to", "a@example.com"], /^Cannot read the mail file "none\.eml": ENOENT/],
  [["explain"], /^Cannot explain: give a mail, or --batch/],
  [["rules", "set", "a@example.com", "--forward"], /^error: option '--forward <address\.\.\.>' argument missing/],
  [["local", "--data", "/dev/null/x"], /^Cannot use the data folder "\/dev\/null\/x": this user must be able to write to it \(ENOTDIR/],
];
for (const [args, expected] of bad) {
  test(`sesame ${args.join(" ")} ends with exit code 2 and says what is wrong`, async () => {
    const { error, code } = await sesame(args);
    expect(error).toMatch(expected);
    expect(error).not.toContain("    at "); // no stack
    expect(code).toBe(2);
  });
}

test("sesame send reports that no server listens at its host and port", async () => {
  const { error, code } = await sesame(["send", "--port", closedPort, "--to", "a@example.com"]);
  expect(error).toMatch(/^Cannot send the mail to 127\.0\.0\.1:1: .*ECONNREFUSED.*; start sesame local, or check --host and --port/);
  expect(code).toBe(1);
});

test("sesame send gives the answer of a server that refuses all recipients, or some", async () => {
  const server = await sinkServer({ answer: (line) => (line.includes("<x@") ? "550 5.7.1 Relaying is denied" : null) });
  const port = String(server.port);
  const none = await sesame(["send", "--port", port, "--to", "x@foreign.test"]);
  expect(none).toEqual({
    out: "",
    error: `Cannot send the mail: 127.0.0.1:${port} answered 550 5.7.1 Relaying is denied`,
    code: 1,
  });
  const some = await sesame(["send", "--port", port, "--to", "x@foreign.test", "a@example.com"]);
  expect([some.out, some.code]).toEqual([`Sent to a@example.com through 127.0.0.1:${port}: 250 2.0.0 taken\n`, 1]);
  const json = await sesame(["send", "--port", port, "--to", "x@foreign.test", "a@example.com", "--json"]);
  expect(JSON.parse(json.out)).toMatchObject({ accepted: ["a@example.com"], refused: [expect.stringContaining("550 5.7.1")], mails: [] });
  expect(some.error).toContain("550 5.7.1 Relaying is denied");
  server.close();
});

test("sesame send writes names, subject and text in UTF-8, and long lines as quoted-printable", async () => {
  const server = await sinkServer();
  const port = String(server.port);
  const long = "ä".repeat(600);
  const from = "Zoë Müller <zoe@münchen.test>";
  for (const text of ["Grüße\n.\nEnde", long]) {
    const sent = await sesame([
      "send",
      "--port",
      port,
      "--from",
      from,
      "--to",
      "Ann <ann@example.com>",
      "bob@example.com",
      "--subject",
      "Übung 日本",
      "--text",
      text,
    ]);
    expect([sent.error, sent.code]).toEqual(["", 0]);
  }
  server.close();
  const [first, second] = server.mails.map(({ data }) => openMail(data, data.length));
  if (!first || !second) throw new Error("a mail is missing");
  expect(mailboxesOf(first, "From", "To")).toEqual([
    { name: "Zoë Müller", address: "zoe@xn--mnchen-3ya.test" as Address },
    { name: "Ann", address: "ann@example.com" as Address },
    { name: "", address: "bob@example.com" as Address },
  ]);
  expect(subjectOf(first)).toBe("Übung 日本");
  expect((await readableText(first)).trim()).toBe("Grüße\n.\nEnde");
  expect((await readableText(second)).trim()).toBe(long);
});

test("sesame rules and block create no data folder, and mention --aws", async () => {
  const folder = newFolder();
  for (const args of [
    ["rules", "list"],
    ["rules", "set", "a@example.com", "--ooo", "away"],
    ["block", "show", "a@example.com"],
  ]) {
    const { out, error, code } = await sesame(args, {}, folder);
    expect(error).toMatch(/^Cannot open the tables: ".*" has no sesame\.sqlite; use --data with the data folder of sesame local, or --aws/);
    expect([out, code, existsSync(join(folder, "sesame-data"))]).toEqual(["", 2, false]);
  }
});

test("sesame rules set prints a note if a row does less than it seems to do, and sets it", async () => {
  const data = newFolder();
  openDatabase(data).close();
  const set = await sesame([
    "rules",
    "set",
    "a@example.com",
    "--data",
    data,
    "--ooo",
    "away",
    "--end",
    "2020-01-01",
    "--forward",
    "a@example.com",
  ]);
  expect(set.code).toBe(0);
  expect(set.error.split("\n")).toEqual([
    expect.stringMatching(/^Note: the auto-reply ended at 2020-01-02 00:00:00 UTC/),
    "Note: the forward to a@example.com itself is skipped",
  ]);
  const corrected = await sesame(["rules", "set", "a@example.com", "--data", data, "--end", "", "--no-forward"]);
  expect(corrected).toMatchObject({ code: 0, error: "" });
  expect(JSON.parse(corrected.out)).toEqual({ ooo_active: true, ooo_message: "away", ooo_content_type: "text" });
  expect((await sesame(["block", "set", "a@example.com", "*", "--data", data])).error).toMatch(/^Note: Pattern "\*" matches every sender/);
  const missing = await sesame(["rules", "show", "b@example.com", "--data", data]);
  expect(missing).toEqual({ out: "", error: "Cannot find a row for b@example.com in the table rules", code: 2 });
});

test("sesame block adds, replaces and removes patterns, and says what is gone", async () => {
  const data = newFolder();
  openDatabase(data).close();
  const block = (...args: string[]) => sesame(["block", ...args, "--data", data]);
  const patterns = async () => JSON.parse((await block("list", "--json")).out) as unknown;
  const row = (...blocked_patterns: string[]) => [{ address: "a@example.com", row: { blocked_patterns } }];
  expect((await block("add", "A@example.com", "*@spam.test")).code).toBe(0);
  expect((await block("add", "a@example.com", "*@junk.test", "*@SPAM.test")).error).toBe("");
  expect(await patterns()).toEqual(row("*@spam.test", "*@junk.test"));
  expect(await block("set", "a@example.com", "*@junk.test")).toMatchObject({ code: 0, error: "Note: no longer blocked: *@spam.test" });
  expect((await block("remove", "a@example.com", "*@spam.test")).code).toBe(2);
  const last = await block("remove", "a@example.com", "*@junk.test");
  expect([last.code, last.error]).toEqual([0, "Note: nothing is left in the row a@example.com, and it is removed"]);
  expect(await patterns()).toEqual([]);
  expect((await block("remove", "a@example.com")).error).toBe("Cannot find a row for a@example.com in the table blocked");
});

/** Whether the lock of a data folder is free. */
function takesLock(data: string): boolean {
  const lock = lockData(data);
  if (lock.ok) lock.value.release();
  return lock.ok;
}

test("sesame local names the file that is not a database, and leaves no lock", async () => {
  const data = newFolder();
  writeFileSync(join(data, "sesame.sqlite"), "this is no database, but a text of more than a hundred octets. ".repeat(20));
  const { error, code } = await sesame(["local", "--data", data, "--port", "0"]);
  expect(error).toMatch(/^Cannot open ".*sesame\.sqlite": must be a Sesame database that this user can write \(/);
  expect([code, takesLock(data)]).toEqual([2, true]);
});

test("sesame explain --batch ends when its output pipe is closed", async () => {
  const cases = join(newFolder(), "cases.ndjson");
  writeFileSync(cases, '{"id":1,"mail":"!","facts":{}}\n'.repeat(20_000));
  const script = `"${process.execPath}" "${main}" explain --batch < "${cases}" | head -n 1`;
  const child = Bun.spawn(["bash", "-o", "pipefail", "-c", script], { stdout: "pipe", stderr: "pipe", timeout: 50_000 });
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  expect([out.startsWith('{"id":1,"error":'), error, child.exitCode]).toEqual([true, "", 0]);
});

test("sesame local is ready as soon as it takes mail, and logs that it stops and that it stopped", async () => {
  const data = newFolder();
  const env = { PATH: "/nowhere", HEALTH_PORT: "0", METRICS_PORT: "0" };
  const child = Bun.spawn([process.execPath, main, "local", "--data", data, "--port", "0"], { env, stdout: "pipe", stderr: "pipe" });
  let [text, isAsked] = ["", false];
  for await (const piece of child.stdout) {
    text += new TextDecoder().decode(piece);
    if (isAsked || !text.includes("into another terminal")) continue;
    isAsked = true;
    const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1];
    const isReady = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
    for (let asked = 0; asked < 100 && !(await isReady()); asked++) await Bun.sleep(50); // WAIT_SECONDS is 20: it does not wait for a mail
    expect(await isReady()).toBe(true);
    child.kill("SIGINT");
  }
  const lines = text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as { event: string });
  expect(lines.map(({ event }) => event)).toEqual(["stopping", "stopped"]);
  expect(await child.exited).toBe(0);
  expect(takesLock(data)).toBe(true);
});
