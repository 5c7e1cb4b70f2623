// Golden run: sends golden mails one after the other through a worker to a mail server, each among tables of its own, and
// tells for each of them what the worker said at its end. AWS's time is that of the golden mails, as far as the worker knows.

import { encodeFinals } from "../../packages/aws-adapters/dynamo-finals.ts";
import { bucketOf, Cloud } from "../system/cloud.ts";
import { type LogLine, WorkerProcess } from "../system/worker.ts";
import { until } from "../until.ts";
import type { Mailbox } from "./dovecot.ts";
import { type Golden, mailboxOf } from "./golden.ts";
import type { Way } from "./kept.ts";
import { MailServer } from "./mail-server.ts";

const domain = "example.com"; // one queue for all: any poller serves any of DOMAINS
const loopKey = "sesame explain: not a secret    "; // that of the golden folders
const keys = {
  "email-rules": "email_address",
  "email-blocked-senders": "email_address",
  "ses-outbound-messages": "MessageId",
  "email-worker-ledger": "id",
};
const pollMs = 5;

export class GoldenRun {
  readonly cloud: Cloud;
  readonly server: MailServer;
  readonly mailboxes: readonly Mailbox[];
  /** What the worker said last of a golden mail: its closing line, or the line of an attempt that must be repeated. */
  readonly ends = new Map<Golden, LogLine>();
  /** Lines of all workers that are no closing lines. */
  readonly asides: LogLine[] = [];
  readonly #way: Way;
  readonly #workers: WorkerProcess[] = [];
  #held = 0;

  private constructor(cloud: Cloud, server: MailServer, mailboxes: readonly Mailbox[], way: Way) {
    this.cloud = cloud;
    this.mailboxes = mailboxes;
    this.server = server;
    this.#way = way;
  }

  static async start(goldens: readonly Golden[], way: Way): Promise<GoldenRun> {
    const local = goldens.flatMap(({ leaving }) => leaving.flatMap((mail) => (mail && mail.door !== "ses" ? [mailboxOf(mail.to)] : [])));
    const mailboxes = [...new Set(local)].map((address) => ({ address }));
    const domains = [...new Set(goldens.flatMap(({ facts }) => facts.domains))];
    const [cloud, server] = await Promise.all([Cloud.start({ domains }), MailServer.start({ mailboxes })]);
    await cloud.makeBucket("explain");
    const [{ receivedAt = "" } = {}] = goldens.map(({ source }) => source);
    cloud.setTime(Date.parse(receivedAt) + 60_000); // a bounce is old enough to be taken without its row
    return new GoldenRun(cloud, server, mailboxes, way);
  }

  /** One worker for all mails of a policy, and those that must wait last. */
  async send(goldens: readonly Golden[]): Promise<void> {
    const policies = [...new Set(goldens.map(({ policy }) => JSON.stringify(policy)))];
    const stopping: Promise<void>[] = [];
    for (const policy of policies) {
      const group = goldens.filter((golden) => JSON.stringify(golden.policy) === policy);
      const worker = await WorkerProcess.start(this.#env(group[0]));
      this.#workers.push(worker);
      for (const golden of [...group.filter((each) => !needsUtf8(each)), ...group.filter(needsUtf8)]) await this.#send(golden, worker);
      stopping.push(this.#end(worker));
    }
    await Promise.all(stopping);
    await until(() => this.server.queued() === 0, "Postfix does not hand over to Dovecot");
  }

  async #end(worker: WorkerProcess): Promise<void> {
    const code = await worker.stop();
    if (code !== 0) throw new Error(`the worker ended with ${code}: ${worker.other}`);
    this.asides.push(...worker.lines.filter(({ event }) => event !== "mail"), ...worker.other.map((text) => ({ text })));
  }

  async stop(): Promise<void> {
    for (const worker of this.#workers) worker.kill("SIGKILL"); // of a run that failed
    await Promise.all([this.cloud.stop(), this.server.stop()]);
  }

  #env(golden: Golden | undefined): Record<string, string> {
    const { ports } = this.server;
    return {
      ...this.cloud.env,
      SMTP_HOST: "127.0.0.1",
      DELIVERY: this.#way,
      SMTP_PORT: String(ports[this.#way]),
      INTERNAL_SMTP_PORT: String(ports.internal),
      SMTP_NAME: "worker.example.com",
      MAIL_OBJECTS: `{explain,${bucketOf(domain)}}/**`,
      LOOP_KEY: loopKey,
      WAIT_SECONDS: "1",
      ...(golden && { SPAM_VERDICT: golden.policy.spamVerdict, VIRUS_VERDICT: golden.policy.virusVerdict }),
    };
  }

  async #send(golden: Golden, worker: WorkerProcess): Promise<void> {
    await this.#fillTables(golden);
    const { facts, source, octets } = golden;
    const slash = facts.mailId.indexOf("/");
    const [bucket, key] = [facts.mailId.slice(0, slash), facts.mailId.slice(slash + 1)];
    const { envelope, verdicts = {} } = source;
    const { receivedAt } = facts;
    const before = worker.lines.length;
    await this.cloud.receive({
      domain,
      bucket,
      key,
      octets,
      source: envelope.from ?? "",
      recipients: envelope.recipients,
      receivedAt,
      verdicts,
    });
    this.ends.set(golden, await this.#ended(golden, worker, before));
    await until(async () => (await this.cloud.queued(domain)) === this.#held, `${golden.name} is not acknowledged`, pollMs);
  }

  /** Waits for the closing line. A bounce that must be looked up again half a minute later is helped by the queue's clock. */
  async #ended(golden: Golden, worker: WorkerProcess, before: number): Promise<LogLine> {
    let helpedAt = performance.now();
    let end: LogLine | undefined;
    const isEnded = async () => {
      const lines = worker.lines.slice(before);
      if (performance.now() - helpedAt > 300 && lines.some(({ event, result }) => event === "bounce" && result === "awaited")) {
        await this.cloud.emulator.advance(31);
        helpedAt = performance.now();
      }
      end = lines.find(({ event }) => event === "mail");
      return end !== undefined;
    };
    await until(isEnded, `${golden.name} does not end`, pollMs);
    const settlement = end?.["settlement"] as { kind?: string; erase?: boolean } | undefined;
    if (settlement?.kind === "retry" || settlement?.erase === true) this.#held++; // a blocked mail is deleted later
    return end ?? {};
  }

  async #fillTables({ facts, source }: Golden): Promise<void> {
    const { cloud } = this;
    for (const [table, key] of Object.entries(keys))
      for (const row of await cloud.rows(table)) await cloud.removeRow(table, { [key]: row[key] });
    for (const [email_address, row] of Object.entries(source.rules ?? {})) await cloud.putRow("email-rules", { email_address, ...row });
    for (const [email_address, blocked] of Object.entries(source.blocked ?? {})) {
      const row =
        typeof blocked === "object" && blocked !== null && "blocked_patterns" in blocked ? blocked : { blocked_patterns: blocked };
      await cloud.putRow("email-blocked-senders", { email_address, ...row });
    }
    for (const row of Object.values(source.outbound ?? {})) await cloud.putRow("ses-outbound-messages", row);
    if (facts.finals.size > 0) await cloud.putRow("email-worker-ledger", { id: facts.mailId, done: encodeFinals(facts.finals).flat() });
    for (const [recipient, { textHash: text, mailId: mail, until }] of facts.answered)
      await cloud.putRow("email-worker-ledger", { id: `reply#${recipient}#${source.envelope.from}`, mail, text, until });
  }
}

/** Its sender needs SMTPUTF8 (RFC 6531 §3.2), which Dovecot does not offer. */
export function needsUtf8({ leaving }: Golden): boolean {
  return leaving.some((mail) => mail !== null && /[^\p{ASCII}]/u.test(mail.from));
}
