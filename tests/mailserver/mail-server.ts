// Mail server: Debian's Postfix and Dovecot in a folder of their own, on the loopback, for tests. It touches no file of the
// system's own configuration and stops only what it started.

import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../until.ts";
import { dovecotConf, type Mailbox, password, usersFile } from "./dovecot.ts";
import { freePorts } from "./free-port.ts";
import { fetchInbox } from "./imap.ts";
import { mainCf, masterCf, type PostfixOptions } from "./postfix.ts";
import { run } from "./programs.ts";

export type MailServerOptions = Readonly<{
  mailboxes?: readonly Mailbox[];
  /** Lines for Postfix's main.cf. */
  main?: readonly string[];
  /** STARTTLS with a certificate that nobody signed but itself. */
  tls?: boolean;
  /** Port of a policy service, such as one that greylists. */
  policyPort?: number;
}>;

/** alice, bob and carol in two domains; mailboxes that are full, small or broken; one that transport_maps lead away. */
export const usualMailboxes: readonly Mailbox[] = [
  ...["alice", "bob", "carol", "info"].map((name) => ({ address: `${name}@example.com` })),
  ...["alice", "bob", "carol"].map((name) => ({ address: `${name}@another.test` })),
  ...["alice", "bob", "carol"].map((name) => ({ address: `${name}@third.test` })),
  { address: "alice@mapped.test" },
  { address: "full@example.com", extra: "userdb_quota_rule=*:storage=1B" },
  { address: "small@example.com", extra: "userdb_quota_rule=*:storage=20k" },
  { address: "broken@example.com", extra: "userdb_mail=maildir:/proc/nonexistent" },
];

export class MailServer {
  readonly folder: string;
  readonly ports: Readonly<{ smtp: number; internal: number; lmtp: number; imap: number }>;

  private constructor(folder: string, ports: MailServer["ports"]) {
    this.folder = folder;
    this.ports = ports;
  }

  static async start(options: MailServerOptions = {}): Promise<MailServer> {
    const folder = mkdtempSync(join(tmpdir(), "sesame-mx-"));
    const [smtp = 0, internal = 0, lmtp = 0, imap = 0] = await freePorts(4);
    const server = new MailServer(folder, { smtp, internal, lmtp, imap });
    try {
      server.#configure(options);
      run(["/usr/sbin/dovecot", "-c", join(folder, "dovecot.conf")]);
      server.startPostfix();
      await server.listening();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  startPostfix(): void {
    run(["/usr/sbin/postfix", "-c", join(this.folder, "postfix"), "start"]);
  }

  /** Ends Postfix at once, with sessions in mid-command: its own stop waits for them, and for a busy machine. */
  stopPostfix(): void {
    killGroup(join(this.folder, "spool", "pid", "master.pid"));
  }

  /** Sets lines of main.cf. By a restart: after a reload some processes still go by the old ones. */
  async reconfigurePostfix(lines: readonly string[]): Promise<void> {
    run(["/usr/sbin/postconf", "-c", join(this.folder, "postfix"), "-e", ...lines]);
    this.stopPostfix();
    this.startPostfix();
    await this.listening();
  }

  /** Waits until every port answers. */
  async listening(ports: readonly number[] = Object.values(this.ports)): Promise<void> {
    await until(async () => (await Promise.all(ports.map(answers))).every(Boolean), "the mail server does not listen");
  }

  /** The mails of a mailbox. */
  inbox(user: string): Promise<readonly Buffer[]> {
    return fetchInbox(this.ports.imap, user, password);
  }

  /** Their header blocks alone. */
  headers(user: string): Promise<readonly Buffer[]> {
    return fetchInbox(this.ports.imap, user, password, "HEADER");
  }

  postfixLog(): string {
    const log = join(this.folder, "postfix.log");
    return existsSync(log) ? readFileSync(log, "utf8") : "";
  }

  /** Mails that Postfix holds: delivery to Dovecot comes after its 250. */
  queued(): number {
    const listed = run(["/usr/sbin/postqueue", "-c", join(this.folder, "postfix"), "-j"]);
    return listed.split("\n").filter((line) => line.startsWith("{")).length;
  }

  async stop(): Promise<void> {
    this.stopPostfix();
    killGroup(join(this.folder, "run", "master.pid")); // Dovecot's own stop takes seconds
    const ports = [this.ports.smtp, this.ports.lmtp];
    const isGone = async () => !(await Promise.all(ports.map(answers))).some(Boolean);
    await until(isGone, "the mail server does not stop");
    rmSync(this.folder, { recursive: true, force: true });
  }

  #configure({ mailboxes = usualMailboxes, main = [], tls = false, policyPort }: MailServerOptions): void {
    const { folder, ports } = this;
    const owner = systemUser("mail");
    const postfix = join(folder, "postfix");
    for (const name of ["postfix", "spool", "data", "mail", "run", "run-state"]) mkdirSync(join(folder, name));
    for (const name of ["", "postfix", "spool", "run", "mail"]) chmodSync(join(folder, name), 0o755);
    chownSync(join(folder, "mail"), owner.uid, owner.gid);
    chownSync(join(folder, "data"), systemUser("postfix").uid, 0);
    const auth = join(folder, "run", "auth-postfix");
    writeFileSync(join(folder, "users"), usersFile(mailboxes), { mode: 0o644 });
    writeFileSync(join(folder, "dovecot.conf"), dovecotConf(folder, { ...ports, auth }, owner));
    const domains = [...new Set(mailboxes.map(({ address }) => address.slice(address.indexOf("@") + 1)))];
    const certificate = tls ? selfSigned(folder) : null;
    const given: PostfixOptions = { ports: { ...ports, policy: policyPort ?? null }, domains, main, certificate, auth };
    writeFileSync(join(postfix, "main.cf"), mainCf(folder, given));
    writeFileSync(join(postfix, "master.cf"), masterCf(given));
    writeFileSync(join(folder, "vmailbox"), mailboxes.map(({ address }) => `${address} x\n`).join(""));
    writeFileSync(join(folder, "transport"), "mapped.test discard:led away by transport_maps\n");
  }
}

/** Ends a daemon and all processes of its group, which it leads. */
function killGroup(pidFile: string): void {
  const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, "utf8")) : 0;
  try {
    if (pid > 1) process.kill(-pid, "SIGKILL");
  } catch {
    // it has ended
  }
}

function systemUser(name: string): { uid: number; gid: number; name: string } {
  const [, , uid, gid] = (
    readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((line) => line.startsWith(`${name}:`)) ?? ""
  ).split(":");
  if (uid === undefined || gid === undefined) throw new Error(`Cannot start a mail server: the system needs a user ${name}, is none`);
  return { uid: Number(uid), gid: Number(gid), name };
}

function selfSigned(folder: string): string {
  const [key, cert, chain] = ["key.pem", "cert.pem", "chain.pem"].map((name) => join(folder, name)) as [string, string, string];
  run([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=mail.example.com",
    "-keyout",
    key,
    "-out",
    cert,
  ]);
  writeFileSync(chain, `${readFileSync(key, "utf8")}${readFileSync(cert, "utf8")}`);
  return chain;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
