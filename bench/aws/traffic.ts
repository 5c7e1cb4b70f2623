// Traffic: mails that lie in the AWS of a bench, and what became of them: when each was handed out and deleted, and how it was
// marked. The first mails are a warm-up, which no figure counts.

import { crc32 } from "node:zlib";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { letter, letterWithAttachment } from "../letters.ts";
import type { Aws } from "./aws.ts";
import { octetsOf } from "./objects.ts";
import { bodyOf } from "./queues.ts";

export type Shipment = Readonly<{
  domains: readonly string[];
  /** All mails, shared out evenly between the domains. */
  mails: number;
  /** Octets of one mail. */
  size: number;
  /** Mails that no figure counts, at the beginning. */
  warmUp: number;
  /** Mails that arrive in a second; `null`: all lie in the queue from the start. */
  perSecond: number | null;
}>;

/** What became of the mails. Times are milliseconds since 1970; figures are of the mails after the warm-up. */
export type Account = Readonly<{
  /** Mails after the warm-up, and all. */
  mails: number;
  total: number;
  /** From the end of the warm-up to the last deletion. */
  ms: number;
  /** From handing an entry out to its deletion. */
  p50: number;
  p99: number;
  /** Calls from the first receive to the last deletion, of all mails, by name. */
  calls: Readonly<Record<string, number>>;
  callsPerMail: number;
  /** Share of one processor that this process itself has used. */
  ownShare: number;
  /** Connections so far, if TLS is on. */
  connections: number;
  /** CRC-32 of the mails, which are all alike. */
  checksum: number;
  /** Why the figures do not count, if they do not. */
  wrong: string | null;
}>;

const users = 100; // mailboxes in each domain
const patternsOfUser = 20;

const dashed = (domain: string) => domain.replaceAll(".", "-");

export class Traffic {
  readonly #aws: Aws;
  readonly #told: (event: "first-receive" | "warm" | "empty") => void;
  #handedOut = new Map<string, number>();
  #spans: number[] = [];
  #statuses = new Map<string, number>();
  #shipment: Shipment = { domains: [], mails: 0, size: 0, warmUp: 0, perSecond: null };
  #checksum = 0;
  #deleted = 0;
  #doubles = 0;
  #warmAt = 0;
  #endedAt = 0;
  #cpuAtWarm = 0;
  #cpuAtEnd = 0;
  #hasReceived = false;
  #timer: Timer | null = null;

  constructor(aws: Aws, told: (event: "first-receive" | "warm" | "empty") => void) {
    this.#aws = aws;
    this.#told = told;
  }

  /** Forgets everything, and makes empty queues for these domains. */
  clear(domains: readonly string[]): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#aws.calls.clear();
    this.#aws.tables.clear();
    this.#aws.objects.clear();
    this.#aws.connections.clear();
    this.#aws.queues.clear();
    for (const domain of domains) this.#prepare(domain);
    this.#hasReceived = false;
  }

  async send(shipment: Shipment): Promise<void> {
    this.#shipment = shipment;
    this.#handedOut = new Map();
    this.#statuses = new Map();
    this.#spans = [];
    [this.#deleted, this.#doubles, this.#warmAt] = [0, 0, now()];
    this.#cpuAtWarm = cpu();
    const send = await this.#sender(shipment);
    const { perSecond, mails } = shipment;
    if (perSecond === null) for (let n = 0; n < mails; n++) send(n);
    else this.#pace(send, mails, perSecond);
  }

  called(operation: string): void {
    if (operation !== "ReceiveMessage" || this.#hasReceived) return;
    this.#hasReceived = true;
    this.#aws.calls.clear();
    this.#aws.calls.set(operation, 1);
    this.#told("first-receive");
  }

  handedOut(id: string): void {
    if (this.#handedOut.has(id)) this.#doubles++;
    else this.#handedOut.set(id, now());
  }

  deleted(id: string): void {
    const at = now();
    this.#deleted++;
    if (this.#deleted > this.#shipment.warmUp) this.#spans.push(at - (this.#handedOut.get(id) ?? Number.NaN));
    if (this.#deleted === this.#shipment.warmUp) {
      [this.#warmAt, this.#cpuAtWarm] = [at, cpu()];
      this.#told("warm");
    }
    if (this.#deleted !== this.#shipment.mails) return;
    [this.#endedAt, this.#cpuAtEnd] = [at, cpu()];
    this.#told("empty");
  }

  marked(status: string): void {
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
  }

  account(): Account {
    const { mails, warmUp } = this.#shipment;
    const calls = Object.fromEntries(this.#aws.calls);
    const spans = this.#spans.sort((a, b) => a - b);
    const at = (share: number) => spans[Math.min(Math.floor(spans.length * share), spans.length - 1)] ?? Number.NaN;
    const ms = this.#endedAt - this.#warmAt;
    return {
      mails: mails - warmUp,
      total: mails,
      ms,
      p50: at(0.5),
      p99: at(0.99),
      calls,
      callsPerMail: Object.values(calls).reduce((sum, count) => sum + count, 0) / mails,
      ownShare: (this.#cpuAtEnd - this.#cpuAtWarm) / ms,
      connections: this.#aws.connections.size,
      checksum: this.#checksum,
      wrong: this.#wrong(calls),
    };
  }

  #wrong(calls: Readonly<Record<string, number>>): string | null {
    const { mails } = this.#shipment;
    const unknown = Object.keys(calls).filter((name) => name.endsWith("?"));
    if (unknown.length > 0) return `the AWS of the bench does not play ${unknown.join(", ")}`;
    if (this.#deleted !== mails) return `${this.#deleted} of ${mails} entries were deleted`;
    if (this.#doubles > 0) return `${this.#doubles} entries were handed out twice`;
    const delivered = this.#statuses.get("delivered") ?? 0;
    return delivered === mails ? null : `${delivered} of ${mails} mails are marked as delivered`;
  }

  #prepare(domain: string): void {
    this.#aws.queue(`${dashed(domain)}-queue`);
    const patterns = Array.from({ length: patternsOfUser }, (_, n) => ({
      S: n % 2 === 0 ? `*@spam-${n}.test` : `person-${n}@remote.test`,
    }));
    for (let n = 0; n < users; n++)
      this.#aws.tables.put("email-blocked-senders", { email_address: { S: `user-${n}@${domain}` }, blocked_patterns: { L: patterns } });
  }

  /** Puts the mail with this number into its bucket and its queue. */
  async #sender({ domains, size }: Shipment): Promise<(n: number) => void> {
    const source = "carol@remote.test";
    const octets =
      size > 500_000
        ? letterWithAttachment(source, "user@example.com", size)
        : letter({ id: "mail", from: source, to: ["user@example.com"], size });
    const content = await octetsOf(octets);
    this.#checksum = crc32(octets);
    const head = octets.subarray(0, 20_000);
    return (n) => {
      const domain = domains[n % domains.length] ?? "";
      const [id, bucket] = [`mail-${n}`, `${dashed(domain)}-emails`];
      const location = { kind: "object", bucket, key: id } as const;
      const recipients = [`user-${n % users}@${domain}`];
      this.#aws.objects.put(`${bucket}/${id}`, content);
      const body = bodyOf(writeNotice({ sesId: id, location, source, recipients, head, receivedAt: Date.now() }));
      this.#aws.queue(`${dashed(domain)}-queue`).send(id, body);
    };
  }

  #pace(send: (n: number) => void, mails: number, perSecond: number): void {
    const began = now();
    let sent = 0;
    this.#timer = setInterval(() => {
      const due = Math.min(mails, Math.floor(((now() - began) * perSecond) / 1000));
      for (; sent < due; sent++) send(sent);
      if (sent === mails && this.#timer !== null) clearInterval(this.#timer);
    }, 5);
  }
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Milliseconds of processor time of this process. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
