// Pattern advice: finds likely mistakes in a blocklist pattern and suggests a correction. Patterns have the meaning of Python's
// fnmatch, so a pattern that looks right can match no address, or every address. No pattern is changed: the user corrects the
// row.

import { quote } from "../result.ts";
import { foldText } from "./pattern.ts";

/** "useless": the pattern can match no sender. "broad": it matches every sender, which is allowed. */
export type PatternAdvice = Readonly<{ kind: "useless" | "broad"; text: string }>;

// Most patterns are an address or `*@domain`, and a row may hold thousands. One test accepts these.
const ordinary = /^[^\s<>,;@]+@\w[^\s<>,;@]*$/;

/** Returns the advice for a pattern, or `null` if it needs none. */
export function patternAdvice(source: string): PatternAdvice | null {
  const pattern = foldText(source);
  if (ordinary.test(pattern)) return null;
  const useless = (why: string, instead?: string): PatternAdvice => ({
    kind: "useless",
    text: `Pattern ${quote(source)} matches no sender: ${why}${instead === undefined ? "" : `. Write ${quote(instead)}`}`,
  });
  if (pattern === "") return useless("a pattern must not be empty");
  if (pattern.trim() !== pattern) return useless("an address has no space at its ends", source.trim());
  if (/[<>]/.test(pattern)) return useless("a display name is never compared", /<([^<>]+)>/.exec(source)?.[1]);
  if (holdsSeveral(pattern)) return useless("a pattern holds one address. Store each by itself");
  if (/\s/.test(pattern) && !pattern.includes("@")) return useless("a display name is never compared");
  if (!/[@*?[]/.test(pattern)) return useless("an address holds an @", `*@${source}`);
  if (pattern.startsWith("@")) return useless("an address has a local part", `*${source}`);
  if (pattern.endsWith("@")) return useless("an address has a domain", `${source}*`);
  if (pattern.includes("@.") && !pattern.includes("[")) return useless("no domain starts with a dot", source.replace("@.", "@*."));
  if (isBroad(pattern)) return { kind: "broad", text: `Pattern ${quote(source)} matches every sender and blocks all mail` };
  return null;
}

/** Whether a comma, a semicolon or a space stands between two addresses. */
function holdsSeveral(pattern: string): boolean {
  return /[,;\s]/.test(pattern.slice(pattern.indexOf("@") + 1, Math.max(0, pattern.lastIndexOf("@"))));
}

/** Whether a pattern has nothing but wildcards, with a star on each side of its @ or without an @. */
function isBroad(pattern: string): boolean {
  const sides = pattern.split("@", 3);
  return sides.length <= 2 && sides.every((side) => /^[*?]+$/.test(side) && side.includes("*"));
}
