// Exit: how a worker ends.

const logFlushMs = 1000;

/** Ends the process after the log had time to be written, even if something still runs. Returns the exit code. */
export function exitSoon(code: number): number {
  setTimeout(() => process.exit(code), logFlushMs).unref();
  return code;
}
