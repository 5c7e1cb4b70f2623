// Forgotten: mails that are stored and of which no worker knows, although no queue has an entry. Each is opened, to see for whom it
// is. What SES did not store is no mail.

import type { Address, Domain } from "@sesame/core";
import type { Progress } from "../progress.ts";
import { type Choice, type Comparison, compare, type Unfinished } from "./compare.ts";
import type { Places } from "./places.ts";
import { noticeText, rebuildNotice } from "./rebuilt-notice.ts";

/** A mail whose notice can be sent again. `doubtful`: it may have been for others too. */
export type Requeueable = Readonly<{
  of: Unfinished;
  doubtful: boolean;
  domain: Domain;
  recipients: readonly Address[];
  notice: string;
}>;

/**
 * `forgotten`: can be put into the queue. `unnamed`: forgotten, and its header names nobody of ours. `waiting`: perhaps in a
 * queue. `stuck`: a worker had it, it is not done, and no queue has an entry. `strange`: objects that are no mail of SES.
 */
export type Reconciliation = Readonly<{
  looked: number;
  done: number;
  inWork: number;
  forgotten: readonly Requeueable[];
  unnamed: readonly Unfinished[];
  waiting: readonly Unfinished[];
  stuck: readonly Unfinished[];
  strange: readonly Unfinished[];
}>;

type ForgottenPlaces = Parameters<typeof compare>[0] & Pick<Places, "store">;

/** Compares, and opens the mails that are forgotten. */
export async function findForgotten(
  places: ForgottenPlaces,
  choice: Choice,
  progress: Progress,
): Promise<Reconciliation & Pick<Comparison, "rows">> {
  const { unfinished, looked, rows, done, held } = await compare(places, choice, progress);
  const open = unfinished.filter(({ state }) => state === "open");
  const unknown = unfinished.filter(({ state }) => state === null);
  const opened = await openAll(
    unknown.filter(({ why }) => why === null),
    places,
  );
  return {
    looked,
    rows,
    done: done + opened.gone,
    inWork: held + open.filter(({ why }) => why !== null).length,
    forgotten: opened.requeueable,
    unnamed: opened.unnamed,
    waiting: unknown.filter(({ why }) => why !== null),
    stuck: open.filter(({ why }) => why === null),
    strange: opened.strange,
  };
}

type Opened = Readonly<{ requeueable: Requeueable[]; unnamed: Unfinished[]; strange: Unfinished[]; gone: number }>;

const atOnce = 8; // mails that are open

async function openAll(mails: readonly Unfinished[], { store }: Pick<Places, "store">): Promise<Opened> {
  const opened = { requeueable: [] as Requeueable[], unnamed: [] as Unfinished[], strange: [] as Unfinished[], gone: 0 };
  for (let at = 0; at < mails.length; at += atOnce) {
    const some = mails.slice(at, at + atOnce);
    const stored = await Promise.all(some.map(({ mail }) => store.open(mail.location)));
    for (const [index, of] of some.entries()) {
      const mail = stored[index];
      if (mail === undefined || mail === "missing") {
        opened.gone++;
        continue;
      }
      const rebuilt = rebuildNotice(mail, of.domains);
      if (!("stamp" in rebuilt)) {
        (rebuilt.kind === "no-recipient" ? opened.unnamed : opened.strange).push(of);
        continue;
      }
      const { domain, recipients, kind } = rebuilt;
      const notice = noticeText(mail, rebuilt, of.mail.storedAt);
      opened.requeueable.push({ of, doubtful: kind === "doubtful", domain, recipients, notice });
    }
  }
  return opened;
}
