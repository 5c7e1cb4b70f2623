// Named file: what a command line names, read whole.

import { readFile } from "node:fs/promises";
import { err, ok, quote, type Result } from "@sesame/core";

/** The octets of a file; the error calls it `what` and says why it cannot be read. */
export async function readNamed(path: string, what: string): Promise<Result<Uint8Array>> {
  try {
    return ok(new Uint8Array(await readFile(path)));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${error.code})` : "";
    return err(`Cannot read the ${what}: a readable file must be named, is ${quote(path)}${code}`);
  }
}
