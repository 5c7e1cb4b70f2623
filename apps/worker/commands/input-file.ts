// Input file: reads a file that a command line names.

import { readFile } from "node:fs/promises";
import { err, ok, quote, type Result } from "@sesame/core";

/** Reads a file. `what` names it in the error text. */
export async function readInputFile(path: string, what: string): Promise<Result<Uint8Array>> {
  try {
    return ok(new Uint8Array(await readFile(path)));
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? error.code : String(error);
    return err(`Cannot read the ${what} file ${quote(path)}: ${reason}`);
  }
}
