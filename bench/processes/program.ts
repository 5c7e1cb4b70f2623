// Program: a worker that is measured, as a process of its own: what it costs, read from Linux's /proc. Its output goes to a file,
// because a bench that reads it would take the processor from the worker.

import { existsSync, readFileSync } from "node:fs";
import type { Subprocess } from "bun";
import { endWithUs } from "./end-with-us.ts";

export class Program {
  readonly #child: Subprocess;
  readonly #output: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;

  /** `output`: a file for what it prints. */
  constructor(command: readonly string[], env: Readonly<Record<string, string>>, output: string) {
    this.#output = output;
    this.startedAt = performance.timeOrigin + performance.now();
    const file = Bun.file(output);
    this.#child = Bun.spawn([...command], { env: { PATH: "/nowhere", ...env }, stdin: "ignore", stdout: file, stderr: file });
    endWithUs(this.#child);
  }

  get exited(): Promise<number> {
    return this.#child.exited;
  }

  /** Milliseconds of processor time so far, of all threads. The kernel counts in steps of 10 ms. */
  cpuMs(): number {
    const fields = readFileSync(`/proc/${this.#child.pid}/stat`, "latin1")
      .replace(/^.*\) /, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  /** Octets of memory: in use now, and the most so far. */
  memory(): Readonly<{ now: number; peak: number }> {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "latin1");
    const octets = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
    return { now: octets("VmRSS"), peak: octets("VmHWM") };
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 30_000);
    await this.#child.exited;
    clearTimeout(timer);
  }

  /** The end of what it printed, for the text of an error. */
  lastWords(): string {
    return existsSync(this.#output) ? readFileSync(this.#output, "utf8").slice(-2000) : "";
  }
}
