// Memory: what the page knows of this process, fed with journal events and changes of circuits. 60 minutes of counts for each
// domain, 2,000 times, 500 mails of at most 4 KB, and what somebody should look at. It renders nothing and asks nobody.

import type { JournalEvent } from "@sesame/core";
import type { Stage } from "@sesame/core/journey";
import type { CircuitState } from "../circuit.ts";
import type { Dependency } from "../circuits.ts";
import { type MailEvent, type MailRecord, type Outcome, recordOf, withStage } from "./mail-record.ts";
import { type Counted, Minutes } from "./minutes.ts";
import { Notables } from "./notables.ts";
import { TimeSamples } from "./time-samples.ts";

/** A dependency that does not answer. */
export type OpenCircuit = Readonly<{ dependency: Dependency; since: number; answer: string }>;

export const mailsKept = 500;
/** Domains that have counts of their own; the others are counted together. */
export const mostDomains = 50;
/** The name under which they are counted. */
export const otherDomains = "others";
const mostInWork = 2000;

export class PageMemory {
  readonly samples = new TimeSamples();
  readonly notables = new Notables();
  readonly #now: () => number;
  readonly #minutes = new Map<string, Minutes>();
  readonly #mails = new Map<string, MailRecord>();
  /** The stages of mails whose closing line has not come. */
  readonly #stages = new Map<string, [Stage, number][]>();
  readonly #circuits = new Map<Dependency, OpenCircuit>();
  #changes = 0;
  #mailChanges = 0;
  #lastDelivery: Readonly<{ at: number; seconds: number }> | null = null;
  #lastTaken: number | null = null;

  constructor({ now }: Readonly<{ now(): number }>) {
    this.#now = now;
  }

  /** Grows with each change, so that who looks knows whether there is something new. */
  get changes(): number {
    return this.#changes;
  }

  /** Grows with each change of the mails. */
  get mailChanges(): number {
    return this.#mailChanges;
  }

  /** The last mail that came into a mailbox, and how long it took. */
  get lastDelivery(): Readonly<{ at: number; seconds: number }> | null {
    return this.#lastDelivery;
  }

  /** When a mail was last taken from a queue for the first time. */
  get lastTaken(): number | null {
    return this.#lastTaken;
  }

  /** Takes an event of the queue with this name. */
  note(label: string, event: JournalEvent): void {
    const now = this.#now();
    if (event.kind === "stage") {
      this.#noteStage(event);
      return;
    }
    this.#changes++;
    this.notables.note(label, event, now);
    if (event.kind === "mail") this.#noteMail(label, event, now);
    else if (event.kind === "deed") this.#noteEffect(label, event, now);
  }

  /** Takes a change of a circuit. */
  circuit(dependency: Dependency, state: CircuitState, answer: string): void {
    this.#changes++;
    if (state === "open") this.#circuits.set(dependency, { dependency, since: this.#now(), answer: answer.slice(0, 500) });
    else this.#circuits.delete(dependency);
  }

  /** A poll loop ended by a bug or hung, and was replaced. */
  loopReplaced(label: string, how: string): void {
    this.#changes++;
    this.notables.add(label, { kind: "loop", subject: "", text: how }, this.#now());
  }

  /** Circuits that are open, in the order in which they opened. */
  get circuits(): readonly OpenCircuit[] {
    return [...this.#circuits.values()];
  }

  /** The names with counts. */
  get labels(): readonly string[] {
    return [...this.#minutes.keys()];
  }

  /** The counts under a name. */
  minutesOf(label: string): Minutes {
    return this.#minutes.get(label) ?? new Minutes();
  }

  /** The mails, the latest first. */
  get mails(): readonly MailRecord[] {
    return [...this.#mails.values()].reverse();
  }

  mail(id: string): MailRecord | null {
    return this.#mails.get(id) ?? null;
  }

  #noteStage({ mailId, stage, seconds }: Extract<JournalEvent, { readonly kind: "stage" }>): void {
    if (mailId === undefined) return;
    if (stage === "close") {
      const record = this.#mails.get(mailId);
      if (record !== undefined) this.#mails.set(mailId, withStage(record, stage, seconds));
      return;
    }
    if (stage === "gather") {
      this.#stages.delete(mailId); // of a try that ended without a closing line
      if (this.#stages.size >= mostInWork) this.#forgetOldestStages();
    }
    const known = this.#stages.get(mailId);
    if (known === undefined) this.#stages.set(mailId, [[stage, seconds]]);
    else known.push([stage, seconds]);
  }

  #forgetOldestStages(): void {
    const [oldest] = this.#stages.keys();
    if (oldest !== undefined) this.#stages.delete(oldest);
  }

  #noteMail(label: string, event: MailEvent, now: number): void {
    const id = event.mailId;
    const before = this.#mails.get(id);
    const record = recordOf(event, label, now, this.#stages.get(id) ?? [], before);
    this.#stages.delete(id);
    this.#mails.delete(id);
    this.#mails.set(id, record);
    if (this.#mails.size > mailsKept) {
      const [oldest] = this.#mails.keys();
      if (oldest !== undefined) this.#mails.delete(oldest);
    }
    this.#mailChanges++;
    this.#count(label, event, record.outcome, now);
  }

  #count(label: string, { receivedAt, receiveCount, seconds }: MailEvent, outcome: Outcome, now: number): void {
    const minutes = this.#counts(label);
    minutes.add(now, countedAs[outcome]);
    if (receiveCount === 1) {
      this.#lastTaken = now - seconds * 1000;
      minutes.add(now, "taken");
      minutes.waited(now, Math.max(0, now - seconds * 1000 - receivedAt) / 1000);
    }
    if (outcome !== "delivered" && outcome !== "partial") return;
    const took = Math.max(0, now - receivedAt) / 1000;
    this.samples.add(now, took);
    this.#lastDelivery = { at: now, seconds: took };
  }

  #noteEffect(label: string, { effect, verdict, standIn }: Extract<JournalEvent, { readonly kind: "deed" }>, now: number): void {
    if (verdict.action !== "relayed" || standIn !== undefined || effect === "deliver") return;
    this.#counts(label).add(now, effect === "forward" ? "forwarded" : "replies");
  }

  #counts(label: string): Minutes {
    const known = this.#minutes.get(label);
    if (known !== undefined) return known;
    if (this.#minutes.size >= mostDomains) return label === otherDomains ? this.#made(label) : this.#counts(otherDomains);
    return this.#made(label);
  }

  #made(label: string): Minutes {
    const made = new Minutes();
    this.#minutes.set(label, made);
    return made;
  }
}

/** Under which count an outcome stands. A dropped mail counts as blocked: the operator does not want it. */
const countedAs: Readonly<Record<Outcome, Counted>> = {
  delivered: "delivered",
  partial: "delivered",
  blocked: "blocked",
  discard: "blocked",
  retry: "again",
  rejected: "failed",
  all_invalid: "failed",
};
