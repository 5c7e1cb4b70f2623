// Explanation of effects: one thing that is done for a recipient, with what becomes of the header, the way it takes, when
// it runs, and the row that asks for it.

import type { ReversePath } from "../mail/address.ts";
import type { HeaderEdit } from "../mail/header-edit.ts";
import { safeText } from "../mail/header-write.ts";
import { openMail, subjectOf } from "../mail/mail.ts";
import type { Facts } from "../plan/facts.ts";
import type { Effect, Forward, Reply, Serve } from "../plan/types.ts";
import { quote } from "../result.ts";
import { standInSentences } from "./reason-sentences.ts";
import { offCommand, unforwardCommand } from "./row-lines.ts";
import type { Line } from "./text-lines.ts";
import { formatInstant, timesOf, whenText } from "./times.ts";

const routes: Readonly<Record<Forward["route"], string>> = { internal: "our own mail server's internal port", ses: "Amazon SES" };

/** The lines of one effect. */
export function effectLines(effect: Effect, course: Serve, facts: Facts): readonly Line[] {
  const done = doneLines(effect, facts);
  switch (effect.kind) {
    case "deliver":
      return [{ level: 1, label: "deliver", text: `from ${pathText(effect.from)} to the mailbox` }, ...editLines(effect.edits), ...done];
    case "reply":
      return [...sentLines(effect, facts), ...replyLines(effect, course, facts), ...done];
    case "forward":
      return [...sentLines(effect, facts), ...forwardLines(effect, course, facts), ...done];
    default:
      return effect satisfies never;
  }
}

function pathText(path: ReversePath): string {
  return path === null ? "<>" : `<${path}>`;
}

function detail(label: string, text: string, whole = false): Line {
  return { level: 2, label, text, whole };
}

/** What becomes of the header of a delivery. */
function editLines(edits: readonly HeaderEdit[]): readonly Line[] {
  if (edits.length === 0) return [detail("as is", "every octet as it came")];
  return edits.map((edit) => {
    switch (edit.kind) {
      case "remove":
        return detail(
          "removes",
          edit.name === "Return-Path" ? "Return-Path, since the last host writes its own (RFC 5321 §4.4)" : edit.name,
        );
      case "replace":
        return detail("writes", `${edit.name}: ${edit.value}`);
      case "prepend":
        return detail("adds", `${edit.name}: ${edit.value}`);
      default:
        return edit satisfies never;
    }
  });
}

/** Whither, from whom, which way and when. */
function sentLines(effect: Forward | Reply, facts: Facts): readonly Line[] {
  const { kind, to, from, route, when, draft } = effect;
  const subject = subjectOf(openMail(draft.head, draft.head.length));
  return [
    { level: 1, label: kind, text: `to <${to}>, from ${pathText(from)}, by ${routes[route]}, ${whenText(when, facts)}` },
    detail("subject", quote(safeText(subject ?? "", 100))),
  ];
}

function replyLines({ rememberAs, rememberUntil, when }: Reply, { row }: Serve, facts: Facts): readonly Line[] {
  const reply = facts.rules.get(row ?? "")?.reply ?? null;
  return [
    detail("rule", `out-of-office of the row ${row}, active ${reply === null ? "never" : timesOf(reply)}`),
    detail("memory", `${rememberAs} gets this text again from ${formatInstant(rememberUntil)} on`),
    ...(when.notAfter === null ? [] : [detail("given up", `at ${formatInstant(when.notAfter)}: a later reply helps nobody`)]),
    ...(row === null ? [] : [detail("off by", offCommand(row), true)]),
  ];
}

function forwardLines({ to, standIn }: Forward, { row }: Serve, facts: Facts): readonly Line[] {
  const instead = standIn === null ? null : standInSentences[standIn];
  return [
    ...(instead === null ? [] : [detail("instead", `${standIn}: ${instead.why}`), detail("to change", instead.change)]),
    detail("rule", `forwards of the row ${row}`),
    ...(row === null ? [] : [detail("off by", unforwardCommand(row, to, facts), true)]),
  ];
}

/** An end that the facts remember is replayed, not repeated. */
function doneLines({ key }: Effect, { finals }: Facts): readonly Line[] {
  const final = finals.get(key);
  if (final === undefined) return [];
  const words = final.action === "failed" || final.action === "skipped" ? `${final.action} (${final.reason})` : final.action;
  return [detail("done", `${words} in an earlier attempt, and not done again`)];
}
