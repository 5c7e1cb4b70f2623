// The octets of a generated mail in a plan: its recipe, composed.

import { composeDraft, type Draft } from "@sesame/core/compose";
import type { Forward, Reply } from "@sesame/core/plan";

/** Composes what a forward or reply sends. */
export function draftOf({ recipe }: Pick<Forward | Reply, "recipe">): Draft {
  return composeDraft(recipe);
}
