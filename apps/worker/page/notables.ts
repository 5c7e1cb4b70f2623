// Notables: what somebody should look at, kept for a day, each thing once. They come from journal events and from the watchdog of
// the pollers. They hold what was answered, and decide nothing.

import type { JournalEvent } from "@sesame/core";

export type NotableKind =
  | "refused-us"
  | "set-aside"
  | "object-missing"
  | "entry-undecodable"
  | "throttled"
  | "possible-duplicate"
  | "audit-failed"
  | "rule-invalid"
  | "clock"
  | "loop";

export type Notable = Readonly<{
  kind: NotableKind;
  /** The queue, as in the log. */
  label: string;
  /** The mail, entry or row that it is about; "" for none. */
  subject: string;
  /** What was answered or is wrong. */
  text: string;
  /** Milliseconds since 1970. */
  first: number;
  last: number;
  count: number;
}>;

const dayMs = 86_400_000;
const mostKept = 50;
const mostText = 300;

type Found = Pick<Notable, "kind" | "subject" | "text">;

export class Notables {
  readonly #kept = new Map<string, Notable>();

  note(label: string, event: JournalEvent, now: number): void {
    for (const found of foundIn(event)) this.add(label, found, now);
  }

  add(label: string, { kind, subject, text }: Found, now: number): void {
    const key = `${kind} ${label} ${subject}`;
    const known = this.#kept.get(key);
    this.#kept.delete(key);
    const cut = text.slice(0, mostText);
    const at = { first: known?.first ?? now, last: now, count: (known?.count ?? 0) + 1 };
    this.#kept.set(key, { kind, label, subject: subject.slice(0, mostText), text: cut, ...at });
    if (this.#kept.size <= mostKept) return;
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined) this.#kept.delete(oldest);
  }

  /** Those of the last day, the latest first. */
  list(now: number): readonly Notable[] {
    for (const [key, { last }] of this.#kept) if (now - last >= dayMs) this.#kept.delete(key);
    return [...this.#kept.values()].reverse();
  }
}

const nothing: readonly Found[] = [];

function foundIn(event: JournalEvent): readonly Found[] {
  switch (event.kind) {
    case "deed":
      return inVerdict(event);
    case "mail":
      return inRules(event);
    case "set-aside":
    case "object-missing":
      return [{ kind: event.kind, subject: event.mailId, text: event.kind === "set-aside" ? `${event.crashes} workers crashed` : "" }];
    case "entry-undecodable":
      return [{ kind: event.kind, subject: event.entryId, text: event.text }];
    case "audit-failed":
      return [{ kind: event.kind, subject: event.operation, text: event.text }];
    case "taken-over":
    case "unrecorded":
      return [duplicate(event.kind)];
    case "fenced":
      return event.keys.length > 0 ? [duplicate(event.kind)] : nothing;
    case "port-error":
      return event.text.includes("the clock of this machine is wrong") ? [{ kind: "clock", subject: "", text: event.text }] : nothing;
    default:
      return nothing;
  }
}

function duplicate(word: string): Found {
  return { kind: "possible-duplicate", subject: word, text: word };
}

function inVerdict({ verdict }: Extract<JournalEvent, { readonly kind: "deed" }>): readonly Found[] {
  if (verdict.action !== "delayed") return nothing;
  if (verdict.reason === "refused-us") return [{ kind: "refused-us", subject: "", text: verdict.detail }];
  if (verdict.reason === "throttled") return [{ kind: "throttled", subject: "", text: verdict.detail }];
  return verdict.possibleDuplicate ? [duplicate(verdict.reason)] : nothing;
}

function inRules({ plan }: Extract<JournalEvent, { readonly kind: "mail" }>): readonly Found[] {
  if (plan.kind !== "carry") return nothing;
  let found: Found[] | null = null;
  for (const course of plan.courses) {
    if (course.kind === "refuse") continue;
    for (const warning of course.warnings) {
      if (warning.kind !== "rule-invalid") continue;
      found ??= [];
      found.push({ kind: "rule-invalid", subject: `${warning.table} ${warning.key}`, text: warning.text });
    }
  }
  return found ?? nothing;
}
