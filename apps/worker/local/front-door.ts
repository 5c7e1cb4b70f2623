// Front door: an SMTP server on the loopback in SES's place (RFC 5321; SIZE, RFC 1870; 8BITMIME, RFC 6152). It takes mail
// for served domains only, and says 250 once the mail and its queue entries are on the disk. It has no AUTH and no TLS, as
// nothing but this machine can reach it. What it makes of a mail is in intake.ts.

import { rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { type Address, type Domain, domainOf, err, ok, parseAddress, type Result } from "@sesame/core";
import { SMTPServer, type SMTPServerDataStream, type SMTPServerOptions, type SMTPServerSession } from "smtp-server";
import { type Connection, makeExact } from "./exact-data.ts";
import { type Intaken, type IntakeOptions, spool, take } from "./intake.ts";
import { hasCode } from "./trouble.ts";

export type FrontDoorOptions = IntakeOptions &
  Readonly<{
    /** The first port to try; twenty more follow when it is taken. 0 lets the system choose. Default 2500. */
    port?: number;
    /** Largest mail, in octets. Default 41943040, the limit of SES. */
    maxSize?: number;
    /** Hears of each mail that was taken. */
    onMail?: (mail: Intaken) => void;
    /** Hears of each mail that could not be stored, and of troubles of connections. */
    onTrouble?: (error: Error) => void;
  }>;

/** A front door that is open. */
export type FrontDoor = Readonly<{
  /** The port that it got. */
  port: number;
  /** Takes no more connections and waits for the open ones, at most some seconds. */
  close(): Promise<void>;
}>;

const host = "127.0.0.1";
const morePorts = 20;
const idleMs = 5 * 60_000; // RFC 5321 §4.5.3.2.7
const closeMs = 2000;

/** Opens the front door. The error says which port could not be had. */
export async function openFrontDoor(options: FrontDoorOptions): Promise<Result<FrontDoor>> {
  const first = options.port ?? 2500;
  const last = first === 0 ? 0 : first + morePorts;
  for (let port = first; port <= last; port++) {
    const server = makeServer(options);
    const got = await listen(server, port);
    if (typeof got === "number") return ok({ port: got, close: () => close(server) });
    if (!hasCode(got, "EADDRINUSE"))
      return err(`Cannot open port ${port} on ${host}: the system refuses it, is "${got.message}"`);
  }
  return err(`Cannot open the front door on ${host}: a port must be free, is ${first} to ${last}, all taken`);
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
  // Its own check of addresses refuses local parts that do exist, such as `a..b`; ours decides, as it does everywhere.
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
      if (connection) makeExact(connection);
      callback();
    },
    onMailFrom: ({ address }, _session, callback) => callback(refuseSender(address)),
    onRcptTo: ({ address }, _session, callback) => callback(refuseRecipient(address, domains)),
    onData: (stream, session, callback) => {
      receive(options, maxSize, stream, session)
        .then(
          (intaken) => {
            callback(null, `OK ${intaken.sesId}`);
            options.onMail?.(intaken);
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

/** An answer of 4yz or 5yz. smtp-server reads `responseCode`. */
class Refusal extends Error {
  readonly responseCode: number;
  constructor(responseCode: number, text: string) {
    super(text);
    this.name = "Refusal";
    this.responseCode = responseCode;
  }
}

function refuseSender(text: string): Refusal | null {
  return text === "" || parseAddress(text).ok ? null : new Refusal(553, "5.1.7 The reverse-path is no address");
}

function refuseRecipient(text: string, domains: ReadonlySet<Domain>): Refusal | null {
  const parsed = parseAddress(text);
  if (!parsed.ok) return new Refusal(553, "5.1.3 The recipient is no address");
  return domains.has(domainOf(parsed.value)) ? null : new Refusal(550, "5.7.1 Relaying is denied: the domain is not served here");
}

async function receive(
  options: FrontDoorOptions,
  maxSize: number,
  stream: SMTPServerDataStream,
  session: SMTPServerSession,
): Promise<Intaken> {
  const spooled = await spool(options.folder, stream, maxSize);
  if (spooled === "too-big") throw new Refusal(552, `5.3.4 The mail is larger than ${maxSize} octets`);
  try {
    const { mailFrom, rcptTo } = session.envelope;
    const source = mailFrom === false ? "" : wireSpelling(mailFrom.address);
    return await take(options, { source, recipients: rcptTo.map(({ address }) => wireSpelling(address) as Address) }, spooled);
  } finally {
    await rm(spooled.file, { force: true });
  }
}

/** The address with its domain as A-labels: smtp-server turns `xn--…` into the letters that it stands for. */
function wireSpelling(text: string): string {
  const at = text.lastIndexOf("@");
  const parsed = parseAddress(text);
  const ascii = /^[\0-\x7f]*$/.test(text.slice(at + 1));
  return parsed.ok && !ascii ? `${text.slice(0, at)}@${domainOf(parsed.value)}` : text;
}
