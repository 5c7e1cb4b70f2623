// Budgeted courier: the courier of one entry. It takes a place for each send through SES, and reserves memory for a large one:
// the SDK holds all octets of a mail, several times. A send without a place or without room is delayed, so that it waits in the
// queue. Other routes pass: a delivery is streamed.

import { type Courier, delayed, type EffectKey, headLimit, type MailTransaction, type Verdict } from "@sesame/core";
import type { BudgetScope } from "./byte-budget.ts";

/** `end` gives back what a turn took and no send has used. */
export type BudgetedCourier = Required<Courier> & Readonly<{ end(): void }>;

/** What send-places.ts gives. */
export type Places = Readonly<{ take(bytes: number, onWait: () => void): Promise<boolean>; give(bytes: number): void }>;

type Verdicts = ReadonlyMap<EffectKey, Verdict>;

const sdkCopies = 4; // the octets, their Base64 form, and the request that holds both
const noPlace = delayed("no-room", "mail", "other mails use all places for sends through SES");
const noMemory = delayed("no-room", "mail", "other mails use all of MAX_BYTES_IN_FLIGHT");

/** `onWait` is called when the mail must wait for a place. A turn takes the place of the small send that follows it. */
export function budgetedCourier(courier: Courier, scope: BudgetScope, places: Places, onWait: () => void = () => {}): BudgetedCourier {
  let ofTurn = false;
  const end = () => {
    if (ofTurn) places.give(0);
    ofTurn = false;
  };
  const takePlace = async (bytes: number) => {
    if (bytes > 0) end();
    const taken = ofTurn || (await places.take(bytes, onWait));
    ofTurn = false;
    return taken;
  };
  return {
    turn: async (route) => {
      if (route === "ses") ofTurn ||= await places.take(0, onWait);
      if (route === "ses" && !ofTurn) return noPlace;
      return (await courier.turn?.(route)) ?? "ready";
    },
    send: async (route, transaction) => {
      if (route !== "ses") return courier.send(route, transaction);
      const { size } = transaction.content;
      const bytes = size > headLimit ? size * sdkCopies : 0;
      if (!(await takePlace(bytes))) return all(transaction, noPlace);
      try {
        return await charged(bytes, scope, transaction, () => courier.send(route, transaction));
      } finally {
        places.give(bytes);
      }
    },
    end,
  };
}

async function charged(bytes: number, scope: BudgetScope, transaction: MailTransaction, send: () => Promise<Verdicts>): Promise<Verdicts> {
  if (bytes === 0) return send();
  if (!(await scope.takeNowOrAlone(bytes))) return all(transaction, noMemory);
  try {
    return await send();
  } finally {
    scope.give(bytes);
  }
}

function all({ recipients }: MailTransaction, verdict: Verdict): Verdicts {
  return new Map(recipients.map(({ key }) => [key, verdict]));
}
