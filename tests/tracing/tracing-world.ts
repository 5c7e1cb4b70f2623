// Tracing world: stored mails, a ledger and queues as a test says, behind the places that commands look at.

import type { Domain, EpochMs, Final, MailId, ObjectLocation, StoredMail } from "@sesame/core";
import { decodeEntry, mailId, type Notice } from "@sesame/core";
import type { LabelledMail, ShelvedMail } from "@sesame/core/journey";
import type { Places, QueueView } from "../../apps/worker/tracing/places.ts";
import { deliverKey, key } from "../contracts/samples.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { MemoryLedger } from "../fakes/memory-ledger.ts";
import { MemoryLedgerBook } from "../fakes/memory-ledger-book.ts";

export const bucket = "example-com-emails";
const [domain, another] = ["example.com", "another.com"] as Domain[] as [Domain, Domain];

export type Header = Readonly<{ to?: string; forWhom?: string; id?: string; from?: string; top?: string }>;

/** A mail as SES stores it. `forWhom` "": SES names nobody; `top`: fields of SES below Received. */
export function storedText(
  name: string,
  { to = "alice@example.com", forWhom = "alice@example.com", id = name, from = "<bob@remote.test>", top = "" }: Header = {},
): string {
  const named = forWhom === "" ? "" : ` for ${forWhom}`;
  return (
    `Return-Path: ${from}\r\nReceived: from mx.remote.test (mx.remote.test [192.0.2.25]) by inbound-smtp.eu-west-1.amazonaws.com\r\n` +
    ` with SMTP id ${id}${named};\r\n Tue, 24 Nov 2026 03:00:00 +0000 (UTC)\r\n${top}` +
    `From: Bob <bob@remote.test>\r\nTo: ${to}\r\nSubject: Hello\r\nMessage-ID: <${name}@remote.test>\r\n\r\nHello\r\n`
  );
}

export class TracingWorld {
  readonly clock: FakeClock = new FakeClock("2026-11-24T12:00:00Z");
  readonly ledger: MemoryLedger = new MemoryLedger({ clock: this.clock });
  readonly objects = new Map<string, Readonly<{ octets: Uint8Array; storedAt: EpochMs; attributes: Record<string, string> }>>();
  queue: QueueView = { name: "example-com-queue", size: { visible: 0, inFlight: 0, delayed: 0 }, dead: 0 };
  readonly sent: { domain: Domain; notice: string; afterSeconds: number }[] = [];
  /** Called before the queue is asked. */
  onQueue: () => Promise<void> = async () => {};

  /** Stores a mail. `hoursAgo`: 3. */
  store(name: string, header: Header = {}, { hoursAgo = 3, mark }: Readonly<{ hoursAgo?: number; mark?: string }> = {}): MailId {
    const attributes: Record<string, string> = mark === undefined ? {} : { "metadata:processed": "true", "metadata:status": mark };
    const storedAt = (this.clock.now() - hoursAgo * 3_600_000) as EpochMs;
    this.objects.set(name, { octets: new TextEncoder().encode(storedText(name, header)), storedAt, attributes });
    return mailId(`${bucket}/${name}`);
  }

  /** Lets a worker take a mail, for recipients that end so; an open one waits. */
  async taken(name: string, ends: Readonly<Record<string, Final>>, then: "close" | "release" | "hold" = "close"): Promise<void> {
    const recipients = Object.keys(ends).map(key);
    const claim = await this.ledger.claim(mailId(`${bucket}/${name}`), 600, recipients);
    if (claim.kind !== "held") throw new Error(claim.kind);
    const finals = Object.entries(ends).map(([address, final]) => [deliverKey(address), final] as const);
    await this.ledger.record(claim.lease, new Map(then === "close" ? finals : []), then);
  }

  get places(): Places {
    const { clock, ledger } = this;
    return {
      book: new MemoryLedgerBook({ clock, tables: ledger.tables }),
      store: { open: async (location) => this.#open(location) },
      shelf: {
        list: (_, prefix) => this.#list(prefix),
        look: async (location) => this.#look(location),
      },
      outbound: { find: async () => null },
      areas: [{ bucket, prefix: "", domains: [domain] }],
      domains: [domain, another],
      queue: async () => {
        await this.onQueue();
        return this.queue;
      },
      put: async (domain, notice, afterSeconds) => void this.sent.push({ domain, notice, afterSeconds }),
      now: () => clock.now(),
      close: () => {},
    };
  }

  /** The notices that were sent, decoded as a worker decodes them. */
  get notices(): readonly Notice[] {
    return this.sent.map(({ notice }) => {
      const items = decodeEntry(notice);
      const [item] = items.ok ? items.value : [];
      if (item?.kind !== "mail") throw new Error(`no mail: ${notice}`);
      return item.notice;
    });
  }

  /** The recipients of each notice that was sent, by the name of the mail. */
  get sentTo(): Readonly<Record<string, readonly string[]>> {
    return Object.fromEntries(this.notices.map(({ mailId: id, envelope }) => [id.slice(bucket.length + 1), envelope.recipients]));
  }

  async *#list(prefix: string): AsyncGenerator<readonly ShelvedMail[]> {
    const names = [...this.objects.keys()].filter((name) => name.startsWith(prefix)).sort();
    for (let at = 0; at < names.length; at += 3)
      yield names.slice(at, at + 3).flatMap((name) => {
        const mail = this.#look({ kind: "object", bucket, key: name });
        return mail === "missing" ? [] : [mail];
      });
  }

  #look(location: ObjectLocation): LabelledMail | "missing" {
    const found = this.objects.get(location.key);
    return found === undefined
      ? "missing"
      : { location, size: found.octets.length, storedAt: found.storedAt, attributes: found.attributes };
  }

  #open(location: ObjectLocation): StoredMail | "missing" {
    const found = this.objects.get(location.key);
    if (found === undefined) return "missing";
    const { octets, attributes } = found;
    const rest = async function* (): AsyncGenerator<Uint8Array> {};
    return { location, size: octets.length, attributes, head: octets, rest, whole: async () => octets };
  }
}
