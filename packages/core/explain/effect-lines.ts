// Effect lines: a delivery, forward or auto-reply for a recipient, with its header edits, its route, when it runs, and the row
// that asks for it.

import { composeDraft } from "../compose/recipe.ts";
import type { ReversePath } from "../mail/address.ts";
import type { HeaderEdit } from "../mail/header-edit.ts";
import { safeText } from "../mail/header-write.ts";
import { openMail, subjectOf } from "../mail/mail.ts";
import type { Facts } from "../plan/facts.ts";
import { finalsOfPlan } from "../plan/shared-effect.ts";
import type { Effect, Forward, Reply, Serve } from "../plan/types.ts";
import { quote } from "../result.ts";
import type { ExplainContext } from "./explain-context.ts";
import { changeText } from "./reason-lines.ts";
import { standInSentences } from "./reason-sentences.ts";
import { offCommand, unforwardCommand } from "./row-lines.ts";
import type { Line } from "./text-lines.ts";
import { formatInstant, timesOf, whenText } from "./times.ts";

const routes: Readonly<Record<Forward["route"], string>> = { internal: "the internal port of our mail server", ses: "Amazon SES" };

/** The lines of one effect. */
export function effectLines(effect: Effect, course: Serve, context: ExplainContext): readonly Line[] {
  const { facts } = context;
  const done = doneLines(effect, course, facts);
  switch (effect.kind) {
    case "deliver":
      return [{ level: 1, label: "deliver", text: `from ${pathText(effect.from)} to the mailbox` }, ...editLines(effect.edits), ...done];
    case "reply":
      return [...sentLines(effect), ...replyLines(effect, course, context), ...done];
    case "forward":
      return [...sentLines(effect), ...forwardLines(effect, course, context), ...done];
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

/** The header edits of a delivery. */
function editLines(edits: readonly HeaderEdit[]): readonly Line[] {
  if (edits.length === 0) return [detail("unchanged", "every octet as received")];
  return edits.map((edit) => {
    switch (edit.kind) {
      case "remove":
        return detail(
          "removes",
          edit.name === "Return-Path" ? "Return-Path, because the delivering host writes its own (RFC 5321 §4.4)" : edit.name,
        );
      case "replace":
        return detail("replaces", `${edit.name}: ${edit.value}`);
      case "prepend":
        return detail("adds", `${edit.name}: ${edit.value}`);
      default:
        return edit satisfies never;
    }
  });
}

/** Target, sender, route, time and subject. */
function sentLines(effect: Forward | Reply): readonly Line[] {
  const { kind, to, from, route, when, recipe } = effect;
  const { head } = composeDraft(recipe);
  const subject = subjectOf(openMail(head, head.length));
  return [
    { level: 1, label: kind, text: `to <${to}>, from ${pathText(from)}, through ${routes[route]}, ${whenText(when)}` },
    detail("subject", quote(safeText(subject ?? "", 100))),
  ];
}

/** Whether the reply repeats nothing of the mail. */
function quotedLines(recipe: Reply["recipe"]): readonly Line[] {
  if (recipe.kind !== "reply" || recipe.input.repeatsOriginal) return [];
  const why = "SPF is not PASS, and DMARC does not confirm the envelope sender, so somebody else may have written the mail";
  return [detail("quotes", `nothing, not even the subject: ${why}`)];
}

function replyLines(
  { rememberAs, rememberUntil, when, recipe }: Reply,
  { row }: Serve,
  { facts, commands }: ExplainContext,
): readonly Line[] {
  const reply = facts.rules.get(row ?? "")?.reply ?? null;
  return [
    ...quotedLines(recipe),
    detail("rule", `auto-reply of the row ${row}, active ${reply === null ? "never" : timesOf(reply)}`),
    detail("repeated", `to ${rememberAs} not before ${formatInstant(rememberUntil)}`),
    ...(when.notAfter === null ? [] : [detail("expires", `at ${formatInstant(when.notAfter)}: no auto-reply is sent later`)]),
    ...(row === null ? [] : [detail("turn off", offCommand(row, commands), true)]),
  ];
}

function forwardLines({ to, standIn }: Forward, { row }: Serve, context: ExplainContext): readonly Line[] {
  const instead = standIn === null ? null : standInSentences[standIn];
  return [
    ...(instead === null
      ? []
      : [detail("instead", `${standIn}: ${instead.why}`), detail("to change", changeText(instead, context.commands))]),
    detail("rule", `forwards of the row ${row}`),
    ...(row === null ? [] : [detail("turn off", unforwardCommand(row, to, context), true)]),
  ];
}

/** An effect that already has a final verdict is not done again. */
function doneLines({ key }: Effect, course: Serve, { finals }: Facts): readonly Line[] {
  const final = finalsOfPlan([course], finals).get(key);
  if (final === undefined) return [];
  const words = final.action === "failed" || final.action === "skipped" ? `${final.action} (${final.reason})` : final.action;
  return [detail("done", `${words} in an earlier attempt; it is not done again`)];
}
