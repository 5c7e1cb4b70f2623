// Kill point: for tests only. SESAME_KILL_POINT=<point>[:<signal>][:<nth>] makes `sesame run` send itself a signal (KILL by
// default, or TERM) when it reaches that point for the nth time. If the variable is not set, no port is wrapped. A point is
// reached when its call has been done and before the caller knows of it; MAIL, RCPT and DATA when their answer was read.

import { writeSync } from "node:fs";
import { type Courier, err, type Journal, type Ledger, type MailQueue, type MailStore, ok, quote, type Result } from "@sesame/core";
import { parseEffectKey } from "@sesame/core/plan";
import type { Logger } from "pino";
import type { ServicePorts } from "./service.ts";

/** In the order of the journey. Those from `connect` to `answer-read` are phases of an SMTP session. */
export const killPoints = [
  "receive", // counts entries
  "decode",
  "claim",
  "fetch",
  "parse",
  "connect",
  "mail",
  "rcpt",
  "data",
  "dot-sent",
  "answer-read",
  "recorded", // final verdicts; the mail is not closed yet
  "forward-sent",
  "reply-claimed",
  "reply-sent",
  "closed",
  "marked",
  "acked",
] as const;
export type KillPoint = (typeof killPoints)[number];

export type KillOrder = Readonly<{ point: KillPoint; signal: "SIGKILL" | "SIGTERM"; nth: number }>;

/** Decodes SESAME_KILL_POINT; `null` if it is not set. */
export function decodeKillOrder(text: string | undefined): Result<KillOrder | null> {
  if (text === undefined || text === "") return ok(null);
  const [, name, signal = "KILL", nth = "1"] = /^([a-z-]+)(?::(KILL|TERM))?(?::([1-9]\d{0,8}))?$/.exec(text) ?? [];
  const point = killPoints.find((each) => each === name);
  if (point !== undefined) return ok({ point, signal: signal === "TERM" ? "SIGTERM" : "SIGKILL", nth: Number(nth) });
  const form = `<point>[:KILL|TERM][:<nth>], and a point is one of ${killPoints.join(", ")}`;
  return err(`Cannot read SESAME_KILL_POINT: must be ${form}, is ${quote(text)}`);
}

/** Counts how often its point is reached, and sends the signal once. */
export class KillTrap {
  readonly #order: KillOrder;
  readonly #fire: (order: KillOrder) => void;
  #left: number;

  constructor(order: KillOrder, fire: (order: KillOrder) => void) {
    this.#order = order;
    this.#fire = fire;
    this.#left = order.nth;
  }

  /** An arrow function, so that it can be passed on without its object. */
  readonly reach = (point: KillPoint, times: number = 1): void => {
    if (point !== this.#order.point || this.#left <= 0) return;
    this.#left -= times;
    if (this.#left <= 0) this.#fire(this.#order);
  };
}

/** Logs that this process will send itself a signal, and sets the trap. */
export function armTrap(order: KillOrder, logger: Logger): KillTrap {
  logger.warn({ event: "kill-point-armed", ...order }, "SESAME_KILL_POINT is set, for tests only: this worker will send itself a signal");
  return new KillTrap(order, ({ point, signal }) => {
    // Not through the logger: it writes asynchronously, which would be too late here.
    writeSync(2, `${JSON.stringify({ level: "warn", event: "kill-point-reached", point, signal })}\n`);
    process.kill(process.pid, signal);
  });
}

/** The same ports; those calls that are points report to the trap. */
export function trapPorts(ports: ServicePorts, { reach }: KillTrap): ServicePorts {
  const ledger = trapLedger(ports.journeyPorts.ledger, reach);
  const trapped = new Map([...new Set(ports.queues.values())].map((queue) => [queue, trapQueue(queue, reach)])); // domains may share one
  const queues = new Map([...ports.queues].map(([domain, queue]) => [domain, trapped.get(queue) ?? queue]));
  const journeyPorts = { ...ports.journeyPorts, ledger, store: trapStore(ports.journeyPorts.store, reach) };
  return { ...ports, queues, courier: trapCourier(ports.courier, reach), journeyPorts, observer: trapJournal(reach) };
}

type Reach = KillTrap["reach"];

function trapQueue(queue: MailQueue, reach: Reach): MailQueue {
  return {
    receive: async (limit, stop, wait) => {
      const entries = await queue.receive(limit, stop, wait);
      reach("receive", entries.length);
      return entries;
    },
    ack: async (entries) => {
      await queue.ack(entries);
      reach("acked", entries.length);
    },
    extend: (entry, seconds) => queue.extend(entry, seconds),
    retryLater: (entry, afterSeconds) => queue.retryLater(entry, afterSeconds),
    size: () => queue.size(),
  };
}

function trapStore(store: MailStore, reach: Reach): MailStore {
  return {
    open: async (location) => {
      const opened = await store.open(location);
      reach("fetch");
      return opened;
    },
    mark: async (mail, record) => {
      await store.mark(mail, record);
      reach("marked");
    },
    erase: (mail) => store.erase(mail),
  };
}

function trapLedger(ledger: Ledger, reach: Reach): Ledger {
  return {
    claim: async (mailId, leaseSeconds, recipients, trace) => {
      const claim = await ledger.claim(mailId, leaseSeconds, recipients, trace);
      if (claim.kind === "held") reach("claim");
      return claim;
    },
    reopen: async (mailId, leaseSeconds, recipients, former, trace) => {
      const claim = await ledger.reopen(mailId, leaseSeconds, recipients, former, trace);
      if (claim.kind === "held") reach("claim");
      return claim;
    },
    record: async (lease, finals, then, eraseAfter) => {
      const recorded = await ledger.record(lease, finals, then, eraseAfter);
      if (then === "close") reach("closed");
      else if (finals.size > 0) reach("recorded");
      return recorded;
    },
    claimReply: async (row) => {
      const claim = await ledger.claimReply(row);
      if (claim === "claimed") reach("reply-claimed");
      return claim;
    },
    keepClosed: (mailId, closed) => ledger.keepClosed(mailId, closed),
    extend: (lease, leaseSeconds) => ledger.extend(lease, leaseSeconds),
    countReply: (count) => ledger.countReply(count),
    recall: (recipients, sender) => ledger.recall(recipients, sender),
    releaseReply: (row) => ledger.releaseReply(row),
    loopKey: () => ledger.loopKey(),
  };
}

function trapCourier(courier: Courier, reach: Reach): Required<Courier> {
  return {
    turn: async (route) => (await courier.turn?.(route)) ?? "ready",
    send: async (route, transaction) => {
      const verdicts = await courier.send(route, transaction);
      const kind = parseEffectKey(transaction.recipients[0]?.key ?? "")?.kind;
      if (kind === "forward") reach("forward-sent");
      if (kind === "reply") reach("reply-sent");
      return verdicts;
    },
  };
}

/** Decoding and parsing call no port; the journal reports them. */
function trapJournal(reach: Reach): Journal {
  return {
    note: (event) => {
      if (event.kind === "stage" && (event.stage === "decode" || event.stage === "parse")) reach(event.stage);
    },
  };
}
