// World: what all parts of the table of goals share: the AWS process, the mail servers, and the programs that are measured, with
// what is not installed on this machine.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { freePorts } from "../../tests/mailserver/free-port.ts";
import { type Compiled, compile } from "../../tests/system/executable.ts";
import { until } from "../../tests/until.ts";
import type { Scale } from "../compare.ts";
import type { Certificate } from "../mail-sinks.ts";
import type { AwsNews, AwsOrder } from "../processes/aws-process.ts";
import { endWithUs } from "../processes/end-with-us.ts";
import { Helper } from "../processes/helper.ts";
import type { SinkNews, SinkOrder, Taken } from "../processes/sink-process.ts";

export const smtpMs = 8; // from the final dot to its answer, in the latency model

/** A mail server that takes everything. */
export type Sink = Readonly<{
  port: number;
  name: string;
  /**
   * The mails that came since the last question; `null`: it cannot tell. `together`: a sink that reads slowly reads no mail
   * further until so many are on their way.
   */
  taken(together?: number): Promise<Taken | null>;
  close(): void;
}>;

export type World = Readonly<{
  scale: Scale;
  aws: Helper<AwsOrder, AwsNews>;
  endpoint: string;
  /** A folder for what the programs print. */
  folder: string;
  /** Answers at once. */
  sink: Sink;
  /** Answers the final dot after `smtpMs`. */
  slowSink: Sink;
  /** Reads slowly: a mail stays on its way. */
  lazySink: Sink;
  /** The worker: the executable, or the source where it is not compiled. */
  sesame: readonly string[];
  source: readonly string[];
  /** The interpreter with boto3, or `null`. */
  python: Python | null;
  smtpSource: string | null;
  /** Variables of all workers besides those of a row. */
  env: Readonly<Record<string, string>>;
  close(): void;
}>;

const noTls = { given: {}, env: {} };

/** `tiny` measures the source: to compile it takes longer than the rest. With a certificate the AWS speaks TLS alone. */
export async function startWorld(
  scale: Scale,
  { certificate = null, set = {} }: Readonly<{ certificate?: Certificate | null; set?: Readonly<Record<string, string>> }> = {},
): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "sesame-bench-"));
  const { given, env } = certificate === null ? noTls : tlsWith(certificate, join(folder, "cert.pem"));
  const aws = new Helper<AwsOrder, AwsNews>("aws-process.ts", [], given);
  const { endpoint } = await aws.next("started");
  const [sink, slowSink, lazySink] = await Promise.all([quickSink(), ownSink(smtpMs, 0), ownSink(0, 5)]);
  const source = [process.execPath, join(import.meta.dir, "../../apps/worker/main.ts"), "run"];
  const compiled: Compiled | null = scale === "tiny" ? null : await compile();
  const sesame = compiled === null ? source : [compiled.path, "run"];
  const close = () => {
    for (const each of [sink, slowSink, lazySink, aws]) each.close();
    compiled?.remove();
    rmSync(folder, { recursive: true, force: true });
  };
  const found = { python: findPython(), smtpSource: find("smtp-source") };
  return { scale, aws, endpoint, folder, sink, slowSink, lazySink, sesame, source, env: { ...env, ...set }, close, ...found };
}

/** What the AWS is given, and what the workers are. */
function tlsWith(certificate: Certificate, file: string): Readonly<Record<"given" | "env", Readonly<Record<string, string>>>> {
  writeFileSync(file, certificate.cert);
  return { given: { BENCH_CERTIFICATE: JSON.stringify(certificate) }, env: { NODE_EXTRA_CA_CERTS: file, AWS_CA_BUNDLE: file } };
}

export type Python = Readonly<{ path: string; versions: string }>;

/** Debian's own Python first: `python3-boto3` belongs to it. */
function findPython(): Python | null {
  const code = "import sys, boto3; print('Python ' + sys.version.split()[0] + ', boto3 ' + boto3.__version__)";
  for (const path of ["/usr/bin/python3", find("python3") ?? ""]) {
    const { status, stdout } = spawnSync(path, ["-c", code], { encoding: "utf8" });
    if (status === 0) return { path, versions: stdout.trim() };
  }
  return null;
}

/** A program of Postfix may lie where only root looks. */
function find(name: string): string | null {
  return Bun.which(name, { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` });
}

/** `smtp-sink` where it is installed, else ours. */
async function quickSink(): Promise<Sink> {
  const path = find("smtp-sink");
  if (path === null) return ownSink(0, 0);
  const [port = 0] = await freePorts(1);
  const user = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
  const child: Subprocess = Bun.spawn([path, ...user, `127.0.0.1:${port}`, "1000"], { stdio: ["ignore", "ignore", "inherit"] });
  endWithUs(child);
  await until(async () => (await isOpen(port)) || child.exitCode !== null, "smtp-sink does not listen", 20);
  if (child.exitCode !== null) return ownSink(0, 0);
  return { port, name: "smtp-sink", taken: async () => null, close: () => child.kill("SIGKILL") };
}

async function isOpen(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => {}, error: () => {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}

/** `dotMs`: before the answer to the final dot. `pauseMs`: after each piece that is read. */
async function ownSink(dotMs: number, pauseMs: number): Promise<Sink> {
  const helper = new Helper<SinkOrder, SinkNews>("sink-process.ts", [String(dotMs), String(pauseMs)]);
  const { port } = await helper.next("started");
  const taken = async (together = 0) => {
    helper.tell({ together });
    return (await helper.next("taken")).mails;
  };
  return { port, name: "a sink of our own", taken, close: () => helper.close() };
}
