// Effect words: what became of a delivery, an auto-reply or a forward, in the words that the closing line, the text of the log and
// everything that tells the story of a mail use.

/** An effect as the log has it. `standIn`: why a stand-in went in place of a forward. Without an `action` it has not begun. */
export type ShownEffect = Readonly<{ kind: string; to?: string; standIn?: string | null; action?: string; reason?: string }>;

/** `delivered`, `auto-reply to bob@remote.test sent`, `forward to me@private.test delayed (throttled)`. */
export function effectWords({ kind, to = "", standIn = null, ...verdict }: ShownEffect): string {
  if (kind === "deliver") return outcome(verdict, "delivered", "delivery", "not delivered");
  if (kind === "reply") return outcome(verdict, `auto-reply to ${to} sent`, `auto-reply to ${to}`, `no auto-reply to ${to}`);
  if (standIn === null) return outcome(verdict, `forwarded to ${to}`, `forward to ${to}`, `not forwarded to ${to}`);
  return `not forwarded to ${to}: ${outcome(verdict, "stand-in sent", "stand-in", "no stand-in")} (${standIn})`;
}

/** `no auto-reply (mailing-list)`, `not forwarded to me@private.test (own-mark)`. */
export function withheldWords({ kind, to = "", reason }: Readonly<{ kind: string; to?: string; reason: string }>): string {
  return kind === "reply" ? `no auto-reply (${reason})` : `not forwarded to ${to} (${reason})`;
}

/** `done` after success; else the name of the effect or of its absence, with the reason. */
function outcome({ action, reason }: Pick<ShownEffect, "action" | "reason">, done: string, name: string, notDone: string): string {
  switch (action) {
    case "delivered":
    case "relayed":
      return done;
    case "failed":
    case "delayed":
      return `${name} ${action} (${reason})`;
    case "skipped":
      return `${notDone} (${reason})`;
    default:
      return `${name} not started`;
  }
}
