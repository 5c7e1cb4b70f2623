// Executable: compiles the worker as `npm run compile` does, into a folder of the test's own.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");

/** `null` where Bun's runtime for the target could not be fetched. */
export type Compiled = Readonly<{ path: string; remove(): void }>;

/** For this machine, or for a target of Bun's such as `linux-arm64`. */
export async function compile(target?: string): Promise<Compiled | null> {
  const folder = mkdtempSync(join(tmpdir(), "sesame-executable-"));
  const path = join(folder, "sesame");
  const args = [join(root, "scripts/compile.mjs"), `--outfile=${path}`, ...(target === undefined ? [] : [`--target=${target}`])];
  const child = Bun.spawn([process.execPath, ...args], { cwd: root, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) === 0) return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
  rmSync(folder, { recursive: true, force: true });
  if (target !== undefined && /Failed to download/.test(said)) return null;
  throw new Error(said);
}
