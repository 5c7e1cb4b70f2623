// Worker: `sesame run` as a process of its own, from the checkout or as the compiled executable, and what it logs.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePorts } from "../mailserver/free-port.ts";

export type LogLine = Readonly<Record<string, unknown>> & Readonly<{ event?: string; level?: string; msg?: string }>;

const main = join(import.meta.dir, "../../apps/worker/main.ts");

export class WorkerProcess {
  readonly healthPort: number;
  readonly metricsPort: number;
  readonly lines: LogLine[] = [];
  /** What is no JSON: errors of the start, crashes. */
  readonly other: string[] = [];
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, healthPort: number, metricsPort: number) {
    this.#child = child;
    this.healthPort = healthPort;
    this.metricsPort = metricsPort;
    this.exited = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on("line", (line) => this.#hear(line));
    }
  }

  /** Starts one; `program` is the executable, else the checkout's source runs under this Bun. `folder`: where. */
  static async start(
    env: Readonly<Record<string, string>>,
    program: readonly string[] = [process.execPath, main],
    folder: string = process.cwd(),
  ): Promise<WorkerProcess> {
    const [healthPort = 0, metricsPort = 0] = await freePorts(2);
    const pages = { HTTP_HOST: "127.0.0.1", HEALTH_PORT: String(healthPort), METRICS_PORT: String(metricsPort) };
    const [file = "", ...args] = program;
    const child = spawn(file, [...args, "run"], {
      cwd: folder,
      env: { PATH: "/nowhere", ...pages, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    return new WorkerProcess(child, healthPort, metricsPort);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it in order; gives the exit code. */
  stop(): Promise<number | null> {
    this.kill("SIGTERM");
    return this.exited;
  }

  linesOf(event: string): readonly LogLine[] {
    return this.lines.filter((line) => line.event === event);
  }

  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.metricsPort}/metrics`)).text();
  }

  #hear(line: string): void {
    try {
      this.lines.push(JSON.parse(line) as LogLine);
    } catch {
      this.other.push(line);
    }
  }
}
