// Signals: the first one asks work to end, the second one ends the process. As process 1 of a container nothing happens by
// itself, so each signal that a supervisor sends is named here. A closed standard output counts as a signal: with nobody to
// read the log, work ends in order and not in an exception.

// A terminal tells the whole group, and a launcher passes on what it was told: that is one signal.
const echoMs = 250;

/** Resolves at the first SIGTERM, SIGINT or SIGHUP, or when standard output is closed. */
export function signalled(): Promise<string> {
  return new Promise((done) => {
    let first: Readonly<{ name: string; at: number }> | null = null;
    const hear = (name: string) => {
      const isEcho = first?.name === name && performance.now() - first.at <= echoMs;
      if (first !== null && !isEcho) process.exit(1); // the second one means it
      first ??= { name, at: performance.now() };
      done(name);
    };
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => hear(name));
    process.stdout.on("error", (error: { code?: string }) => {
      if (error.code === "EPIPE" && first === null) hear("EPIPE");
    });
  });
}

/** Waits for `work`, at most so long. */
export async function within<T>(seconds: number, work: Promise<T>): Promise<T | "over"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<"over">((resolve) => {
    timer = setTimeout(() => resolve("over"), seconds * 1000);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

const lastWordsMs = 1000;

/** What nobody waits for any more must not keep the process; but the log must have time to leave it. Gives the code back. */
export function exitSoon(code: number): number {
  setTimeout(() => process.exit(code), lastWordsMs).unref();
  return code;
}
