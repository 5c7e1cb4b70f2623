// Emulator: starts SQS and S3 of fauxqs for the tests of one file, from any runtime, and makes clients for it.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type AwsClients, type AwsOptions, awsClients } from "@sesame/aws-adapters";

export type Emulator = Readonly<{
  endpoint: string;
  /** Moves the emulator's clock on. */
  advance(seconds: number): Promise<void>;
  close(): Promise<void>;
}>;

/** Starts one. It ends with this process, whatever ends that. */
export async function startEmulator(): Promise<Emulator> {
  const script = fileURLToPath(new URL("./emulator-process.ts", import.meta.url));
  const child = spawn(...bun(script), { stdio: ["pipe", "pipe", "inherit"] }) as ChildProcessByStdio<Writable, Readable, null>;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error("The emulator ended");
    return String(value);
  };
  const endpoint = await line();
  return {
    endpoint,
    advance: async (seconds) => {
      child.stdin.write(`advance ${seconds}\n`);
      await line();
    },
    close: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.stdin.end();
      }),
  };
}

/** This runtime where it is Bun, else the pinned Bun through its launcher. */
function bun(script: string): [string, string[]] {
  if (process.versions["bun"] !== undefined) return [process.execPath, [script]];
  return ["node", [fileURLToPath(new URL("../../scripts/bun.mjs", import.meta.url)), script]];
}

/** Clients for an emulator or a scripted server. */
export function testClients(endpoint: string, options: Partial<AwsOptions> = {}): AwsClients {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  return awsClients({ version: "0.0.0-test", endpoint, region: "eu-central-1", credentials, ...options });
}
