// Situation: all that the overview tells, at one instant, as plain data. It is put together from the memory of the page and from
// what the fleet says of itself. Who may see no addresses gets a situation without any.

import type { DeadLetterCount } from "../dead-letters.ts";
import type { DomainView } from "../fleet.ts";
import type { OpenCircuit, PageMemory } from "./memory.ts";
import { type MinuteCounts, sumOf } from "./minutes.ts";
import type { Notable } from "./notables.ts";
import { quantile, type TimeSample } from "./time-samples.ts";

/** What the page asks of the running service. */
export type PageSources = Readonly<{
  version: string;
  startedAt: number;
  now(): number;
  domains(): readonly (DomainView & Readonly<{ label: string }>)[];
  /** A poll that is older counts as hung. */
  maxAgeSeconds: number;
  /** When an open circuit is probed next; `null` if that is not known. */
  nextProbeAt(): number | null;
  /** When a running stop ends at the latest; `null` while none runs. */
  stopEndsAt(): number | null;
  /** Sessions with the mail server, and how many there may be now. */
  sessions(): Readonly<{ idle: number; busy: number; limit: number }>;
  /** Octets of mail in memory, and the most that may be. */
  octets(): Readonly<{ held: number; most: number }>;
  /** The mail server, as `mail.example.com:25`. */
  mailServer: string;
  featuresOff: readonly string[];
  deadLetters(): readonly DeadLetterCount[];
}>;

export type DomainSituation = Readonly<{
  domain: string;
  state: "receives" | "starts" | "pauses" | "silent" | "hangs";
  visible: number | null;
  delayed: number | null;
  inWork: number;
  answeredSecondsAgo: number | null;
  minutes: readonly MinuteCounts[];
}>;

export type Situation = Readonly<{
  now: number;
  version: string;
  startedAt: number;
  domains: readonly DomainSituation[];
  circuits: readonly OpenCircuit[];
  nextProbeAt: number | null;
  stopEndsAt: number | null;
  inWork: number;
  /** Entries that can be received, over all queues; `null` if no queue says. */
  visible: number | null;
  delayed: number;
  minutes: readonly MinuteCounts[];
  samples: readonly TimeSample[];
  /** The time that nine of ten mails of the last 15 minutes took at most, in seconds; `null` without mails. */
  lateSeconds: number | null;
  lastDelivery: Readonly<{ at: number; seconds: number }> | null;
  lastTaken: number | null;
  notables: readonly Notable[];
  deadLetters: readonly DeadLetterCount[];
  featuresOff: readonly string[];
  sessions: Readonly<{ idle: number; busy: number; limit: number }>;
  octets: Readonly<{ held: number; most: number }>;
  mailServer: string;
}>;

const quarterMs = 900_000;
const hourMs = 3_600_000;

/** The situation now. */
export function situationOf(memory: PageMemory, sources: PageSources): Situation {
  const now = sources.now();
  const circuits = memory.circuits;
  const stops = circuits.some(({ dependency }) => dependency === "mail-server" || dependency === "ledger");
  const views = sources.domains();
  const domains = views.map((view) => domainOf(view, memory, sources, stops, now));
  const samples = memory.samples.after(now - hourMs);
  const known = views.filter(({ queue }) => queue !== null);
  const labels = new Set(known.map(({ label }) => label));
  const sum = (read: (view: (typeof views)[number]) => number) =>
    [...labels].reduce((all, label) => all + read(known.find((view) => view.label === label) as (typeof views)[number]), 0);
  return {
    now,
    version: sources.version,
    startedAt: sources.startedAt,
    domains,
    circuits,
    nextProbeAt: sources.nextProbeAt(),
    stopEndsAt: sources.stopEndsAt(),
    inWork: [...new Map(views.map((view) => [view.label, view.inFlight])).values()].reduce((all, each) => all + each, 0),
    visible: known.length === 0 ? null : sum(({ queue }) => queue?.visible ?? 0),
    delayed: sum(({ queue }) => queue?.delayed ?? 0),
    minutes: sumOf(
      memory.labels.map((label) => memory.minutesOf(label).list(now)),
      now,
    ),
    samples,
    lateSeconds: quantile(
      samples.filter(({ at }) => at >= now - quarterMs),
      0.9,
    ),
    lastDelivery: memory.lastDelivery,
    lastTaken: memory.lastTaken,
    notables: memory.notables.list(now),
    deadLetters: sources.deadLetters(),
    featuresOff: sources.featuresOff,
    sessions: sources.sessions(),
    octets: sources.octets(),
    mailServer: sources.mailServer,
  };
}

function domainOf(
  view: DomainView & Readonly<{ label: string }>,
  memory: PageMemory,
  { maxAgeSeconds, startedAt, stopEndsAt }: PageSources,
  stops: boolean,
  now: number,
): DomainSituation {
  const { pollAgeSeconds, loopAgeSeconds, queue } = view;
  const state = () => {
    if (stops || stopEndsAt() !== null) return "pauses";
    if (loopAgeSeconds > maxAgeSeconds) return "hangs";
    if (pollAgeSeconds !== null && pollAgeSeconds <= maxAgeSeconds) return "receives";
    return pollAgeSeconds === null && (now - startedAt) / 1000 <= maxAgeSeconds ? "starts" : "silent";
  };
  return {
    domain: view.domain,
    state: state(),
    visible: queue?.visible ?? null,
    delayed: queue?.delayed ?? null,
    inWork: view.inFlight,
    answeredSecondsAgo: pollAgeSeconds,
    minutes: memory.minutesOf(view.label).list(now),
  };
}

/** The same without an address, a mail id or a row: for who may not see them. */
export function withoutAddresses(situation: Situation): Situation {
  return {
    ...situation,
    circuits: situation.circuits.map((circuit) => ({ ...circuit, answer: hideAddresses(circuit.answer) })),
    notables: situation.notables.map((notable) => ({ ...notable, subject: "", text: hideAddresses(notable.text) })),
  };
}

/** Replaces each word with an @ in it. */
export function hideAddresses(text: string): string {
  return text
    .split(/(\s+)/)
    .map((word) => (word.includes("@") ? "[address]" : word))
    .join("");
}
