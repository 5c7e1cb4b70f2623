// Complaints: what is wrong with the answer to a case, in words. It reads the JSON answer and the outgoing mails as another
// program would, and shares no code with what made them.

import { canaryDomain, canaryField } from "./hostile-text.ts";
import type { MutationCase } from "./mutations.ts";

/** What an answer amounts to, counted by the script and the test. */
export type Finding = Readonly<{ complaints: readonly string[]; injected: number; drafts: number }>;

type Json = Readonly<Record<string, unknown>>;

const listOf = (value: unknown): readonly Json[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** Reads an answer. */
export function examine(one: MutationCase, answer: Json): Finding {
  const plan = answer["plan"] as Json | undefined;
  if (answer["id"] !== one.id) return { complaints: [`the answer is to ${String(answer["id"])}`], injected: 0, drafts: 0 };
  if (plan === undefined || !["carry", "discard"].includes(textOf(plan["kind"])))
    return { complaints: [`no plan: ${JSON.stringify(answer["error"] ?? answer).slice(0, 300)}`], injected: 0, drafts: 0 };
  const effects = listOf(plan["courses"]).flatMap((course) => [...courseComplaints(course), ...listOf(course["effects"])]);
  const complaints: string[] = effects.filter((each): each is string & Json => typeof each === "string");
  let [injected, drafts] = [0, 0];
  for (const effect of effects) {
    if (typeof effect === "string") continue;
    if (effect["kind"] === "deliver") complaints.push(...editComplaints(effect));
    else {
      drafts++;
      const found = draftComplaints(effect, one);
      injected += found.injected;
      complaints.push(...found.complaints);
    }
  }
  return { complaints, injected, drafts };
}

function courseComplaints(course: Json): readonly string[] {
  const kinds = listOf(course["effects"]).map(({ kind }) => textOf(kind));
  if (course["kind"] === "serve")
    return kinds.filter((kind) => kind === "deliver").length === 1 ? [] : ["a course serves without one delivery"];
  return ["refuse", "block"].includes(textOf(course["kind"])) && kinds.length === 0
    ? []
    : [`a course of kind ${String(course["kind"])} acts`];
}

/** A delivery loses a topmost Return-Path; a bounce also shows who failed. Nothing else is ever edited. */
function editComplaints(effect: Json): readonly string[] {
  return listOf(effect["edits"]).flatMap((edit) => {
    const { kind, name, value, which } = edit;
    const isAllowed =
      (kind === "remove" && name === "Return-Path" && which === "topmost") ||
      (kind === "replace" && (name === "From" || name === "Reply-To") && /^[!-~]+@[a-z0-9.-]+$/.test(textOf(value))) ||
      (kind === "prepend" && (name === "X-Original-From" || name === "X-Failed-Recipients") && /^[ -~]*$/.test(textOf(value)));
    return isAllowed ? [] : [`an edit that must not be: ${JSON.stringify(edit).slice(0, 300)}`];
  });
}

const composed = ["from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted", "x-auto-response-suppress"];
const ours = ["precedence", "x-ses-worker-processed", "x-loop", "mime-version", "content-type", "content-transfer-encoding"];
const taken = [
  ..."received cc reply-to x-original-from x-original-message-id importance priority x-priority sensitivity".split(" "),
  ..."thread-index thread-topic list-id list-help list-subscribe list-unsubscribe list-unsubscribe-post list-post".split(" "),
  ..."list-owner list-archive content-disposition content-description content-id content-location content-base".split(" "),
  ..."content-language content-md5 content-duration content-class content-alternative".split(" "),
];
const allowed = { reply: new Set([...composed, ...ours]), forward: new Set([...composed, ...ours, ...taken]) };

function draftComplaints(effect: Json, one: MutationCase): Readonly<{ complaints: readonly string[]; injected: number }> {
  const kind = effect["kind"] === "reply" ? "reply" : "forward";
  const draft = Buffer.from(textOf(effect["draft"]), "base64").toString("latin1");
  const end = draft.indexOf("\r\n\r\n");
  const head = draft.slice(0, end + 2);
  const complaints: string[] = [];
  if (end < 0 || !/^(?:[!-9;-~]+:[\t -~]*\r\n(?:[\t ][\t -~]*\r\n)*)+$/.test(head))
    complaints.push(`a header that is none: ${excerpt(head)}`);
  if (head.split("\r\n").some((line) => line.length > 998)) complaints.push("a line of more than 998 octets");
  const names = head
    .split(/\r\n(?![\t ])/)
    .flatMap((field) => (field === "" ? [] : [field.slice(0, field.indexOf(":")).trim().toLowerCase()]));
  const strange = names.filter((name) => !allowed[kind].has(name));
  // Hosts that a mail came through, and marks of other installations, which end circles.
  const repeatable = kind === "forward" ? ["received", "x-loop"] : [];
  const repeated = names.filter((name, index) => !repeatable.includes(name) && names.indexOf(name) !== index);
  for (const [, value = ""] of head.matchAll(/^X-Loop:((?:.|\r\n[\t ])*)\r$/gim)) {
    if (!/; id=[0-9a-f]{32}; hop=\d{1,3};(?: to=[!-~]+(?: [!-~]+)*; at=\d{1,12};)? mac=[0-9a-f]{32}$/.test(value.replace(/\r\n/g, "")))
      complaints.push(`a mark that is none: ${value}`);
  }
  complaints.push(...[...strange, ...repeated].map((name) => `a ${kind} with the field ${JSON.stringify(name)}: ${excerpt(head)}`));
  for (const name of ["from", "subject", "date", "message-id"]) if (!names.includes(name)) complaints.push(`a ${kind} without ${name}`);
  if (!names.includes("to") && !(kind === "forward" && names.includes("cc"))) complaints.push(`a ${kind} that names nobody`);
  const parts = kind === "reply" ? partComplaints(head, draft.slice(end + 4)) : [];
  const path = recipientComplaints(effect, one);
  const injected = strange.length + repeated.length + parts.length + path.length + (canaries(names) ? 1 : 0);
  return { complaints: [...complaints, ...parts, ...path], injected };
}

function canaries(names: readonly string[]): boolean {
  return names.some((name) => name === canaryField.toLowerCase() || name === "bcc");
}

/** The parts of a reply have headers, too. */
function partComplaints(head: string, body: string): readonly string[] {
  const boundary = /^content-type:[^\r\n]*(?:\r\n[\t ][^\r\n]*)*boundary="([^"]+)"/im.exec(head)?.[1];
  const bad = /[^\t\r\n -~]|\r(?!\n)|(?<!\r)\n/.test(body) ? ["the body of a reply is not 7-bit lines"] : [];
  if (boundary === undefined) return bad;
  const parts = body.split(`--${boundary}`).slice(1, -1);
  const names = parts.flatMap((part) =>
    (part.split("\r\n\r\n")[0] ?? "").split("\r\n").flatMap((line) => /^([^\s:]+):/.exec(line)?.[1] ?? []),
  );
  const strange = names.filter((name) => !/^content-(?:type|transfer-encoding)$/i.test(name));
  return [
    ...bad,
    ...(parts.length === 2 ? [] : [`a reply of ${parts.length} parts`]),
    ...strange.map((name) => `a part with the field ${name}`),
  ];
}

/** Nobody is written to but the sender, by a reply, and the targets of a rule. */
function recipientComplaints({ kind, to, from }: Json, { facts }: MutationCase): readonly string[] {
  const { from: sender } = facts["envelope"] as Readonly<{ from: string | null }>;
  const targets = kind === "reply" ? [sender] : ["x@other.test", "carol@another.test", "y@xn--bcher-kva.example"];
  const bad = [to, from].filter((address) => textOf(address).includes(canaryDomain));
  return [...bad, ...(targets.includes(textOf(to)) ? [] : [to])].map((address) => `a ${String(kind)} to ${JSON.stringify(address)}`);
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 600 ? `${text.slice(0, 600)}…` : text);
}
