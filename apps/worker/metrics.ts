// Metrics: journal events as Prometheus counters. Labels come from closed sets only; an address is never one.

import type { Journal, JournalEvent, Plan } from "@sesame/core";
import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** The registry and what the pollers set themselves. */
export type Metrics = Readonly<{
  registry: Registry;
  inFlight: Gauge;
  lastPoll: Gauge;
  queueSize: Gauge;
  pollErrors: Counter;
  journal(domain: string): Journal;
  /** Begins the counters that alerts look at with 0, so that the first event is an increase. */
  begin(domain: string): void;
  /** Gauges that are read when they are scraped. */
  watch(sources: Readonly<{ bytesInFlight?: () => number; smtpSessions?: () => Readonly<{ idle: number; busy: number }> }>): void;
}>;

/** Makes the metrics of one process. */
export function makeMetrics(version: string): Metrics {
  const registry = new Registry();
  const counter = (name: string, help: string, labelNames: string[]) =>
    new Counter({ name: `sesame_${name}`, help, labelNames, registers: [registry] });
  const gauge = (name: string, help: string, labelNames: string[]) =>
    new Gauge({ name: `sesame_${name}`, help, labelNames, registers: [registry] });
  const histogram = (name: string, help: string, labelNames: string[]) =>
    new Histogram({ name: `sesame_${name}`, help, labelNames, registers: [registry], buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600] });
  const set = {
    mails: counter("mails_total", "Mails by their end", ["domain", "outcome"]),
    bounces: counter("bounces_total", "SES bounces by what was shown", ["domain", "result"]),
    replies: counter("autoreplies_total", "Automatic replies by result", ["domain", "result"]),
    forwards: counter("forwards_total", "Forwards by route and result", ["domain", "route", "result"]),
    blocked: counter("blocked_total", "Recipients whose blocklist refused a mail", ["domain"]),
    deliveries: counter("deliveries_total", "Deliveries by action", ["domain", "action"]),
    duplicates: counter("possible_duplicates_total", "Acts whose end is in doubt", ["domain"]),
    retries: counter("retries_total", "Mails given back to the queue", ["domain", "reason"]),
    portErrors: counter("port_errors_total", "Calls of a port that failed", ["port", "operation"]),
    defects: counter("mail_defects_total", "Recipients whose mail was odd, by what was odd", ["domain", "defect"]),
    ruleInvalid: counter("rule_invalid_total", "Rules that were switched off", ["table"]),
    done: counter("redelivered_done_total", "Entries of mails that were closed before", ["domain"]),
    seconds: histogram("processing_seconds", "Time from receive to settlement", ["domain"]),
    stages: histogram("stage_seconds", "Time in each stage", ["stage"]),
    age: histogram("queue_age_seconds", "Age of a mail when its work ends", ["domain"]),
  };
  const pollErrors = counter("poll_errors_total", "Polls that failed", ["domain"]);
  gauge("build_info", "The running version", ["version"]).set({ version }, 1);
  return {
    registry,
    inFlight: gauge("in_flight", "Mails in work", ["domain"]),
    lastPoll: gauge("last_poll_timestamp_seconds", "When a poll last answered", ["domain"]),
    queueSize: gauge("queue_size", "Entries in the queue", ["domain", "state"]),
    pollErrors,
    journal: (domain) => ({ note: (event) => count(set, domain, event) }),
    begin: (domain) => {
      for (const outcome of ["delivered", "partial", "blocked", "all_invalid", "rejected"]) set.mails.inc({ domain, outcome }, 0);
      for (const action of ["delivered", "failed", "delayed"]) set.deliveries.inc({ domain, action }, 0);
      for (const counter of [set.duplicates, set.blocked, set.done, pollErrors]) counter.inc({ domain }, 0);
      for (const table of ["rules", "blocked"]) set.ruleInvalid.inc({ table }, 0);
    },
    watch: ({ bytesInFlight, smtpSessions }) => {
      if (bytesInFlight) {
        const held: Gauge = new Gauge({
          name: "sesame_bytes_in_flight",
          help: "Octets of mail in memory",
          registers: [registry],
          collect: () => held.set(bytesInFlight()),
        });
      }
      if (smtpSessions) {
        const help = "Sessions with the mail server";
        const sessions: Gauge = new Gauge({
          name: "sesame_smtp_sessions",
          help,
          labelNames: ["state"],
          registers: [registry],
          collect: () => {
            for (const [state, value] of Object.entries(smtpSessions())) sessions.set({ state }, value);
          },
        });
      }
    },
  };
}

type Set = Readonly<
  Record<
    | "mails"
    | "bounces"
    | "replies"
    | "forwards"
    | "blocked"
    | "deliveries"
    | "duplicates"
    | "retries"
    | "portErrors"
    | "ruleInvalid"
    | "defects"
    | "done",
    Counter
  >
> &
  Readonly<Record<"seconds" | "stages" | "age", Histogram>>;

function count(set: Set, domain: string, event: JournalEvent): void {
  switch (event.kind) {
    case "already-closed":
      set.done.inc({ domain });
      break;
    case "taken-over":
    case "unrecorded":
      set.duplicates.inc({ domain });
      break;
    case "bounce":
      set.bounces.inc({ domain, result: event.result });
      break;
    case "port-error":
      set.portErrors.inc({ port: event.port, operation: event.operation });
      break;
    case "entry-undecodable":
    case "busy-elsewhere":
    case "object-missing":
    case "set-aside":
      set.retries.inc({ domain, reason: event.kind });
      break;
    case "audit-failed":
      set.portErrors.inc({ port: "MailStore", operation: event.operation });
      break;
    case "stage":
      set.stages.observe({ stage: event.stage }, event.seconds);
      break;
    case "deed":
      countDeed(set, domain, event);
      break;
    case "mail":
      countMail(set, domain, event);
      break;
    default:
  }
}

function countDeed(set: Set, domain: string, event: Extract<JournalEvent, { readonly kind: "deed" }>): void {
  const { effect, route, verdict, notice } = event;
  const result = verdict.action === "skipped" ? verdict.reason : verdict.action;
  if (effect === "deliver") set.deliveries.inc({ domain, action: verdict.action });
  if (effect === "reply") set.replies.inc({ domain, result });
  // A target that got a notice did not get the forward.
  if (effect === "forward") set.forwards.inc({ domain, route, result: verdict.action === "relayed" ? (notice ?? result) : result });
  if (verdict.action === "delayed" && verdict.possibleDuplicate) set.duplicates.inc({ domain });
}

function countMail(set: Set, domain: string, event: Extract<JournalEvent, { readonly kind: "mail" }>): void {
  const { settlement, plan, seconds, receivedAt } = event;
  set.seconds.observe({ domain }, seconds);
  if (settlement.kind === "retry") {
    set.retries.inc({ domain, reason: settlement.reason });
    return;
  }
  set.age.observe({ domain }, Math.max(0, Date.now() - receivedAt) / 1000);
  set.mails.inc({ domain, outcome: settlement.mark?.status ?? "closed" });
  countCourses(set, domain, plan);
}

function countCourses(set: Set, domain: string, plan: Plan): void {
  for (const course of plan.kind === "carry" ? plan.courses : []) {
    if (course.kind === "block") set.blocked.inc({ domain });
    for (const warning of course.kind === "refuse" ? [] : course.warnings) {
      if (warning.kind === "rule-invalid") set.ruleInvalid.inc({ table: warning.table });
      if (warning.kind === "mail-defect") set.defects.inc({ domain, defect: warning.defect });
    }
    for (const { kind, reason } of course.kind === "serve" ? course.withheld : []) {
      if (kind === "reply") set.replies.inc({ domain, result: reason });
      else set.forwards.inc({ domain, route: "none", result: reason });
    }
  }
}
