// Mail end: where a worker's mail arrives. Either two sinks in this process, whose answers to a final dot may be held back,
// or a real Postfix with Dovecot. Both turn `slow` away once for each sender, and know no `nobody`.

import { readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { MailServer } from "../mailserver/mail-server.ts";
import { type SinkServer, sinkServer } from "../smtp/sink-server.ts";
import { type Expected, subjectOf } from "../system/traffic.ts";
import { until } from "../until.ts";
import { at, domain, people } from "./batch.ts";

/** How late a final dot is answered. */
export type Hold = () => Promise<void>;

export type MailEnd = Readonly<{
  env: Readonly<Record<string, string>>;
  /** From now on; `null`: at once. Only sinks can. */
  hold(hold: Hold | null): void;
  /** What has arrived since the last call. */
  take(): Promise<readonly Expected[]>;
  stop(): Promise<void>;
}>;

/** Says so to each sender the first time. */
class Greylist {
  readonly #seen = new Set<string>();

  turnsAway(sender: string): boolean {
    if (this.#seen.has(sender)) return false;
    this.#seen.add(sender);
    return true;
  }
}

export async function startSinks(): Promise<MailEnd> {
  const greylist = new Greylist();
  const senders = new Map<number, string>();
  let held: Hold | null = null;
  const hold: Hold = async () => held?.();
  const answer = (line: string, connection: number) => {
    if (line.startsWith("MAIL")) senders.set(connection, line);
    if (line.includes(`<${at("nobody")}>`)) return "550 5.1.1 no such user";
    const isSlow = line.includes(`<${at("slow")}>`) && greylist.turnsAway(senders.get(connection) ?? "");
    return isSlow ? "450 4.2.1 try again later" : null;
  };
  const [ordinary, internal] = await Promise.all([sinkServer({ answer, hold }), sinkServer({ hold })]);
  const taken = (sink: SinkServer, door: Expected["door"]) =>
    sink.mails.splice(0).flatMap(({ recipients, data }) => recipients.map((to) => ({ door, to, subject: subjectOf(data) })));
  return {
    env: { SMTP_HOST: "127.0.0.1", SMTP_PORT: String(ordinary.port), INTERNAL_SMTP_PORT: String(internal.port) },
    hold: (next) => {
      held = next;
    },
    take: async () => [...taken(ordinary, "mailbox"), ...taken(internal, "internal")],
    stop: async () => {
      ordinary.close();
      internal.close();
    },
  };
}

export async function startRealEnd(): Promise<MailEnd> {
  const policy = await policyService(new Greylist());
  const { port: policyPort } = policy.address() as { port: number };
  const server = await MailServer.start({ policyPort, mailboxes: people.map((who) => ({ address: at(who) })) });
  const stop = async () => {
    await server.stop();
    policy.close();
  };
  return {
    env: { SMTP_HOST: "127.0.0.1", SMTP_PORT: String(server.ports.smtp), INTERNAL_SMTP_PORT: String(server.ports.internal) },
    hold: () => {},
    take: async () => {
      await until(() => server.queued() === 0, "Postfix still holds mail");
      return people.flatMap((who) => emptied(join(server.folder, "mail", domain, who, "Maildir", "new"), who));
    },
    stop,
  };
}

/** carol's rule says that she gets nothing but forwards from within. */
function emptied(folder: string, who: string): readonly Expected[] {
  const door = who === "carol" ? "internal" : "mailbox";
  return filesIn(folder).map((file) => {
    const subject = subjectOf(Buffer.from(readFileSync(file, "latin1").replaceAll("\n", "\r\n"), "latin1"));
    rmSync(file);
    return { door, to: at(who), subject };
  });
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return []; // Dovecot makes it with the first mail
  }
}

/** A policy service that greylists `slow` (Postfix SMTPD_POLICY_README). */
function policyService(greylist: Greylist): Promise<Server> {
  const server = createServer((socket) => {
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      text += chunk;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const asked = text.slice(0, end);
        text = text.slice(end + 2);
        const isSlow = asked.includes(`\nrecipient=${at("slow")}\n`) && greylist.turnsAway(/^sender=(.*)$/m.exec(asked)?.[1] ?? "");
        socket.write(`action=${isSlow ? "450 4.2.1 try again later" : "DUNNO"}\n\n`);
      }
    });
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
