// Example: the first block of TypeScript of a page, run as it stands but for the words that a test puts in the place of others.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export type ExampleOptions = Readonly<{
  /** What stands for what: a name that exists only in the page, and the one that the test has. Each must occur. */
  replace?: Readonly<Record<string, string>>;
  env?: Readonly<Record<string, string>>;
}>;

/** What the example of a page (its path from the root of the repository) printed, when it ended well. */
export async function runExample(page: string, { replace = {}, env = {} }: ExampleOptions = {}): Promise<string> {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  let [, code] = /^```ts\n(.*?)^```$/ms.exec(readFileSync(`${root}/${page}`, "utf8")) ?? [];
  if (code === undefined) throw new Error(`No example in ${page}`);
  for (const [word, other] of Object.entries(replace)) {
    if (!code.includes(word)) throw new Error(`The example of ${page} has no ${word}`);
    code = code.replaceAll(word, other);
  }
  const child = spawn(process.execPath, ["run", "-"], { cwd: root, env: { ...process.env, ...env } });
  const [printed, complaints]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => printed.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => complaints.push(chunk));
  child.stdin.end(code);
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  if (status !== 0) throw new Error(`The example of ${page} ended with ${status}: ${Buffer.concat(complaints).toString()}`);
  return Buffer.concat(printed).toString();
}
