// Recipe: what a generated mail is made of. A plan holds recipes, and the octets are composed only when the mail is sent: one
// mail may lead to thousands of forwards, and each has a header of its own. Equal recipes give equal octets.

import type { Draft } from "./content.ts";
import { composeForward, type ForwardInput, forwardHeadSize } from "./forward.ts";
import { composeReply, type ReplyInput } from "./reply.ts";
import { composeStandIn, type SesRefusal } from "./stand-in.ts";

/** A generated mail that is not composed yet. The parts that are equal for all recipients are shared by reference. */
export type Recipe =
  | { readonly kind: "forward"; readonly input: ForwardInput }
  | { readonly kind: "stand-in"; readonly input: ForwardInput; readonly refusal: SesRefusal }
  | { readonly kind: "reply"; readonly input: ReplyInput };

/** Composes the mail of a recipe. */
export function composeDraft(recipe: Recipe): Draft {
  switch (recipe.kind) {
    case "forward":
      return composeForward(recipe.input);
    case "stand-in":
      return composeStandIn(recipe.input, recipe.refusal);
    case "reply":
      return composeReply(recipe.input);
    default:
      return recipe satisfies never;
  }
}

const textForms = 4; // the text, its plain form, and both encoded
const smallMail = 16 * 1024; // octets: a stand-in, or all of a reply but its text

/** About how many octets of memory `composeDraft` takes, to be reserved before it is called. */
export function draftOctets(recipe: Recipe): number {
  switch (recipe.kind) {
    case "forward":
      return forwardHeadSize(recipe.input);
    case "stand-in":
      return smallMail;
    case "reply":
      return smallMail + recipe.input.rule.text.length * textForms;
    default:
      return recipe satisfies never;
  }
}
