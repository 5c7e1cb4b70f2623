// sesame log: shows a log in JSON as lines for people, from standard input or a file. It changes nothing.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";
import { quote } from "@sesame/core";
import { logText } from "../log-text/log-text.ts";
import { terminalStyle } from "../log-text/text-style.ts";
import { linesOf } from "../ndjson.ts";
import { redactor } from "../redact.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Shows a file, or standard input. Returns the exit code. */
export async function showLog(file: string | undefined, env: Environment, out: Writable & Readonly<{ isTTY?: boolean }>): Promise<number> {
  if (file === undefined) return showLines(process.stdin, env, out);
  const reason = await unreadable(file);
  if (reason === null) return showLines(createReadStream(file), env, out);
  process.stderr.write(`Cannot read the log ${quote(file)}: ${reason}; name a file, or pipe the log into sesame log\n`);
  return 2;
}

async function unreadable(file: string): Promise<string | null> {
  try {
    return (await stat(file)).isDirectory() ? "it is a folder" : null;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

/** Writes the lines of a log for people, each as soon as it has come. */
export async function showLines(input: Readable, env: Environment, out: Writable & Readonly<{ isTTY?: boolean }>): Promise<number> {
  const [toText, redact] = [logText(terminalStyle(out, env)), redactor(env)];
  for await (const line of linesOf(input)) {
    if (line.trim() === "") continue;
    if (!out.write(toText(redact(line)))) await new Promise((resolve) => out.once("drain", resolve));
  }
  return 0;
}
