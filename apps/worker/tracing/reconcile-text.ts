// Reconcile text: what a comparison found, for people and as JSON, and what to do about it. It reads nothing.

import { idOf, type Unfinished } from "./compare.ts";
import type { Reconciliation, Requeueable } from "./forgotten.ts";
import { number, row, safe, section } from "./mail-table.ts";

/** `since`: as it was given. `sent`: the mails that were put into a queue; `null` if nothing was changed. */
export type Told = Readonly<{ since: string; sent: readonly Requeueable[] | null; doubtful: boolean }>;

/** The whole report. */
export function reconcileText(found: Reconciliation, told: Told): string {
  const certain = found.forgotten.filter(({ doubtful }) => !doubtful);
  const doubtful = found.forgotten.filter((each) => each.doubtful);
  const lines = [
    summary(found, told.since),
    ...section(
      "Forgotten: no worker has taken them, and their queues are empty",
      certain.map(({ of, recipients }) => row(of.mail, `for ${recipients.map(safe).join(", ")}`)),
    ),
    ...section(
      "Doubtful: forgotten, and their headers name more recipients of ours than SES wrote down",
      doubtful.map(({ of, recipients }) => row(of.mail, `for ${recipients.map(safe).join(", ")}`)),
    ),
    ...section(
      "Forgotten, and no header field names a recipient of ours",
      found.unnamed.map((of) => row(of.mail, "")),
    ),
    ...section(
      "Perhaps waiting",
      found.waiting.map((of) => row(of.mail, of.why ?? "")),
    ),
    ...section(
      "Taken by a worker and not done, with no entry in a queue",
      found.stuck.map((of) => row(of.mail, "see sesame replay")),
    ),
    ...(found.strange.length > 0 ? ["", `Objects that are no mail which SES stored under this key: ${number(found.strange.length)}.`] : []),
    "",
    ...advice(found, told),
  ];
  return `${lines.join("\n")}\n`;
}

function summary(found: Reconciliation, since: string): string {
  const { looked, done, inWork, forgotten, unnamed, waiting, stuck } = found;
  const parts = [
    `${number(done)} done`,
    `${number(inWork + stuck.length)} in work`,
    `${number(forgotten.length + unnamed.length)} forgotten`,
    ...(waiting.length > 0 ? [`${number(waiting.length)} perhaps waiting`] : []),
  ];
  return `Looked at ${number(looked)} mails since ${safe(since)}: ${parts.join(", ")}`;
}

function advice({ forgotten, unnamed, stuck }: Reconciliation, { since, sent, doubtful }: Told): readonly string[] {
  const command = `sesame reconcile --since ${safe(since)} --requeue`;
  const uncertain = forgotten.filter((each) => each.doubtful).length;
  const lines: string[] = [];
  if (sent !== null) lines.push(`Put into the queue: ${number(sent.length)} mails.`);
  else if (forgotten.length > uncertain) lines.push(`Nothing was changed. To put them into the queue: ${command}`);
  else lines.push("Nothing was changed.");
  if (uncertain > 0 && !(sent !== null && doubtful))
    lines.push(`A doubtful mail goes to all that are named here, and a blind copy is not known: ${command} --doubtful`);
  if (unnamed.length > 0) lines.push("A mail that names nobody of ours cannot be put into the queue. Look at it in S3.");
  if (stuck.length > 0) lines.push("For mails that a worker had and did not end: sesame replay --status open");
  return lines;
}

/** The same for programs. */
export function reconcileJson(found: Reconciliation, { sent }: Told): Record<string, unknown> {
  const mailOf = (of: Unfinished) => ({ mailId: idOf(of.mail), storedAt: new Date(of.mail.storedAt).toISOString(), size: of.mail.size });
  const requeueable = (each: Requeueable) => ({
    ...mailOf(each.of),
    domain: each.domain,
    recipients: each.recipients,
    doubtful: each.doubtful,
  });
  return {
    looked: found.looked,
    done: found.done,
    inWork: found.inWork,
    forgotten: found.forgotten.map(requeueable),
    unnamed: found.unnamed.map(mailOf),
    perhapsWaiting: found.waiting.map((of) => ({ ...mailOf(of), why: of.why })),
    stuck: found.stuck.map(mailOf),
    strange: found.strange.map(mailOf),
    requeued: sent === null ? null : sent.map(({ of }) => idOf(of.mail)),
  };
}
