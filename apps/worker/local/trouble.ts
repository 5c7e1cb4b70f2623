// Trouble: whatever SQLite or the file system throws leaves this folder as a PortError, which delays mail and loses none.

import { PortError } from "@sesame/core";

/** Does the work of a port's method; what it throws is given the port's name. */
export async function portCall<T>(port: string, operation: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asPortError(port, operation, error);
  }
}

/** The same error under a port's name; one that has a name already keeps it. */
export function asPortError(port: string, operation: string, error: unknown): PortError {
  if (error instanceof PortError) return error;
  return new PortError(port, operation, error instanceof Error ? error.message : String(error), error);
}

/** True for an error of the system with this code, such as ENOENT. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}
