// Circuits: one for each dependency of the worker: the mail server, the ledger, SES and each bucket. They are shared by all
// pollers. Without the mail server or the ledger nothing is received. Without SES mail flows, and what must leave through SES
// waits. Without a bucket its own mail waits. A refusal (4xx) is an answer: it opens no circuit.

import { troubleOf } from "@sesame/aws-adapters/base";
import {
  type Courier,
  delayed,
  type EffectKey,
  headLimit,
  type Lease,
  type Ledger,
  type MailId,
  type MailStore,
  type MailTransaction,
  type ObjectLocation,
  PortError,
  type Verdict,
} from "@sesame/core";
import { Breaker, type Sign } from "./breaker.ts";
import { Circuit, type CircuitState } from "./circuit.ts";
import type { Timers } from "./timers.ts";
import { withOpen } from "./with-open.ts";

/** The name of a dependency in the log and in `sesame_circuit_open`: `s3:` is followed by the name of the bucket. */
export type Dependency = "mail-server" | "ledger" | "ses" | `s3:${string}`;

export type CircuitsOptions = Readonly<{
  /** `null` if the mail server accepts mail now; else the reason why not. */
  probe(): Promise<string | null>;
  /** Probed while their circuit is open. */
  ledger: Pick<Ledger, "extend">;
  store: Pick<MailStore, "open">;
  timers: Timers;
  changed(dependency: Dependency, state: CircuitState, detail: string): void;
}>;

const longestSesPauseMs = 300_000;
const mostBuckets = 1000; // names of buckets come from notices

/** Thrown where a circuit is open: the dependency was not asked. */
export class CircuitOpen extends PortError {
  constructor(port: string, operation: string, dependency: Dependency) {
    super(port, operation, `Cannot ${operation}: ${dependency} did not answer for several mails, and is not asked for the moment`);
    this.name = "CircuitOpen";
  }
}

export class Circuits {
  readonly mailServer: Circuit;
  readonly ledger: Breaker;
  readonly ses: Breaker;
  readonly #options: CircuitsOptions;
  readonly #buckets = new Map<string, Breaker>();

  constructor(options: CircuitsOptions) {
    const { probe, ledger, timers, changed } = options;
    this.#options = options;
    this.mailServer = new Circuit({ probe, timers, changed: (state, detail) => changed("mail-server", state, detail) });
    this.ledger = new Breaker({
      timers,
      changed: (state, detail) => changed("ledger", state, detail),
      probe: () => signFrom(ledger.extend(nobodysLease, 1)),
    });
    this.ses = new Breaker({ timers, longestPauseMs: longestSesPauseMs, changed: (state, detail) => changed("ses", state, detail) });
  }

  /** Whether a dependency that every mail needs is away. */
  get stopsAll(): boolean {
    return this.mailServer.state === "open" || !this.ledger.couldAdmit();
  }

  /** Whether everything that a mail needs answered lately, so that more may be in work. */
  get allAnswer(): boolean {
    return this.mailServer.state === "closed" && this.ledger.state === "closed";
  }

  /** Whether mail of this bucket must wait. */
  stopsBucket(bucket: string): boolean {
    return this.#buckets.get(bucket)?.couldAdmit() === false;
  }

  /** Whether one mail of this bucket may try if it answers again. */
  triesBucket(bucket: string): boolean {
    return this.#buckets.get(bucket)?.state === "half-open";
  }

  /** True for each dependency that is away. The first three are always there; a bucket is while it has failures. */
  states(): ReadonlyMap<Dependency, boolean> {
    const buckets = [...this.#buckets].map(([bucket, { state }]) => [`s3:${bucket}` as const, state !== "closed"] as const);
    return new Map<Dependency, boolean>([
      ["mail-server", this.mailServer.state === "open"],
      ["ledger", this.ledger.state !== "closed"],
      ["ses", this.ses.state !== "closed"],
      ...buckets,
    ]);
  }

  /** A ledger whose answers are watched, each for the mail that it is about. */
  watchLedger(ledger: Ledger): Ledger {
    const watched = async <T>(mail: string, asked: Promise<T>): Promise<T> => this.#watch(this.ledger, mail, asked);
    return {
      claim: (mailId, seconds, recipients, trace) => watched(mailId, ledger.claim(mailId, seconds, recipients, trace)),
      reopen: (mailId, seconds, recipients, former, trace) => watched(mailId, ledger.reopen(mailId, seconds, recipients, former, trace)),
      keepClosed: (mailId, closed) => watched(mailId, ledger.keepClosed(mailId, closed)),
      extend: (lease, seconds) => watched(lease.mailId, ledger.extend(lease, seconds)),
      record: (lease, finals, then, eraseAfter) => watched(lease.mailId, ledger.record(lease, finals, then, eraseAfter)),
      countReply: (count) => watched(count.mailId, ledger.countReply(count)),
      claimReply: (row) => watched(row.mailId, ledger.claimReply(row)),
      releaseReply: (row) => watched(row.mailId, ledger.releaseReply(row)),
      recall: (recipients, sender) => ledger.recall(recipients, sender),
      loopKey: () => ledger.loopKey(),
    };
  }

  /** A mail store whose answers are watched, each for its bucket. Of a bucket that is away it opens nothing. */
  watchStore(store: MailStore): MailStore {
    return withOpen(store, async (location) => {
      const { bucket } = location;
      if (this.#buckets.get(bucket)?.admit() === false) throw new CircuitOpen("MailStore", "open", `s3:${bucket}`);
      return this.#watchBucket(location, store.open(location));
    });
  }

  /** A courier whose verdicts are watched. It sends nothing that the ledger could not record, and nothing to SES while that is away. */
  watchCourier(courier: Courier): Required<Courier> {
    const toServer = this.mailServer.watch(courier);
    return {
      turn: async (route) => {
        if (this.ledger.state === "open") return ledgerAway;
        if (route === "ses" && !this.ses.couldAdmit()) return sesAway;
        return toServer.turn(route);
      },
      send: async (route, transaction) => {
        if (this.ledger.state === "open") return all(transaction, ledgerAway);
        if (route !== "ses") return toServer.send(route, transaction);
        if (!this.ses.admit()) return all(transaction, sesAway);
        const verdicts = await courier.send(route, transaction);
        this.#noteSes(transaction, verdicts);
        return new Map([...verdicts].map(([key, verdict]) => [key, asSesAway(verdict)]));
      },
    };
  }

  end(): void {
    for (const each of [this.mailServer, this.ledger, this.ses, ...this.#buckets.values()]) each.end();
  }

  async #watch<T>(breaker: Breaker, mail: string, asked: Promise<T>): Promise<T> {
    try {
      const answer = await asked;
      breaker.note(mail, "answered");
      return answer;
    } catch (error) {
      breaker.note(mail, signOf(error), error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  async #watchBucket<T>(location: ObjectLocation, asked: Promise<T>): Promise<T> {
    try {
      const answer = await asked;
      this.#noteBucket(location, "answered", "");
      return answer;
    } catch (error) {
      this.#noteBucket(location, signOf(error), error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** Only buckets with failures have a breaker. */
  #noteBucket(location: ObjectLocation, sign: Sign, detail: string): void {
    const { bucket, key } = location;
    const known = this.#buckets.get(bucket);
    if (known === undefined && (sign === "answered" || this.#buckets.size >= mostBuckets)) return;
    const breaker = known ?? this.#breakerOf(location);
    breaker.note(key, sign, detail);
    if (breaker.isUnmarked) this.#buckets.delete(bucket);
  }

  /** `location`: of the first mail that could not be opened; the probe asks for it again. */
  #breakerOf(location: ObjectLocation): Breaker {
    const { timers, store, changed } = this.#options;
    const { bucket } = location;
    const breaker = new Breaker({
      timers,
      changed: (state, detail) => changed(`s3:${bucket}`, state, detail),
      probe: () => signFrom(store.open(location)),
    });
    this.#buckets.set(bucket, breaker);
    return breaker;
  }

  /** A large mail may take too long because it is large: its failure says nothing, or three of them would stop everybody's. */
  #noteSes({ mailId, content }: MailTransaction, verdicts: ReadonlyMap<EffectKey, Verdict>): void {
    for (const verdict of verdicts.values()) {
      if (verdict.action !== "delayed") this.ses.note(mailId, "answered");
      else if (sesIsAway.has(verdict.reason) && content.size <= headLimit) this.ses.note(mailId, "away", verdict.detail);
      else if (!sesIsAway.has(verdict.reason) && !saysNothing.has(verdict.reason)) this.ses.note(mailId, "answered");
    }
  }
}

/** The words of a verdict from SES for no connection, no answer and a failure of SES (HTTP 5xx). */
const sesIsAway: ReadonlySet<string> = new Set(["unreachable", "try-later", "in-doubt"]);
/** Verdicts that are given without an answer of SES. */
const saysNothing: ReadonlySet<string> = new Set(["stopped", "no-room", "port-error", "throttled", "service-away"]);

/** The same with the word by which the mail waits long enough: SES may be away for days, and each attempt is a receive. */
function asSesAway(verdict: Verdict): Verdict {
  const isAway = verdict.action === "delayed" && sesIsAway.has(verdict.reason);
  return isAway ? { ...verdict, reason: "service-away" } : verdict;
}

const sesAway = delayed("service-away", "mail", "SES did not answer for several mails, and is not asked for the moment");
const ledgerAway = delayed("port-error", "mail", "the ledger does not answer: nothing is sent that could not be recorded");

function all({ recipients }: MailTransaction, verdict: Verdict): ReadonlyMap<EffectKey, Verdict> {
  return new Map(recipients.map(({ key }) => [key, verdict]));
}

/** A lease that nobody holds: a working ledger says that it is lost, and writes nothing. */
const nobodysLease: Lease = {
  mailId: "sesame/probe" as MailId,
  owner: "nobody",
  nonce: "none",
  until: 0 as Lease["until"],
  crashes: 0,
  takenOver: false,
  finals: new Map(),
  recipients: [],
  othersWait: false,
};

function signFrom(asked: Promise<unknown>): Promise<Sign> {
  return asked.then(() => "answered" as const, signOf);
}

/** Whether an error shows that AWS is away: no connection, no whole answer, a failure of AWS, or too many requests. */
export function signOf(error: unknown): Sign {
  return awayKinds.has(troubleOf(error).kind) ? "away" : "answered";
}

const awayKinds: ReadonlySet<string> = new Set(["unreachable", "untrusted", "unavailable", "deadline", "garbled", "throttled"]);
