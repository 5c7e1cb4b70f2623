// Pattern advice: what is wrong with a pattern on a blocklist, in words that say how to mend it. A pattern means exactly
// what Python's fnmatch makes of it, so one that is spelled with care can still match no address at all, or every one.
// It changes no pattern: what can be mended must be mended where it is stored.

import { foldText } from "./pattern.ts";
import { quote } from "./result.ts";

/** "useless": it can match no sender. "broad": it matches every sender, which is allowed. */
export type Advice = Readonly<{ kind: "useless" | "broad"; text: string }>;

// Most patterns are an address or `*@domain`, and a row may hold thousands of them with each mail: one look is enough for these.
const ordinary = /^[^\s<>,;@]+@\w[^\s<>,;@]*$/;

/** The advice on a pattern, or `null` for one that does what it looks like. */
export function adviseOn(source: string): Advice | null {
  const pattern = foldText(source);
  if (ordinary.test(pattern)) return null;
  const useless = (why: string, instead?: string): Advice => ({
    kind: "useless",
    text: `Cannot match any sender as ${why}${instead === undefined ? "" : `; write ${quote(instead)}`}: current value is ${quote(source)}`,
  });
  if (pattern === "") return useless("a pattern must not be empty");
  if (pattern.trim() !== pattern) return useless("an address has no space at its ends", source.trim());
  if (/[<>]/.test(pattern)) return useless("a display name is never compared", /<([^<>]+)>/.exec(source)?.[1]);
  if (/@.*[,;\s].*@/.test(pattern)) return useless("a pattern holds one address; store each by itself");
  if (/\s/.test(pattern) && !pattern.includes("@")) return useless("a display name is never compared");
  if (!/[@*?[]/.test(pattern)) return useless("an address holds an @", `*@${source}`);
  if (pattern.startsWith("@")) return useless("an address has a local part", `*${source}`);
  if (pattern.endsWith("@")) return useless("an address has a domain", `${source}*`);
  if (pattern.includes("@.") && !pattern.includes("[")) return useless("no domain starts with a dot", source.replace("@.", "@*."));
  if (/^[*?]*\*[*?]*(?:@[*?]*\*[*?]*)?$/.test(pattern))
    return { kind: "broad", text: `A pattern that matches every sender blocks all mail: current value is ${quote(source)}` };
  return null;
}
