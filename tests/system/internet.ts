// Internet: carries what leaves through SES to where it is addressed: into another cloud as SES would take it in there, to a
// mailbox far away, or on from there, since people forward at other providers too. SES writes Message-ID and Date anew
// (SES Developer Guide, "Amazon SES header fields") and sends from a path of its own, which leads bounces and automatic
// answers back to the sender.

import type { SesStub } from "../aws-adapters/ses-stub.ts";
import type { Cloud } from "./cloud.ts";

export type Letter = Readonly<{ from: string; to: string; octets: Buffer }>;

export type InternetOptions = Readonly<{
  clouds: readonly Cloud[];
  /** Where mailboxes far away send their mail on to. */
  forwards?: Readonly<Record<string, string>>;
  /** Fields that a gateway on the way takes out. */
  strips?: RegExp;
}>;

const bouncePath = /^([0-9a-f]{16}(?:-[0-9a-f]+){5}-\d{6})@eu-central-1\.amazonses\.com$/;

export class Internet {
  /** What has come to mailboxes far away. */
  readonly arrived: Letter[] = [];
  readonly #options: InternetOptions;
  readonly #carried = new Map<SesStub, number>();
  readonly #sources = new Map<string, string>();
  #keys = 0;

  constructor(options: InternetOptions) {
    this.#options = options;
  }

  /** Carries what has left since the last time. Tells whether there was anything. */
  async carry(): Promise<boolean> {
    let some = false;
    for (const [index, { ses }] of this.#options.clouds.entries()) {
      for (const sent of ses.sent.slice(this.#carried.get(ses) ?? 0)) {
        some = true;
        this.#carried.set(ses, (this.#carried.get(ses) ?? 0) + 1);
        const id = sent.id.replace(/^(....)../, `$1${(0x10 + index).toString(16)}`); // each stub counts from one
        this.#sources.set(id, sent.source ?? sent.feedback ?? "");
        const from = `${id}@eu-central-1.amazonses.com`;
        for (const to of sent.destinations) await this.bring({ from, to, octets: this.#asSent(Buffer.from(sent.raw), id) });
      }
    }
    return some;
  }

  /** Brings one mail to where it is addressed. */
  async bring({ from, to, octets }: Letter): Promise<void> {
    const [domain = ""] = to.split("@").slice(-1);
    const source = this.#sources.get(bouncePath.exec(to)?.[1] ?? "");
    const cloud = this.#options.clouds.find(({ options }) => options.domains.includes(domain));
    const onward = source ?? this.#options.forwards?.[to];
    if (onward !== undefined)
      return this.bring({ from, to: onward, octets: onTop(octets, `Received: from relay by mx.${domain}; ${now()}`) });
    if (cloud === undefined) return void this.arrived.push({ from, to, octets });
    const key = `internet-${++this.#keys}`;
    const trace = `Return-Path: <${from}>\r\nReceived: from relay by inbound-smtp.eu-central-1.amazonaws.com\r\n with SMTP id ${key} for ${to};\r\n ${now()}`;
    await cloud.receive({ domain, key, octets: onTop(octets, trace), source: from, recipients: [to] });
  }

  #asSent(octets: Buffer, id: string): Buffer {
    const text = octets.toString("latin1");
    const end = text.indexOf("\r\n\r\n") + 2;
    const { strips } = this.#options;
    const fields = text.slice(0, end).match(/[^\r\n]+\r\n(?:[ \t][^\r\n]*\r\n)*/g) ?? [];
    const kept = fields.filter((field) => !/^(?:message-id|date):/i.test(field) && !strips?.test(field));
    const ours = [
      `Message-ID: <${id}@eu-central-1.amazonses.com>\r\n`,
      `Date: ${now()}\r\n`,
      "Feedback-ID: ::1.eu-central-1.x:AmazonSES\r\n",
    ];
    return Buffer.from([...kept, ...ours].join("") + text.slice(end), "latin1");
  }
}

function onTop(octets: Buffer, fields: string): Buffer {
  return Buffer.concat([Buffer.from(`${fields}\r\n`), octets]);
}

function now(): string {
  return new Date().toUTCString().replace("GMT", "+0000");
}
