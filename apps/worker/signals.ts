// Signals: the first signal asks the worker to stop, the second one ends the process at once. Process 1 of a container has no
// default signal handlers, so each signal that a supervisor sends is named here. A closed standard output counts as a
// signal too: without a reader of the log the worker stops in order, and not with an exception.

// A terminal signals the whole process group, and a launcher repeats the signal: two within this time are one.
const repeatMs = 250;

/** Resolves with its name at the first SIGTERM, SIGINT or SIGHUP, or with EPIPE when standard output is closed. */
export function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let first: Readonly<{ name: string; at: number }> | null = null;
    const onSignal = (name: string) => {
      const isRepeat = first?.name === name && performance.now() - first.at <= repeatMs;
      if (first !== null && !isRepeat) process.exit(1);
      first ??= { name, at: performance.now() };
      resolve(name);
    };
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => onSignal(name));
    process.stdout.on("error", (error: { code?: string }) => {
      if (error.code === "EPIPE" && first === null) onSignal("EPIPE");
    });
  });
}
