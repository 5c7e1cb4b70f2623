// Shown: a page with fixed data on a port of its own, for tests in a browser and for pictures. All data are invented.

import { ok, type Result } from "@sesame/core";
import { pageApp } from "../../apps/worker/page/app.tsx";
import type { HeldMail, HeldMails } from "../../apps/worker/page/held-mails.ts";
import type { LocalTools, Preview, TryForm, TryMail } from "../../apps/worker/page/local-tools.ts";
import { PageMemory } from "../../apps/worker/page/memory.ts";
import type { PageOptions } from "../../apps/worker/page/page-context.tsx";
import type { Situation } from "../../apps/worker/page/situation.ts";
import { FakeTimers } from "../fakes/fake-timers.ts";
import { again, closed, delivered, full, type MailCase, mailEvent, relayed, start, unknown } from "./events.ts";
import { twoThings, well } from "./situations.ts";

const from = (address: string | null) => ({ from: address });
const two = ["alice@example.com", "carol@example.com", "dave@example.com"];
const personalTo = (to: string) => `From: Bob <bob@remote.test>\r\nTo: ${to}\r\nSubject: Hello\r\nMessage-ID: <m1@remote.test>\r\n`;
const bulk = `${personalTo("alice@example.com")}Precedence: bulk\r\n`;
const away = { ooo_active: true, ooo_message: "I am away" };
const blockedBy = { "carol@example.com": ["*@remote.test"] };
const waits = (key: string) => (key.includes("dave") ? full : delivered);

type Shown = readonly [secondsAgo: number, one: MailCase];
/** One mail of each kind, as in the pictures. */
const mails: readonly Shown[] = [
  [
    158,
    { ...from("grace@remote.test"), to: ["erin@another.com"], rules: { "erin@another.com": away }, header: personalTo("erin@another.com") },
  ],
  [130, { ...from("mailer-daemon@amazonses.com"), to: ["erin@example.com"], event: { bounce: ["lost@far.test"] } }],
  [
    107,
    {
      to: two,
      blocked: blockedBy,
      settlement: again,
      verdictOf: waits,
      id: "example-com-emails/5m0qbgf3fq190qxz2vfxnbs5qp2mm3ijgnfy4mhz",
      header: bulk,
      rules: { "alice@example.com": { ...away, forwards: ["me@private.test"] } },
    },
  ],
  [83, { ...from("kim@remote.test"), to: ["nobody@example.com"], settlement: closed("all_invalid"), verdictOf: () => unknown }],
  [
    58,
    {
      ...from("newsletter@news.test"),
      to: ["dave@example.com"],
      settlement: { ...again, afterSeconds: 300 } as MailCase["settlement"] & object,
      verdictOf: () => full,
    },
  ],
  [
    45,
    {
      to: two,
      blocked: blockedBy,
      id: "example-com-emails/5m0qbgf3fq190qxz2vfxnbs5qp2mm3ijgnfy4mhz",
      event: { receiveCount: 2 },
      header: bulk,
      rules: { "alice@example.com": { ...away, forwards: ["me@private.test"] } },
    },
  ],
  [
    31,
    {
      ...from("invoices@shop.test"),
      to: ["office@another.com", "old@another.com"],
      settlement: closed("partial"),
      verdictOf: (key) => (key.includes("old@") ? unknown : delivered),
    },
  ],
  [16, { ...from("x@spam.test"), settlement: closed("blocked"), blocked: { "alice@example.com": ["*@spam.test"] } }],
  [
    0,
    {
      header: bulk,
      rules: { "alice@example.com": { ...away, forwards: ["me@private.test"] } },
      verdictOf: (key) => (key.startsWith("deliver") ? delivered : relayed),
    },
  ],
];

/** A memory with one mail of each kind. */
export async function memoryOf(more: readonly Shown[] = []): Promise<PageMemory> {
  let now = start;
  const memory = new PageMemory({ now: () => now });
  const received = new Map<string, number>();
  for (const [index, [secondsAgo, one]] of [...mails, ...more].entries()) {
    now = start - secondsAgo * 1000;
    const domains = ["example.com", "another.com"] as never;
    const event = await mailEvent({ id: `example-com-emails/${"k".repeat(30)}${index}`, ...one, facts: { domains } });
    for (const [stage, seconds] of [
      ["gather", 0.062],
      ["parse", 0.0006],
      ["plan", 0.0004],
      ["execute", 0.118],
    ] as const)
      memory.note("example.com", { kind: "stage", stage, seconds, mailId: event.mailId });
    const receivedAt = received.get(event.mailId) ?? now - 600;
    received.set(event.mailId, receivedAt);
    memory.note("example.com", { ...event, receivedAt: receivedAt as typeof event.receivedAt });
    memory.note("example.com", { kind: "stage", stage: "close", seconds: 0.009, mailId: event.mailId });
  }
  now = start;
  return memory;
}

export const oneHeld: HeldMail = {
  id: "example-com-emails/held1",
  at: start - 3_600_000,
  from: "x@spam.test",
  to: "alice@example.com",
  pattern: "*@spam.test",
  row: "alice@example.com",
};

/** Held mails in memory. A released one is gone. */
export class FakeHeldMails implements HeldMails {
  held: HeldMail[] = [oneHeld, { ...oneHeld, id: "example-com-emails/held2", from: "y@spam.test" }];
  readonly done: string[] = [];

  async list(limit: number): Promise<readonly HeldMail[]> {
    return this.held.slice(0, limit);
  }

  async release(id: string): Promise<{ ok: true } | { ok: false; error: string }> {
    if (!this.held.some((mail) => mail.id === id)) return { ok: false, error: "Cannot release the mail: it is not held any more" };
    this.held = this.held.filter((mail) => mail.id !== id);
    this.done.push(`release ${id}`);
    return { ok: true };
  }

  async wouldLetIn(): Promise<readonly HeldMail[]> {
    return this.held;
  }

  async allow(id: string): Promise<{ ok: true } | { ok: false; error: string }> {
    const released = await this.release(id);
    if (released.ok) this.done.push(`allow ${id}`);
    return released;
  }
}

/** Tools that remember what was asked of them. `late` is an end that cannot be read. */
export class FakeTools implements LocalTools {
  readonly asked: string[] = [];
  saved: TryForm = { ooo: "Saved text" };

  async rowOf(): Promise<TryForm> {
    return this.saved;
  }

  async preview(form: TryForm, file: TryMail): Promise<Preview> {
    this.asked.push(`preview ${form["subject"]}${file === null ? "" : ` ${file.octets.length} of ${file.size}`}`);
    const errors: Readonly<Record<string, string>> = form["end"] === "late" ? { end: "Cannot read ooo_end" } : {};
    return { errors, asSaved: "delivered", withChanges: `delivered, with ${form["ooo"]}`, explanation: "Mail  <b>" };
  }

  async save(form: TryForm): Promise<Readonly<Record<string, string>>> {
    this.asked.push(`save ${form["address"]} ${form["ooo"]}`);
    return form["end"] === "late" ? { end: "Cannot read ooo_end" } : {};
  }

  async undo(address: string): Promise<boolean> {
    this.asked.push(`undo ${address}`);
    return true;
  }

  async send(form: TryForm): Promise<Result<string>> {
    this.asked.push(`send ${form["to"]}`);
    return ok("example-com-emails/sent");
  }

  async subjectOf(): Promise<string> {
    return "A <b>subject</b>";
  }
}

export type ShownPage = Readonly<{
  url: string;
  memory: PageMemory;
  timers: FakeTimers;
  held: FakeHeldMails;
  /** What `page-action` would say. */
  actions: readonly string[];
  show(situation: Situation): void;
  stop(): Promise<void>;
}>;

/** The options of a page with fixed data. */
export async function optionsOf(more: Partial<PageOptions> = {}): Promise<PageOptions> {
  const memory = more.memory ?? (await memoryOf());
  return {
    page: "full",
    token: null,
    masked: false,
    memory,
    situation: () => ({ ...well, ...twoThings }),
    now: () => start,
    timers: new FakeTimers(),
    port: () => 80,
    metricsPort: () => 8000,
    tryNow: async () => true,
    held: new FakeHeldMails(),
    local: null,
    commands: { rules: "sesame rules", block: "sesame block", trace: "sesame trace", replay: "sesame replay", tables: " --aws" },
    mailServer: "mail.example.com:25",
    acted: () => {},
    ...more,
  };
}

/** Serves a page on the loopback. */
export async function showPage(more: Partial<PageOptions> = {}): Promise<ShownPage> {
  let situation: Situation = { ...well, ...twoThings };
  const [actions, timers, held]: [string[], FakeTimers, FakeHeldMails] = [[], new FakeTimers(), new FakeHeldMails()];
  let port = 0;
  const options = await optionsOf({
    situation: () => situation,
    timers,
    held,
    port: () => port,
    acted: (what, about) => void actions.push(`${what} ${about}`),
    ...more,
  });
  const { app, end } = pageApp(options);
  const server = Bun.serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0, idleTimeout: 0 });
  port = server.port ?? 0;
  return {
    url: `http://127.0.0.1:${port}`,
    memory: options.memory,
    timers,
    held,
    actions,
    show: (next) => {
      situation = next;
    },
    stop: async () => {
      end();
      await server.stop(true);
    },
  };
}
