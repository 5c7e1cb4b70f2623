// Answer: sends an auto-reply, at most once. What may wait comes before the claim, so that a worker that dies while it waits loses no
// reply: the finals so far are recorded, SES gives a turn, the reply is counted, then claimed, then sent.

import type { Reply } from "../plan/types.ts";
import { isFinal, type Verdict } from "../plan/verdict.ts";
import { type EffectRun, stopped } from "./effect-run.ts";
import type { ReplyRow } from "./ports.ts";

const mostAttempts = 4; // of a reply that SES throttles, each with a new turn and a new claim

/** Sends the auto-reply unless it has a verdict or may not run now. */
export async function answer(run: EffectRun, effect: Reply): Promise<void> {
  if (run.hasVerdict(effect.key)) return;
  const verdict = run.whenSays(effect.when) ?? (await run.withRoom(effect, () => tryToAnswer(run, effect)));
  run.note("reply", effect.route, new Map([[effect.key, verdict]]));
}

async function tryToAnswer(run: EffectRun, effect: Reply): Promise<Verdict> {
  for (let attempt = 1; ; attempt++) {
    const notNow = await whyNotNow(run, effect);
    if (notNow !== null) return notNow;
    const sent = await claimAndSend(run, effect);
    if (sent.action !== "delayed" || sent.reason !== "throttled" || attempt === mostAttempts) return sent;
  }
}

/** Waits for the turn of the reply, then counts it. `null`: it may be sent. */
async function whyNotNow(run: EffectRun, { key: effect, route, mailbox, limits }: Reply): Promise<Verdict | null> {
  const { courier, ledger, stop } = run.ports;
  if (!(await run.recordSoFar())) return stopped;
  const turn = await run.guard(async () => (await courier.turn?.(route)) ?? "ready");
  if (!turn.ok) return turn.error;
  if (turn.value !== "ready") return turn.value;
  if (stop.stopped) return stopped;
  const counted = await run.guard(() => ledger.countReply({ ...limits, mailbox, mailId: run.mailId, effect }));
  if (!counted.ok) return counted.error;
  return counted.value === "exhausted" ? { action: "skipped", reason: "reply-limit" } : null;
}

async function claimAndSend(run: EffectRun, effect: Reply): Promise<Verdict> {
  const { ledger } = run.ports;
  const row = replyRow(run, effect);
  const claim = await run.guard(() => ledger.claimReply(row));
  if (!claim.ok) return claim.error;
  if (claim.value === "answered") return { action: "skipped", reason: "already-answered" };
  if (claim.value === "in-doubt") return inDoubt;
  const sent = await run.composeAndSend(effect, { hasTurn: true });
  if (isFinal(sent)) return sent;
  // Another attempt may send it only if it is certain that nothing was sent.
  if (sent.possibleDuplicate || sent.reason === "port-error") return inDoubt;
  const released = await run.guard(() => ledger.releaseReply(row));
  return released.ok ? sent : inDoubt;
}

function replyRow({ mailId }: EffectRun, effect: Reply): ReplyRow {
  const { key, mailbox: recipient, rememberAs: sender, rememberUntil: until, textHash } = effect;
  return { recipient, sender, effect: key, textHash, mailId, until };
}

const inDoubt: Verdict = { action: "skipped", reason: "reply-in-doubt" };
