// Replies for tests: composed from a case, and read back.

import { expect } from "bun:test";
import { simpleParser } from "mailparser";
import type { Draft } from "../../../packages/core/compose/content.ts";
import type { Reply } from "../../../packages/core/plan/types.ts";
import { draftOf } from "../draft.ts";
import { away, type Case, serveOf } from "../sample.ts";

export const alice = "alice@example.com";
export const ascii = (octets: Uint8Array) => new TextDecoder("latin1").decode(octets);

export async function effectOf(one: Case, rule: object = {}): Promise<Reply & { readonly draft: Draft }> {
  const course = await serveOf({ rules: { [alice]: { ...away, ...rule } }, ...one });
  const reply = course.effects.find(({ kind }) => kind === "reply");
  if (reply?.kind !== "reply") throw new Error(`no reply: ${JSON.stringify(course.withheld)}`);
  return { ...reply, draft: draftOf(reply) };
}

export function octetsOf({ head, body }: Draft): Buffer {
  if (body === "original") throw new Error("a reply has a body of its own");
  return Buffer.concat([head, body]);
}

export const namesOf = (draft: Draft) =>
  ascii(draft.head)
    .replace(/\r\n(?=[ \t])/g, "")
    .split("\r\n")
    .filter((line) => line !== "")
    .map((line) => line.slice(0, line.indexOf(":")));
export const lineOf = (draft: Draft, name: string) =>
  new RegExp(`^${name}: ?(.*)$`, "m").exec(ascii(draft.head).replace(/\r\n(?=[ \t])/g, ""))?.[1]?.trimEnd();
export const parse = async (draft: Draft) => simpleParser(octetsOf(draft));
/** Every address that the fields of these names hold. */
export const addressesIn = async (draft: Draft, ...names: readonly string[]) => {
  const { headers } = await parse(draft);
  const fields = names.flatMap((name) => (headers.get(name) as { value: { address?: string }[] } | undefined)?.value ?? []);
  return fields.map(({ address }) => address);
};
export const recipientsOf = (draft: Draft) => addressesIn(draft, "to", "cc", "bcc", "resent-to");

export const before = ["From", "To", "Subject", "Date", "Message-ID"];
export const thread = ["In-Reply-To", "References"];
export const after = [
  "Auto-Submitted",
  "X-Auto-Response-Suppress",
  "Precedence",
  "X-SES-Worker-Processed",
  "X-Loop",
  "MIME-Version",
  "Content-Type",
];
export const namesOfText = [...before, ...thread, ...after, "Content-Transfer-Encoding"];

/** What holds of every reply, whatever went in. */
export function expectSound(draft: Draft): void {
  const whole = ascii(octetsOf(draft));
  expect(whole).toMatch(/^[\t\r\n -~]*$/);
  expect(whole.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
  const lines = ascii(draft.head).split("\r\n");
  for (const line of lines) {
    expect(line.length).toBeLessThanOrEqual(998);
    // Only a word without white space may make a line longer than 78.
    if (line.length > 78) expect(line.replace(/^[!-9;-~]+: /, "").trim()).not.toMatch(/[^;] /);
  }
  for (const line of whole.slice(draft.head.length).split("\r\n")) expect(line.length).toBeLessThanOrEqual(76);
  expect(lines.slice(-2)).toEqual(["", ""]);
}

/** A text as encoded words of both kinds. */
export const encodedWords = (text: string) => {
  const octets = Buffer.from(text);
  return [
    `=?utf-8?B?${octets.toString("base64")}?=`,
    `=?utf-8?Q?${[...octets].map((octet) => `=${octet.toString(16).toUpperCase().padStart(2, "0")}`).join("")}?=`,
  ];
};
