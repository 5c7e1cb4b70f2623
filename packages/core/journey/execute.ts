// Execute: carries out the plan and decides nothing. Deliveries first, then auto-replies, then forwards. The final verdict of an
// effect is recorded in the ledger before the next effect begins. Deliveries and forwards send, then record (at least once);
// an auto-reply is claimed, then sent (at most once).

import type { OpenedMail } from "../compose/content.ts";
import type { Effect, Forward, Serve } from "../plan/types.ts";
import { answer } from "./answer.ts";
import { deliverAll } from "./deliver.ts";
import { type Carry, EffectRun, type ExecutePorts, type Held, type Report } from "./effect-run.ts";

/** The report where there was nothing to do. */
export const nothingDone: Report = { verdicts: new Map(), unrecorded: new Map(), outbound: [], fenced: false };

/** Runs all effects that have no final yet. */
export async function execute(plan: Carry, held: Held, opened: OpenedMail, ports: ExecutePorts): Promise<Report> {
  const run = new EffectRun(plan, held, opened, ports);
  const served = plan.courses.filter((course): course is Serve => course.kind === "serve");
  const effects: readonly Effect[] = served.flatMap((course) => course.effects);
  await deliverAll(run, served);
  for (const effect of effects) if (effect.kind === "reply") await answer(run, effect);
  for (const effect of effects) if (effect.kind === "forward") await forward(run, effect);
  return run.report();
}

async function forward(run: EffectRun, effect: Forward): Promise<void> {
  if (run.hasVerdict(effect.key)) return;
  const verdict = run.whenSays(effect.when) ?? (await run.withRoom(effect, () => run.composeAndSend(effect)));
  run.note("forward", effect.route, new Map([[effect.key, verdict]]), effect.standIn);
}
