// sesame replay: puts mails that are not done back into their queue, after the cause is mended. Only for whom the ledger says that the
// mail is missing. Without --requeue it changes nothing.

import type { Writable } from "node:stream";
import { err, type MailId, ok, quote, type Result } from "@sesame/core";
import { type Config, decodeConfig } from "../config.ts";
import { withProgress } from "../progress.ts";
import { idOf } from "../tracing/compare.ts";
import { number, row, safe, section } from "../tracing/mail-table.ts";
import { awsPlaces, type Places } from "../tracing/places.ts";
import { findReplays, type Replay, type ReplayStatus, type Replays, replayStatuses } from "../tracing/replay.ts";
import { requeue } from "../tracing/requeue.ts";
import { rememberedSince, sinceOf } from "../tracing/since.ts";

export type ReplayOptions = Readonly<{
  prefix?: string;
  since?: string;
  status?: readonly string[];
  rate?: number;
  requeue?: boolean;
  doubtful?: boolean;
  json?: boolean;
}>;

export type ReplayStreams = Readonly<{ out: Writable; problems: Writable }>;

const usual = { rate: 10, since: "3d", statuses: ["forgotten", "open"] } as const;

/** Returns the exit code: 0 if nothing is missing, or all was put into the queue; 1 if something is left; 2 for an error. */
export async function replay(options: ReplayOptions, streams: ReplayStreams): Promise<number> {
  const config = decodeConfig(process.env);
  if (!config.ok) return fail(config.error, streams);
  const places = awsPlaces(config.value);
  if (!places.ok) return fail(places.error, streams);
  try {
    const answer = await replayOn(places.value, config.value, options, streams);
    return answer.ok ? answer.value : fail(answer.error, streams);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error), streams);
  } finally {
    places.value.close();
  }
}

type Choices = Pick<Config, "LEDGER" | "LEDGER_DAYS" | "AUDIT_MARK">;

/** The same on places that are open. An error says what cannot be known. */
export async function replayOn(places: Places, config: Choices, options: ReplayOptions, streams: ReplayStreams): Promise<Result<number>> {
  const statuses = statusesOf(options.status ?? usual.statuses);
  if (!statuses.ok) return statuses;
  const since = sinceOf(options.since ?? usual.since, places.now());
  if (!since.ok) return since;
  const remembered = rememberedSince(since.value, places.now(), config);
  if (!remembered.ok) return remembered;
  const choice = { since: since.value, ...(options.prefix !== undefined && { prefix: options.prefix }) };
  const found = await withProgress({ what: "Looking", total: null, to: streams.problems }, (progress) =>
    findReplays(places, choice, statuses.value, progress),
  );
  if (config.AUDIT_MARK === "exceptions" && found.rows === 0 && found.looked > 0)
    return err("Cannot compare: AUDIT_MARK=exceptions, and the ledger has no row of any of these mails. Check LEDGER_TABLE");
  const chosen = found.replays.filter(({ doubtful }) => doubtful === null || options.doubtful === true);
  if (options.requeue === true) await send(chosen, places, options, streams);
  const sent = options.requeue === true ? chosen : null;
  streams.out.write(options.json ? `${JSON.stringify(jsonOf(found, sent), null, 2)}\n` : textOf(found, sent, options));
  return ok(found.replays.length > (sent?.length ?? 0) ? 1 : 0);
}

/** The notice first: if it is lost, the ends still stand. It is delayed, so that they are taken back before it is read. */
async function send(chosen: readonly Replay[], places: Places, { rate }: ReplayOptions, { problems }: ReplayStreams): Promise<void> {
  const changed: MailId[] = [];
  const sent = async ({ mail, takeBack }: Replay) => {
    if (takeBack.length === 0) return;
    if ((await places.book.takeBack(idOf(mail), takeBack)) === "changed") changed.push(idOf(mail));
  };
  await withProgress({ what: "Sending", total: chosen.length, to: problems }, (progress) =>
    requeue(chosen, places, { perSecond: rate ?? usual.rate, progress }, sent),
  );
  for (const mailId of changed) problems.write(`${safe(mailId)} changed meanwhile: its ends stand, and the notice does nothing\n`);
}

function statusesOf(words: readonly string[]): Result<ReadonlySet<ReplayStatus>> {
  const wrong = words.find((word) => !replayStatuses.some((status) => status === word));
  if (wrong === undefined) return ok(new Set(words as readonly ReplayStatus[]));
  return err(`Cannot replay mails of the status ${quote(wrong)}: must be one of ${replayStatuses.join(", ")}`);
}

function textOf({ looked, replays, others }: Replays, sent: readonly Replay[] | null, { doubtful }: ReplayOptions): string {
  const sections = replayStatuses.flatMap((status) => [
    ...section(
      `Missing (${status})`,
      replays
        .filter((each) => each.status === status)
        .map(({ mail, recipients, doubtful: why }) =>
          row(mail, `for ${recipients.map(safe).join(", ")}${why === null ? "" : `; doubtful: ${why}`}`),
        ),
    ),
    ...section(
      `Left out (${status})`,
      others.filter((each) => each.status === status).map(({ mail, why }) => row(mail, why)),
    ),
  ]);
  const uncertain = replays.some((each) => each.doubtful !== null) && !(sent !== null && doubtful);
  const end =
    sent === null ? "Nothing was changed. To put them into the queue, add --requeue." : `Put into the queue: ${number(sent.length)} mails.`;
  const summary = `Looked at ${number(looked)} mails: ${number(replays.length)} are missing for somebody`;
  return `${[summary, ...sections, "", end, ...(uncertain ? ["Doubtful ones need --doubtful too."] : [])].join("\n")}\n`;
}

function jsonOf({ looked, replays, others }: Replays, sent: readonly Replay[] | null): Record<string, unknown> {
  return {
    looked,
    missing: replays.map(({ mail, status, domain, recipients, doubtful }) => ({
      mailId: idOf(mail),
      status,
      domain,
      recipients,
      doubtful,
    })),
    leftOut: others.map(({ mail, status, why }) => ({ mailId: idOf(mail), status, why })),
    requeued: sent === null ? null : sent.map(({ mail }) => idOf(mail)),
  };
}

function fail(text: string, { problems }: ReplayStreams): number {
  problems.write(`${text}\n`);
  return 2;
}
