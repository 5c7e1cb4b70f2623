// AWS cell: one mail through a real fleet on the real AWS adapters, while one call goes wrong in one way during the first
// attempt; then nothing goes wrong any more, until the mail is done. Tells how the first attempt ended, and all that
// recipients, AWS and an operator can see in the end.

import { type Address, type Courier, type Domain, delayed, type MailQueue, type Verdict } from "@sesame/core";
import pino from "pino";
import { Fleet } from "../../apps/worker/fleet.ts";
import { writeNotice } from "../../apps/worker/local/ses-notice.ts";
import { makeMetrics } from "../../apps/worker/metrics.ts";
import { ManualAwsClock } from "../aws-adapters/dynalite.ts";
import type { Way } from "../aws-adapters/ways.ts";
import { usualChoices } from "../fakes/choices.ts";
import { MemoryCourier } from "../fakes/memory-courier.ts";
import { until } from "../until.ts";
import { type CallName, calls, type Scenario } from "./aws-calls.ts";
import type { Harm, Variant } from "./aws-ways.ts";
import { type AwsWorld, bucket, domain } from "./aws-world.ts";
import { type CellPortOptions, type CellPorts, cellPorts } from "./cell-ports.ts";
import { GatedQueue, type Turn } from "./gated-queue.ts";
import { QuickTimers } from "./quick-timers.ts";

export type LogLine = Readonly<Record<string, unknown>>;

/** How a mail ended. */
export type CellEnd = Readonly<{
  /** How the first attempt ended: "ack", "retry", "poll-error", …; "threw" is a retry whose mail has no line of its own. */
  first: string;
  /** How often the mail was received. */
  attempts: number;
  /** Copies that arrived, by what they are. */
  copies: Readonly<{ mailbox: number; reply: number; forward: number }>;
  /** Every copy in the mailbox has the very octets that were stored. */
  isWhole: boolean;
  left: Readonly<{ queue: number; deadLetters: number }>;
  /** The ledger says that the mail is closed. */
  isClosed: boolean;
  ackedEarly: number;
  /** The status in the audit trail; "none", or "gone" where the object is. */
  trail: string;
  /** Rows that the outbound table has of this mail. */
  outbound: number;
  lines: readonly LogLine[];
  /** Counters that moved, with their labels but for the domain. */
  counters: ReadonlyMap<string, number>;
  /** Whether the fleet knew the size of the queue while the call went wrong, and at the end. */
  sizeKnown: readonly [boolean, boolean];
}>;

/** Of the text of every mail, so that a test can tell that no log holds it. */
export const bodyLine: string = "Hello, this is a line of the mail.";

const quick = 50; // times as fast as the wall
const mostTurns = 40;
const slowSendMs = 50_000; // long enough for an extension of the entry, which comes before a third of its visibility is over
const putOff: Verdict = delayed("try-later", "recipient", "450 4.2.0 later");
const taken: Verdict = { action: "delivered", detail: "250 2.0.0 OK" };
const tooLarge: Harm = {
  kind: "proxy",
  fault: {
    kind: "answer",
    status: 400,
    headers: { "content-type": "text/xml" },
    body: "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidParameterValue</Code><Message>Message length is more than 10485760 bytes long: '10485761'.</Message></Error></ErrorResponse>",
  },
};

/** Plays one cell. `id` is unlike any other's. */
export async function playCell(world: AwsWorld, way: Way, id: string, call: CallName, variant: Variant): Promise<CellEnd> {
  const cell = new AwsCell(world, way, id, call, variant);
  await cell.prepare();
  return cell.play();
}

class AwsCell {
  readonly #world: AwsWorld;
  readonly #id: string;
  readonly #call: CallName;
  readonly #scenario: Scenario;
  readonly #variant: Variant;
  readonly #clock = new ManualAwsClock();
  readonly #timers = new QuickTimers(quick);
  readonly #mailboxes = new MemoryCourier();
  readonly #lines: LogLine[] = [];
  readonly #metrics = makeMetrics("0.0.0");
  readonly #clients: ReturnType<AwsWorld["clients"]>;
  readonly #ports: CellPorts;
  readonly #queue: GatedQueue;
  readonly #people: Readonly<{ rcpt: string; sender: string; target: string }>;
  readonly #octets: Uint8Array;
  #isHarmed = true;
  #harms = 0;

  constructor(world: AwsWorld, way: Way, id: string, call: CallName, variant: Variant) {
    this.#world = world;
    this.#id = id;
    this.#call = call;
    this.#scenario = calls[call].scenario;
    this.#variant = variant;
    this.#people = { rcpt: `to-${id}@${domain}`, sender: `from-${id}@remote.test`, target: `target-${id}@elsewhere.test` };
    this.#octets = octetsOf(id, this.#people, variant.size ?? 1500);
    this.#clients = world.clients(way, id, this.#clock, (name) => this.#harm(name));
    this.#ports = cellPorts(this.#clients, this.#portOptions());
    this.#queue = new GatedQueue(this.#ports.queue, async () => (await world.ledgerRow(id))["closed"] === true);
  }

  async prepare(): Promise<void> {
    const [{ cloud }, id, { rcpt, sender, target }] = [this.#world, this.#id, this.#people];
    const location = await cloud.store({ domain, key: id, octets: this.#octets, recipients: [rcpt] });
    if (this.#variant.harm.kind === "object") await this.#world.disguise(id, id, this.#variant.harm.octets);
    if (this.#scenario === "blocked")
      await cloud.putRow("email-blocked-senders", { email_address: rcpt, blocked_patterns: ["*@remote.test"] });
    else await cloud.putRow("email-rules", { email_address: rcpt, ooo_active: true, ooo_message: "I am away", forwards: [target] });
    const receivedAt = this.#clock.now();
    const notice = writeNotice({ sesId: id, location, source: sender, recipients: [rcpt], head: this.#octets, receivedAt });
    await this.#world.enqueue(id, notice);
  }

  async play(): Promise<CellEnd> {
    const fleet = this.#fleet();
    const knowsSize = () => fleet.views()[0]?.queue != null;
    this.#queue.inWork = () => fleet.views()[0]?.inFlight ?? 0;
    fleet.start();
    try {
      if (this.#scenario === "blocked") await this.#untilErased();
      const turn = await this.#queue.turn();
      const first = this.#nameOf(turn);
      await until(() => this.#harms > 0, "the call is not made", 10);
      if (this.#call === "GetQueueAttributes") await this.#timers.sleep(2000);
      const knewSize = knowsSize();
      this.#isHarmed = false;
      const attempts = await this.#untilDone(turn);
      if (this.#call === "GetQueueAttributes") await until(knowsSize, "the size is not known", 10);
      const sizeKnown = [knewSize, knowsSize()] as const;
      return { first, attempts, ...(await this.#end()), sizeKnown };
    } finally {
      this.#queue.release();
      await fleet.end();
      this.#clients.close();
    }
  }

  #harm(name: CallName): Harm | null {
    if (this.#scenario === "large" && name === "SendRawEmail") return tooLarge;
    if (!this.#isHarmed || name !== this.#call) return null;
    this.#harms++;
    return this.#variant.harm;
  }

  #portOptions(): CellPortOptions {
    const { hangs, done } = this.#variant;
    const { port, methods } = calls[this.#call];
    return {
      id: this.#id,
      clock: this.#clock,
      timers: this.#timers,
      // A poll whose answer was lost took its entry: that must come back by itself, and soon.
      visibilitySeconds: this.#call === "ReceiveMessage" && done ? 1 : 120,
      // A busy machine must end no other call, and none of the later attempts.
      isShort: (name, method) => this.#isHarmed && hangs && name === port && methods.includes(method),
    };
  }

  #fleet(): Fleet {
    const { store, directory, ledger, outbound } = this.#ports;
    const ports = { store, directory, ledger, outbound, clock: this.#clock };
    const domains = [domain as Domain];
    const mayOpen = (name: string) => name === bucket;
    return new Fleet({
      queues: new Map<Domain, MailQueue>([[domain as Domain, this.#queue]]),
      courier: this.#courier(),
      probe: async () => null,
      journeyPorts: {
        ...ports,
        domains,
        ...usualChoices(),
        mayOpen,
      },
      logger: pino({ level: "debug" }, { write: (line: string) => void this.#lines.push(JSON.parse(line) as LogLine) }),
      logAddresses: "plain",
      metrics: this.#metrics,
      concurrency: 1,
      visibilitySeconds: 120,
      waitSeconds: 3600, // for the watchdog alone, which must not take the gate for a loop that hangs
      bytesInFlight: 64 * 1024 * 1024,
      recordMs: 1000, // a record that fails for good
      timers: this.#timers,
    });
  }

  /** The mail server is a fake; SES is the real adapter. */
  #courier(): Courier {
    if (this.#scenario === "slow") this.#mailboxes.script("mailbox", this.#people.rcpt as Address, putOff, taken);
    return {
      send: async (route, transaction) => {
        if (route === "ses") return this.#ports.courier.send(route, transaction);
        if (this.#scenario === "slow" && this.#mailboxes.sends === 0) await this.#timers.sleep(slowSendMs);
        return this.#mailboxes.send(route, transaction);
      },
    };
  }

  /** Lets turn follow on turn, each after the time that was asked for, until nothing is queued. Gives how many brought the mail. */
  async #untilDone(first: Turn): Promise<number> {
    let turn = first;
    let attempts = broughtMail(turn) ? 1 : 0;
    for (let turns = 0; turns < mostTurns; turns++) {
      if ((await this.#world.queued(this.#id)) === 0) return attempts;
      await this.#pass(turn);
      turn = await this.#queue.turn();
      if (broughtMail(turn)) attempts++;
    }
    throw new Error(`it never ends: ${JSON.stringify(this.#lines)}`);
  }

  /** The object of a blocked mail is erased on a later visit, if the queue was empty meanwhile. */
  async #untilErased(): Promise<void> {
    const turn = await this.#queue.turn();
    if (turn.kind !== "retry") throw new Error(`a blocked mail must rest, is ${turn.kind}`);
    this.#clock.advance(turn.afterSeconds / 2);
    await this.#queue.turn(); // brings nothing; it was asked while the mail was closing, so it shows nothing either
    await this.#queue.turn();
    await this.#pass({ ...turn, afterSeconds: turn.afterSeconds / 2 });
  }

  /** The time passes for which the entry is out of sight: on the ledger's clock, and in the queue by hand. */
  async #pass(turn: Turn): Promise<void> {
    this.#clock.advance(turn.kind === "retry" ? turn.afterSeconds : 1);
    const { last } = this.#queue;
    if (last === null) await this.#timers.sleep(quick * 250);
    else await this.#world.show(this.#id, last.receiptHandle);
  }

  #nameOf(turn: Turn): string {
    if (turn.kind === "ack") return turn.failed ? "ack lost" : "ack";
    if (turn.kind !== "retry") return turn.kind;
    const isKnown = this.#lines.some(({ event }) => event === "mail" || event === "object-missing");
    return `${isKnown ? "retry" : "threw"}${turn.failed ? " lost" : ""}`;
  }

  async #end(): Promise<Omit<CellEnd, "first" | "attempts" | "sizeKnown">> {
    const [world, id, { rcpt, sender, target }] = [this.#world, this.#id, this.#people];
    const sentTo = (address: string) => world.cloud.ses.sent.filter(({ destinations }) => destinations.includes(address));
    const inMailbox = this.#mailboxes.mailsFor(rcpt as Address);
    const ids = new Set([...sentTo(sender), ...sentTo(target)].map(({ id: sesId }) => sesId));
    const rows = await world.cloud.rows("ses-outbound-messages");
    return {
      copies: { mailbox: inMailbox.length, reply: sentTo(sender).length, forward: sentTo(target).length },
      isWhole: inMailbox.every((octets) => Buffer.compare(octets, this.#octets) === 0),
      left: { queue: await world.queued(id), deadLetters: await world.queued(`${id}-dlq`) },
      isClosed: (await world.ledgerRow(id))["closed"] === true,
      ackedEarly: this.#queue.ackedEarly,
      trail: await world.trail(id),
      outbound: rows.filter(({ MessageId }) => ids.has(String(MessageId))).length,
      lines: this.#lines,
      counters: await countersOf(this.#metrics.registry),
    };
  }
}

function broughtMail({ kind }: Turn): boolean {
  return kind !== "poll-error" && kind !== "nothing";
}

function octetsOf(id: string, { rcpt, sender }: Readonly<{ rcpt: string; sender: string }>, size: number): Uint8Array {
  const head = `From: Bob <${sender}>\r\nTo: ${rcpt}\r\nSubject: ${id}\r\nMessage-ID: <${id}@remote.test>\r\nDate: Mon, 05 Jan 2026 12:00:00 +0000\r\n`;
  return new TextEncoder().encode(`${head}\r\n${`${bodyLine}\r\n`.repeat(Math.ceil((size - head.length) / bodyLine.length))}`);
}

async function countersOf(registry: ReturnType<typeof makeMetrics>["registry"]): Promise<ReadonlyMap<string, number>> {
  const counters = (await registry.getMetricsAsJSON()).filter(({ type }) => String(type) === "counter");
  const moved = counters.flatMap(({ name, values }) =>
    values.map(({ labels, value }) => {
      const words = Object.entries(labels).flatMap(([label, word]) => (label === "domain" ? [] : [String(word)]));
      return [[name, ...words].join(" "), value] as const;
    }),
  );
  return new Map(moved.filter(([, value]) => value > 0));
}
