/**
 * A plan in words for people and as JSON for programs. Pure: a terminal, a page and a browser show the same.
 *
 * @module
 */

export { outgoing, planJson } from "./plan-json.ts";
export { explainText } from "./plan-text.ts";
export { shellWord } from "./shell-word.ts";
export { formatInstant } from "./times.ts";
