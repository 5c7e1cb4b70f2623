// Forwards of a case, and their header as a reader sees it. The header is read here without the core's own reader.

import type { Mail } from "@sesame/core";
import type { Draft } from "@sesame/core/compose";
import type { Forward } from "../../../packages/core/plan/types.ts";
import { draftOf } from "../draft.ts";
import { type Case, factsOf, personal, serveOf } from "../sample.ts";

/** A rule row that forwards to a target outside. */
export const outside = { "alice@example.com": { forwards: ["x@other.test"] } };

/** A case whose mail has one file of this name. */
export const withFile = (name: string): Case & { readonly header: string } => ({
  header: `${personal}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n`,
  body: `--b\r\n\r\nHi\r\n--b\r\nContent-Type: a/b; name="${name}"\r\n\r\nTVqQ\r\n--b--\r\n`,
});

/** An ordinary mail that is said to have so many octets. */
export function sized(size: number): Mail {
  const { mail } = factsOf({});
  return { ...mail, size };
}

/** The only forward of a case, composed; to a target outside where the case does not say. */
export async function forwardOf(one: Case): Promise<Forward & { readonly draft: Draft }> {
  const course = await serveOf({ rules: outside, ...one });
  const forwards = course.effects.filter((effect) => effect.kind === "forward");
  const [forward] = forwards;
  if (forwards.length !== 1 || !forward) throw new Error(`the forwards are ${JSON.stringify(course.withheld)}`);
  return { ...forward, draft: draftOf(forward) };
}

/** What becomes of the forwards of a case, in their order: the target, or the word why not. */
export async function fatesOf(one: Case): Promise<readonly string[]> {
  const course = await serveOf({ rules: outside, ...one });
  const made = course.effects.flatMap((effect) => (effect.kind === "forward" ? [effect.to] : []));
  return [...made, ...course.withheld.map(({ to, reason }) => `${to}: ${reason}`)];
}

/** Octets of a header as one character each. */
export function latin(octets: Uint8Array): string {
  return Buffer.from(octets).toString("latin1");
}

/** Name and unfolded value of each field of a written header block. Throws where it is none. */
export function fieldsIn(head: Uint8Array): readonly (readonly [string, string])[] {
  const text = latin(head);
  if (!text.endsWith("\r\n\r\n") || text.startsWith("\r\n")) throw new Error(`no header block: ${JSON.stringify(text.slice(-40))}`);
  return text
    .slice(0, -4)
    .replace(/\r\n(?=[ \t])/g, "")
    .split("\r\n")
    .map((line) => {
      const match = /^([!-9;-~]+):(?: (.*))?$/.exec(line);
      if (!match) throw new Error(`no field: ${JSON.stringify(line)}`);
      return [match[1] ?? "", match[2] ?? ""] as const;
    });
}

/** Values of the fields of a name. */
export function valuesIn(head: Uint8Array, name: string): readonly string[] {
  return fieldsIn(head).flatMap(([key, value]) => (key.toLowerCase() === name.toLowerCase() ? [value] : []));
}
