// Trouble: errors of SQLite and of the file system leave this folder as PortError, so that they delay a mail and lose none.

import { PortError } from "@sesame/core";

/** Runs the body of a port method; an error becomes a PortError with the name of the port. */
export async function portCall<T>(port: string, operation: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asPortError(port, operation, error);
  }
}

/** Wraps an error as PortError. A PortError stays as it is. */
export function asPortError(port: string, operation: string, error: unknown): PortError {
  if (error instanceof PortError) return error;
  return new PortError(port, operation, error instanceof Error ? error.message : String(error), error);
}

/** True for a system error with one of these codes, such as ENOENT. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}
