/**
 * A plan as text for people and as JSON for programs. It does no I/O: a terminal, a page and a browser show the same.
 *
 * @module
 */

export type { Assumed, ExplainCommands } from "./explain-context.ts";
export { outgoing, planJson } from "./plan-json.ts";
export { explainText } from "./plan-text.ts";
export {
  defectSentences,
  discardSentences,
  refuseSentences,
  type Sentence,
  standInSentences,
  warningSentences,
  withheldSentences,
} from "./reason-sentences.ts";
export { shellWord } from "./shell-word.ts";
export { formatInstant } from "./times.ts";
export { delaySentences, failSentences, skipSentences } from "./verdict-sentences.ts";
