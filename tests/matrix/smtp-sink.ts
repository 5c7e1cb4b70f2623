// smtp-sink: Postfix's test server as a process of its own, which answers one of its commands in one way and all others
// well (smtp-sink(1)). For the SMTP matrix; its tests skip aloud where the program is missing.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { freePorts } from "../mailserver/free-port.ts";
import { until } from "../until.ts";

const program = "/usr/sbin/smtp-sink";

/** Why it cannot be started; `null` where it can. */
export function missingSink(): string | null {
  return existsSync(program) ? null : "smtp-sink is missing (apt-get install postfix)";
}

export type Sink = Readonly<{ port: number; stop(): Promise<void> }>;

/** Starts one on a free port of 127.0.0.1. */
export async function startSink(flags: readonly string[]): Promise<Sink> {
  const [port = 0] = await freePorts(1);
  const user = process.getuid?.() === 0 ? ["-u", "nobody"] : []; // it refuses to run as root
  const child = spawn(program, [...user, ...flags, `127.0.0.1:${port}`, "10"], { stdio: "ignore" });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await listening(port, child);
  return {
    port,
    stop: () => {
      child.kill();
      return exited;
    },
  };
}

/** Until somebody listens there: the first connection that is taken says so. */
async function listening(port: number, child: ChildProcess): Promise<void> {
  const isListening = () => {
    if (child.exitCode !== null) throw new Error(`smtp-sink ended with ${child.exitCode}`);
    return isTaken(port);
  };
  await until(isListening, "smtp-sink does not listen", 10);
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (taken: boolean) => {
      socket.destroy();
      resolve(taken);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
