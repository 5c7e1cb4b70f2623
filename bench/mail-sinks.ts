// Mail sinks: servers that take every mail and keep it, without encryption or with STARTTLS.

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SMTPServer } from "smtp-server";
import { sinkServer } from "../tests/smtp/sink-server.ts";

/** A mail as the server got it. */
export type Kept = Readonly<{ recipients: readonly string[]; data: Buffer }>;

export type MailSink = Readonly<{
  port: number;
  /** What came since the last time. */
  take(): readonly Kept[];
  close(): void;
}>;

/** Says nothing of STARTTLS. */
export async function plainSink(): Promise<MailSink> {
  const sink = await sinkServer({ extensions: ["PIPELINING", "8BITMIME", "SIZE 41943040"] });
  const take = () => {
    sink.commands.length = 0;
    return sink.mails.splice(0);
  };
  return { port: sink.port, take, close: sink.close };
}

/** Takes mail over STARTTLS alone. `null` where there is no openssl to make a certificate. */
export async function tlsSink(): Promise<MailSink | null> {
  const certificate = selfSigned();
  if (certificate === null) return null;
  const kept: Kept[] = [];
  const server = new SMTPServer({
    ...certificate,
    authOptional: true,
    disabledCommands: ["AUTH"],
    disableReverseLookup: true,
    onMailFrom: (_, { secure }, done) => done(secure ? null : new Error("in the clear")),
    onData: (stream, { envelope }, done) => {
      const pieces: Buffer[] = [];
      stream.on("data", (piece: Buffer) => pieces.push(piece));
      stream.on("end", () => {
        kept.push({ recipients: envelope.rcptTo.map(({ address }) => address), data: Buffer.concat(pieces) });
        done();
      });
    },
  });
  server.on("error", () => {}); // a client that closes without a goodbye
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  const { port } = server.server.address() as AddressInfo;
  return { port, take: () => kept.splice(0), close: () => server.close() };
}

export type Certificate = Readonly<{ key: string; cert: string }>;

/** For localhost. `null` where there is no openssl. */
export function selfSigned(): Certificate | null {
  const folder = mkdtempSync(join(tmpdir(), "sesame-bench-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const form = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=DNS:localhost",
  ];
  const { status } = spawnSync("openssl", ["req", "-x509", ...form, "-keyout", key, "-out", cert]);
  const made = status === 0 ? { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") } : null;
  rmSync(folder, { recursive: true });
  return made;
}
