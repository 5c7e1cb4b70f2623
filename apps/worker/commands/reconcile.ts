// sesame reconcile: finds stored mails that no worker knows, because their notice is lost, and puts them into the queue if it is
// asked to. Without --requeue it changes nothing.

import type { Writable } from "node:stream";
import { err, ok, type Result } from "@sesame/core";
import { type Config, decodeConfig } from "../config.ts";
import { withProgress } from "../progress.ts";
import { findForgotten, type Reconciliation, type Requeueable } from "../tracing/forgotten.ts";
import { orphanGauge, writeGauge } from "../tracing/orphan-gauge.ts";
import { awsPlaces, type Places } from "../tracing/places.ts";
import { reconcileJson, reconcileText } from "../tracing/reconcile-text.ts";
import { requeue } from "../tracing/requeue.ts";
import { rememberedSince, sinceOf } from "../tracing/since.ts";

/** `metrics`: a file for the gauge. `rate`: notices a second. */
export type ReconcileOptions = Readonly<{
  since: string;
  requeue?: boolean;
  doubtful?: boolean;
  rate?: number;
  metrics?: string;
  json?: boolean;
}>;

export type ReconcileStreams = Readonly<{ out: Writable; problems: Writable }>;

const usualRate = 20;

/** Returns the exit code: 0 if nothing is forgotten, or all was put into the queue; 1 if something is left; 2 for an error. */
export async function reconcile(options: ReconcileOptions, streams: ReconcileStreams): Promise<number> {
  const config = decodeConfig(process.env);
  if (!config.ok) return fail(config.error, streams);
  const places = awsPlaces(config.value);
  if (!places.ok) return fail(places.error, streams);
  try {
    const answer = await reconcileOn(places.value, config.value, options, streams);
    return answer.ok ? answer.value : fail(answer.error, streams);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error), streams);
  } finally {
    places.value.close();
  }
}

type Choices = Pick<Config, "LEDGER" | "LEDGER_DAYS" | "AUDIT_MARK">;

/** The same on places that are open. An error says what cannot be known. */
export async function reconcileOn(
  places: Places,
  config: Choices,
  options: ReconcileOptions,
  { out, problems }: ReconcileStreams,
): Promise<Result<number>> {
  const since = sinceOf(options.since, places.now());
  if (!since.ok) return since;
  const remembered = rememberedSince(since.value, places.now(), config);
  if (!remembered.ok) return remembered;
  const found = await withProgress({ what: "Comparing", total: null, to: problems }, (progress) =>
    findForgotten(places, { since: since.value }, progress),
  );
  if (config.AUDIT_MARK === "exceptions" && found.rows === 0 && found.looked > 0) return err(noRows);
  const chosen = found.forgotten.filter(({ doubtful }) => !doubtful || options.doubtful === true);
  const sent = options.requeue === true ? chosen : null;
  if (sent !== null)
    await withProgress({ what: "Sending", total: sent.length, to: problems }, (progress) =>
      requeue(sent, places, { perSecond: options.rate ?? usualRate, progress }),
    );
  const told = { since: options.since, sent, doubtful: options.doubtful === true };
  out.write(options.json ? `${JSON.stringify(reconcileJson(found, told), null, 2)}\n` : reconcileText(found, told));
  const left = leftOf(found, sent ?? []);
  if (options.metrics !== undefined) await writeGauge(options.metrics, orphanGauge(left, places.domains, places.now()));
  return ok(left.forgotten.length + left.unnamed.length > 0 ? 1 : 0);
}

function leftOf(found: Reconciliation, sent: readonly Requeueable[]): Pick<Reconciliation, "forgotten" | "unnamed"> {
  return { unnamed: found.unnamed, forgotten: found.forgotten.filter((each) => !sent.includes(each)) };
}

const noRows =
  "Cannot compare: with AUDIT_MARK=exceptions a mail that was delivered has no mark, and the ledger has no row of any of these mails. Check LEDGER_TABLE, or choose a later --since";

function fail(text: string, { problems }: ReconcileStreams): number {
  problems.write(`${text}\n`);
  return 2;
}
