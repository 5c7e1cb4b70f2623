// Front door: the SMTP server of `sesame local` on the loopback, in place of SES (RFC 5321; SIZE, RFC 1870; 8BITMIME, RFC
// 6152). It accepts mail for served domains only, and answers 250 when the mail and its queue entries are on the disk. It has
// no AUTH and no TLS: only this machine can reach it. accept-mail.ts stores the mail.

import { rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { type Address, type Domain, domainOf, err, ok, parseAddress, type Result } from "@sesame/core";
import { SMTPServer, type SMTPServerDataStream, type SMTPServerOptions, type SMTPServerSession } from "smtp-server";
import { type AcceptedMail, type AcceptOptions, acceptMail, spool } from "./accept-mail.ts";
import { type Connection, fixConnection } from "./smtp-server-fixes.ts";
import { hasCode } from "./trouble.ts";

export type FrontDoorOptions = AcceptOptions &
  Readonly<{
    /** The first port to try; if it is in use, the next twenty are tried. 0: the system chooses. Default 2500. */
    port?: number;
    /** Largest mail, in octets. Default 41943040, the limit of SES. */
    maxSize?: number;
    /** Called for each accepted mail. */
    onMail?: (mail: AcceptedMail) => void;
    /** Called for each mail that could not be stored, and for connection errors. */
    onTrouble?: (error: Error) => void;
  }>;

/** A running front door. */
export type FrontDoor = Readonly<{
  /** The port it listens on. */
  port: number;
  /** Accepts no more connections, and waits two seconds at most for the open ones. */
  close(): Promise<void>;
}>;

const host = "127.0.0.1";
const morePorts = 20;
const idleMs = 5 * 60_000; // RFC 5321 §4.5.3.2.7
const closeMs = 2000;

/** Opens the front door. The error says which port cannot be used. */
export async function openFrontDoor(options: FrontDoorOptions): Promise<Result<FrontDoor>> {
  const first = options.port ?? 2500;
  const last = first === 0 ? 0 : first + morePorts;
  for (let port = first; port <= last; port++) {
    const server = makeServer(options);
    const got = await listen(server, port);
    if (typeof got === "number") return ok({ port: got, close: () => close(server) });
    if (!hasCode(got, "EADDRINUSE")) return err(`Cannot listen on ${host} port ${port}: ${got.message}; choose another --port`);
  }
  return err(`Cannot listen on ${host}: the ports ${first} to ${last} are all in use; choose another --port`);
}

function listen(server: SMTPServer, port: number): Promise<number | Error> {
  return new Promise((resolve) => {
    server.once("error", resolve);
    server.listen(port, host, () => resolve((server.server.address() as AddressInfo).port));
  });
}

function close(server: SMTPServer): Promise<void> {
  return new Promise((resolve) => server.close(resolve));
}

function makeServer(options: FrontDoorOptions): SMTPServer {
  const { maxSize = 41_943_040, onTrouble = () => {} } = options;
  const domains = new Set(options.queues.keys());
  // The address check of smtp-server refuses local parts that are in use, such as `a..b`. parseAddress decides instead.
  const settings: SMTPServerOptions & { lenientAddressParsing: boolean } = {
    name: "sesame.localhost",
    banner: "Sesame",
    size: maxSize,
    disabledCommands: ["AUTH", "STARTTLS"],
    hideSMTPUTF8: true,
    hideENHANCEDSTATUSCODES: false,
    lenientAddressParsing: true,
    disableReverseLookup: true,
    socketTimeout: idleMs,
    closeTimeout: closeMs,
    logger: false,
    onConnect: (session, callback) => {
      const connection = [...(server.connections as ReadonlySet<Connection>)].find(({ id }) => id === session.id);
      if (connection) fixConnection(connection);
      callback();
    },
    onMailFrom: ({ address }, _session, callback) => callback(refuseSender(address)),
    onRcptTo: ({ address }, _session, callback) => callback(refuseRecipient(address, domains)),
    onData: (stream, session, callback) => {
      receive(options, maxSize, stream, session)
        .then(
          (accepted) => {
            callback(null, `OK ${accepted.sesId}`);
            options.onMail?.(accepted);
          },
          (error: Error) => {
            callback(error instanceof Refusal ? error : new Refusal(451, "4.3.0 Cannot store the mail now, try again later"));
            onTrouble(error);
          },
        )
        .catch(onTrouble);
    },
  };
  const server = new SMTPServer(settings);
  server.on("error", onTrouble);
  return server;
}

/** An SMTP reply 4yz or 5yz. smtp-server reads `responseCode`. */
class Refusal extends Error {
  readonly responseCode: number;
  constructor(responseCode: number, text: string) {
    super(text);
    this.name = "Refusal";
    this.responseCode = responseCode;
  }
}

function refuseSender(text: string): Refusal | null {
  return text === "" || parseAddress(text).ok ? null : new Refusal(553, "5.1.7 The reverse-path is not an address");
}

function refuseRecipient(text: string, domains: ReadonlySet<Domain>): Refusal | null {
  const parsed = parseAddress(text);
  if (!parsed.ok) return new Refusal(553, "5.1.3 The recipient is not an address");
  return domains.has(domainOf(parsed.value)) ? null : new Refusal(550, "5.7.1 Relaying is denied: the domain is not served here");
}

async function receive(
  options: FrontDoorOptions,
  maxSize: number,
  stream: SMTPServerDataStream,
  session: SMTPServerSession,
): Promise<AcceptedMail> {
  const spooled = await spool(options.folder, stream, maxSize);
  if (spooled === "too-big") throw new Refusal(552, `5.3.4 The mail is larger than ${maxSize} octets`);
  try {
    const { mailFrom, rcptTo } = session.envelope;
    const source = mailFrom === false ? "" : wireSpelling(mailFrom.address);
    return await acceptMail(options, { source, recipients: rcptTo.map(({ address }) => wireSpelling(address) as Address) }, spooled);
  } finally {
    await rm(spooled.file, { force: true });
  }
}

/** The address with its domain as A-labels: smtp-server converts `xn--…` to Unicode. */
function wireSpelling(text: string): string {
  const at = text.lastIndexOf("@");
  const parsed = parseAddress(text);
  const ascii = /^[\0-\x7f]*$/.test(text.slice(at + 1));
  return parsed.ok && !ascii ? `${text.slice(0, at)}@${domainOf(parsed.value)}` : text;
}
