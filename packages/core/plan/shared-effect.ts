// Shared effect: one mail makes one auto-reply by a rule row and one forward to each of its targets, however many recipients the
// row serves: tags of one mailbox, or local parts below a catch-all. The first recipient for whom it may run has the effect in
// its course; the others only let it run. Without this, a mail to a hundred tags would make a hundred replies.

import { type Address, type AddressKey, addressKey, withoutTag } from "../mail/address.ts";
import { type Course, type EffectKey, keyOf, ruleKeyOf } from "./types.ts";
import type { Final } from "./verdict.ts";

/** What the recipients of an effect have in common. The lists grow while later recipients are planned. */
export type Shared = Readonly<{
  key: EffectKey;
  /** Deliveries to these recipients: when one of them ends well, the effect runs. */
  anyOf: readonly EffectKey[];
  formerKeys: readonly EffectKey[];
}>;

type Growing = { readonly key: EffectKey; readonly anyOf: EffectKey[]; readonly formerKeys: EffectKey[] };

/** The effects of one plan by which several recipients are served. */
export class SharedEffects {
  readonly #known = new Map<EffectKey, Growing>();
  readonly #answering = new Map<AddressKey, EffectKey>();

  /** Adds a recipient to a forward of its rule row. `null`: an earlier recipient has it. */
  forward(recipient: Address, row: string, target: Address): Shared | null {
    return this.#join(ruleKeyOf("forward", row, target), recipient, keyOf("forward", recipient, target));
  }

  /** Adds a recipient to the auto-reply of its rule row. `null`: an earlier recipient, or another row of the mailbox, has it. */
  reply(recipient: Address, row: string): Shared | null {
    const key = ruleKeyOf("reply", row);
    const mailbox = withoutTag(addressKey(recipient));
    const other = this.#answering.get(mailbox);
    if (other !== undefined && other !== key) return null;
    this.#answering.set(mailbox, key);
    return this.#join(key, recipient, keyOf("reply", recipient));
  }

  #join(key: EffectKey, recipient: Address, former: EffectKey): Shared | null {
    const known = this.#known.get(key);
    const shared = known ?? { key, anyOf: [], formerKeys: [] };
    this.#known.set(key, shared);
    shared.anyOf.push(keyOf("deliver", recipient));
    if (former !== key) shared.formerKeys.push(former);
    return known === undefined ? shared : null;
  }
}

/**
 * Returns the finals under the keys of this plan. Earlier versions had a key for each recipient: what they did for one recipient
 * of an effect is done for all of them, so that nobody gets a second reply or copy.
 */
export function finalsOfPlan(courses: readonly Course[], finals: ReadonlyMap<EffectKey, Final>): ReadonlyMap<EffectKey, Final> {
  const found = new Map(finals);
  for (const effect of courses.flatMap((course) => (course.kind === "serve" ? course.effects : []))) {
    if (effect.kind === "deliver" || effect.formerKeys.length === 0) continue;
    const former = effect.formerKeys.flatMap((key) => finals.get(key) ?? []);
    const isOver = former.length === effect.when.anyOf.length;
    const final = finals.get(effect.key) ?? former.find((each) => !hangsOnDelivery(each)) ?? (isOver ? former[0] : undefined);
    for (const key of effect.formerKeys) found.delete(key);
    if (final !== undefined) found.set(effect.key, final);
  }
  return found;
}

/** Whether it was final for one recipient only: another one may still get the mail. */
function hangsOnDelivery(final: Final): boolean {
  return final.action === "skipped" && (final.reason === "not-delivered" || final.reason === "delivery-refused");
}
