// Metrics: counts journal events for Prometheus. Label values come from closed sets; a label never holds an address.

import type { Journal, JournalEvent, Plan } from "@sesame/core";
import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** The registry, and the metrics that the pollers set themselves. */
export type Metrics = Readonly<{
  registry: Registry;
  inFlight: Gauge;
  lastPoll: Gauge;
  queueSize: Gauge;
  deadLetters: Gauge;
  pollErrors: Counter;
  retries: Counter;
  journal(domain: string): Journal;
  /** Sets the metrics used by alerts to 0, so that the first event is an increase and a queue that never answers is visible. */
  begin(domain: string): void;
  /** Adds gauges whose values are read at each scrape. */
  watch(sources: Sources): void;
}>;

/** Functions that read the values of the gauges with these names. */
export type Sources = Readonly<{
  bytesInFlight?: () => number;
  /** Whether each dependency is away. */
  circuits?: () => ReadonlyMap<string, boolean>;
  smtpSessions?: () => Readonly<{ idle: number; busy: number; limit: number }>;
}>;

/** Makes the metrics of one process. */
export function makeMetrics(version: string): Metrics {
  const registry = new Registry();
  const { counter, gauge, scraped } = makersOf(registry);
  const series = makeSeries(registry);
  const pollErrors = counter("poll_errors_total", "Polls that failed", ["domain"]);
  const lastPoll = gauge("last_poll_timestamp_seconds", "Time of the last successful poll", ["domain"]);
  gauge("build_info", "The running version", ["version"]).set({ version }, 1);
  return {
    registry,
    inFlight: gauge("in_flight", "Mails in work", ["domain"]),
    lastPoll,
    queueSize: gauge("queue_size", "Entries in the queue", ["domain", "state"]),
    deadLetters: gauge("dead_letters", "Entries in the dead-letter queue", ["domain"]),
    pollErrors,
    retries: series.retries,
    journal: (domain) => ({ note: (event) => count(series, domain, event) }),
    begin: (domain) => {
      for (const outcome of ["delivered", "partial", "blocked", "all_invalid", "rejected"]) series.mails.inc({ domain, outcome }, 0);
      for (const action of ["delivered", "failed", "delayed"]) series.deliveries.inc({ domain, action }, 0);
      for (const counter of [series.duplicates, series.blocked, series.done, pollErrors]) counter.inc({ domain }, 0);
      for (const reason of ["queues-never-quiet", "too-many-wait"]) series.blockedKept.inc({ domain, reason }, 0);
      lastPoll.set({ domain }, 0);
      for (const table of ["rules", "blocked"]) series.ruleInvalid.inc({ table }, 0);
    },
    watch: ({ bytesInFlight, circuits, smtpSessions }) => {
      if (bytesInFlight) scraped("bytes_in_flight", "Octets of mail in memory", [], (held) => held.set(bytesInFlight()));
      if (circuits)
        scraped("circuit_open", "1 while a dependency does not answer", ["dependency"], (open) => {
          open.reset(); // a bucket that answers again is no dependency to show
          for (const [dependency, isOpen] of circuits()) open.set({ dependency }, isOpen ? 1 : 0);
        });
      if (smtpSessions) {
        scraped("smtp_sessions", "SMTP and LMTP sessions with the mail server", ["state"], (sessions) => {
          const { idle, busy } = smtpSessions();
          sessions.set({ state: "idle" }, idle);
          sessions.set({ state: "busy" }, busy);
        });
        scraped("smtp_sessions_limit", "Sessions that the mail server may get now", [], (limit) => limit.set(smtpSessions().limit));
      }
    },
  };
}

const buckets = [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600]; // seconds

function makersOf(registry: Registry) {
  const options = (name: string, help: string, labelNames: string[]) => ({
    name: `sesame_${name}`,
    help,
    labelNames,
    registers: [registry],
  });
  return {
    counter: (name: string, help: string, labels: string[]) => new Counter(options(name, help, labels)),
    gauge: (name: string, help: string, labels: string[]) => new Gauge(options(name, help, labels)),
    histogram: (name: string, help: string, labels: string[]) => new Histogram({ ...options(name, help, labels), buckets }),
    scraped: (name: string, help: string, labels: string[], read: (into: Gauge) => void) => {
      const made: Gauge = new Gauge({ ...options(name, help, labels), collect: () => read(made) });
    },
  };
}

type Series = ReturnType<typeof makeSeries>;

/** The metrics that journal events are counted in. */
function makeSeries(registry: Registry) {
  const { counter, histogram } = makersOf(registry);
  return {
    mails: counter("mails_total", "Mails by final status", ["domain", "outcome"]),
    bounces: counter("bounces_total", "Bounces from SES by result", ["domain", "result"]),
    replies: counter("autoreplies_total", "Auto-replies by result", ["domain", "result"]),
    forwards: counter("forwards_total", "Forwards by route and result", ["domain", "route", "result"]),
    blocked: counter("blocked_total", "Mails blocked by a recipient's blocklist", ["domain"]),
    blockedKept: counter("blocked_kept_total", "Blocked mails that were not deleted, by reason", ["domain", "reason"]),
    deliveries: counter("deliveries_total", "Deliveries by result", ["domain", "action"]),
    duplicates: counter("possible_duplicates_total", "Effects that may have happened more than once", ["domain"]),
    retries: counter("retries_total", "Mails returned to the queue, by reason", ["domain", "reason"]),
    portErrors: counter("port_errors_total", "Failed calls to AWS or to the disk", ["port", "operation"]),
    defects: counter("mail_defects_total", "Recipients of mail with a malformed header or a loop mark that does not count, by defect", [
      "domain",
      "defect",
    ]),
    ruleInvalid: counter("rule_invalid_total", "Invalid rules that were skipped", ["table"]),
    honoured: counter("marks_honoured_total", "Queue entries acknowledged because of the mark of an earlier program", ["domain"]),
    done: counter("redelivered_done_total", "Queue entries of mails that were already closed", ["domain"]),
    seconds: histogram("processing_seconds", "Time from opening a mail to its settlement", ["domain"]),
    stages: histogram("stage_seconds", "Time in each stage", ["stage"]),
    age: histogram("queue_age_seconds", "Age of a mail when it is closed", ["domain"]),
  };
}

function count(series: Series, domain: string, event: JournalEvent): void {
  switch (event.kind) {
    case "already-closed":
      series.done.inc({ domain });
      break;
    case "mark-honoured":
      series.honoured.inc({ domain });
      break;
    case "taken-over":
    case "unrecorded":
      series.duplicates.inc({ domain });
      break;
    case "bounce":
      series.bounces.inc({ domain, result: event.result });
      if (event.result === "awaited") series.retries.inc({ domain, reason: event.result });
      break;
    case "port-error":
      series.portErrors.inc({ port: event.port, operation: event.operation });
      break;
    case "entry-undecodable":
    case "busy-elsewhere":
    case "object-missing":
    case "set-aside":
      series.retries.inc({ domain, reason: event.kind });
      break;
    case "audit-failed":
      series.portErrors.inc({ port: "MailStore", operation: event.operation });
      break;
    case "stage":
      series.stages.observe({ stage: event.stage }, event.seconds);
      break;
    case "deed":
      countEffect(series, domain, event);
      break;
    case "mail":
      countMail(series, domain, event);
      break;
    case "fenced":
      if (event.keys.length > 0) series.duplicates.inc({ domain });
      break;
    case "blocked-kept":
      series.blockedKept.inc({ domain, reason: event.reason });
      break;
    case "entry-ignored":
    case "event-noted":
    case "erase-waits":
    case "erased":
      break;
    default:
      event satisfies never;
  }
}

function countEffect(series: Series, domain: string, event: Extract<JournalEvent, { readonly kind: "deed" }>): void {
  const { effect, route, verdict, standIn } = event;
  const result = verdict.action === "skipped" ? verdict.reason : verdict.action;
  if (effect === "deliver") series.deliveries.inc({ domain, action: verdict.action });
  if (effect === "reply") series.replies.inc({ domain, result });
  // A target that got a stand-in did not get the forward.
  if (effect === "forward") series.forwards.inc({ domain, route, result: verdict.action === "relayed" ? (standIn ?? result) : result });
  if (verdict.action === "delayed" && verdict.possibleDuplicate) series.duplicates.inc({ domain });
}

function countMail(series: Series, domain: string, event: Extract<JournalEvent, { readonly kind: "mail" }>): void {
  const { settlement, plan, seconds, receivedAt } = event;
  series.seconds.observe({ domain }, seconds);
  if (settlement.kind === "retry") {
    series.retries.inc({ domain, reason: settlement.reason });
    return;
  }
  series.age.observe({ domain }, Math.max(0, Date.now() - receivedAt) / 1000);
  series.mails.inc({ domain, outcome: settlement.mark.status });
  countCourses(series, domain, plan);
}

function countCourses(series: Series, domain: string, plan: Plan): void {
  for (const course of plan.kind === "carry" ? plan.courses : []) {
    if (course.kind === "block") series.blocked.inc({ domain });
    for (const warning of course.kind === "refuse" ? [] : course.warnings) {
      if (warning.kind === "rule-invalid") series.ruleInvalid.inc({ table: warning.table });
      if (warning.kind === "mail-defect") series.defects.inc({ domain, defect: warning.defect });
      if (warning.kind === "loop-mark-forged" || warning.kind === "loop-mark-expired") series.defects.inc({ domain, defect: warning.kind });
    }
    for (const { kind, reason } of course.kind === "serve" ? course.withheld : []) {
      if (kind === "reply") series.replies.inc({ domain, result: reason });
      else series.forwards.inc({ domain, route: "none", result: reason });
    }
  }
}
