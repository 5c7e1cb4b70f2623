// Signals: the first one asks work to end, the second one ends the process. As process 1 of a container nothing happens by
// itself, so each signal that a supervisor sends is named here. A closed standard output counts as a signal: with nobody to
// read the log, work ends in order and not in an exception.

/** Resolves at the first SIGTERM, SIGINT or SIGHUP, or when standard output is closed. */
export function signalled(): Promise<string> {
  return new Promise((done) => {
    let again = false;
    const hear = (name: string) => {
      if (again) process.exit(1); // the second one means it
      again = true;
      done(name);
    };
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => hear(name));
    process.stdout.on("error", (error: { code?: string }) => {
      if (error.code === "EPIPE" && !again) hear("EPIPE");
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
