/** @jsxImportSource hono/jsx */
// Page context: what the routes share: who looks, what may be shown, and how a page is rendered.

import type { Context } from "hono";
import type { Child } from "hono/jsx";
import { maskAddresses } from "../log.ts";
import type { Timers } from "../timers.ts";
import type { Access, AccessControl } from "./access.ts";
import { icons } from "./assets.ts";
import { heldShown } from "./held.tsx";
import type { HeldMails } from "./held-mails.ts";
import type { LocalTools } from "./local-tools.ts";
import type { MailRecord } from "./mail-record.ts";
import type { PageMemory } from "./memory.ts";
import { Frame, type Here, type View } from "./parts.tsx";
import { Notice } from "./plain-pages.tsx";
import { type Situation, withoutAddresses } from "./situation.ts";
import type { Commands } from "./story.tsx";
import type { Tone } from "./verdict.ts";

export type PageOptions = Readonly<{
  page: "full" | "summary";
  /** `null` on the loopback, where none is needed. */
  token: string | null;
  /** Addresses are masked for all, as in the log. */
  masked: boolean;
  memory: PageMemory;
  /** All that the overview tells, now. */
  situation(): Situation;
  now(): number;
  timers: Timers;
  port(): number;
  metricsPort(): number;
  /** Asks the mail server now. False: there was nothing to ask. */
  tryNow(): Promise<boolean>;
  held: HeldMails | null;
  local: LocalTools | null;
  commands: Commands;
  /** Where mail is delivered, in words. */
  mailServer: string;
  /** Writes the line `page-action`. `about`: the mail or the row. */
  acted(what: string, about: string, peer: string): void;
}>;

/** What the routes share. */
export type PageContext = Readonly<{ options: PageOptions; control: AccessControl }>;

/** The answer to a form that is not of this page, or too old. */
export function refused(context: Context, shared: PageContext): Promise<Response> {
  const text = "The form is too old or came from another page. Open the page again.";
  return renderPage(context, shared, {
    here: "overview",
    title: "Not done – Sesame",
    body: <Notice title="Not done" text={text} />,
    status: 403,
  });
}

/** The address of the peer: a proxy's, where there is one. */
export function peerOf(context: Context): string {
  const server = context.env as { requestIP?(request: Request): { address: string } | null } | undefined;
  return server?.requestIP?.(context.req.raw)?.address ?? "unknown";
}

/** The situation as this reader may see it. */
export function situationFor({ options }: PageContext, access: Access): Situation {
  const situation = options.situation();
  if (access.kind !== "full") return withoutAddresses(situation);
  return access.masked ? maskedCopy(situation) : situation;
}

/** The mails as this reader may see them. */
export function mailsFor({ options }: PageContext, access: Access): readonly MailRecord[] {
  if (access.kind !== "full") return [];
  return access.masked ? options.memory.mails.map(maskedCopy) : options.memory.mails;
}

/** The same data with every address masked, but for mail ids and names of queues. */
export function maskedCopy<T>(data: T): T {
  const kept = new Set(["id", "label", "domain", "at"]);
  const mask = (value: unknown, name: string): unknown => {
    if (typeof value === "string") return kept.has(name) ? value : maskAddresses(value);
    if (Array.isArray(value)) return value.map((each) => mask(each, ""));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, mask(each, key)]));
  };
  return mask(data, "") as T;
}

/** Who looks, for the frame and the parts of a page. */
export async function viewOf(context: Context, shared: PageContext, access: Access): Promise<View> {
  const { local, held, metricsPort, token, situation, now } = shared.options;
  const { domains, version, startedAt } = situation();
  const isFull = access.kind === "full";
  const count = isFull && held !== null ? (await held.list(heldShown).catch(() => [])).length : null;
  return {
    full: isFull,
    canTry: isFull && local !== null,
    masked: isFull && access.masked,
    formToken: isFull ? access.formToken : null,
    canLogOut: isFull && access.sessionId !== null,
    version,
    startedAt,
    now: now(),
    domains: access.kind === "login" ? [] : domains.map(({ domain }) => domain),
    held: count,
    // Where a proxy may stand before it, nobody knows how the metrics are reached.
    metricsAt: token === null && isFull ? `http://${new URL(context.req.url).hostname}:${metricsPort()}/metrics` : null,
  };
}

type PageBody = Readonly<{
  here: Here;
  title: string;
  body: Child;
  status?: 200 | 403 | 404 | 422;
  live?: string;
  tone?: Tone;
  said?: string;
}>;

/** A whole page. `live`: the parts that the script keeps new; `said`: what it announces when it changes. */
export async function renderPage(context: Context, shared: PageContext, page: PageBody): Promise<Response> {
  const view = await viewOf(context, shared, shared.control.of(context));
  const { here, title, body, live, tone = "none", said = "", status = 200 } = page;
  const html = await (
    <Frame title={title} tone={tone} here={here} view={view} {...(live !== undefined && { live })} status={said}>
      {body}
    </Frame>
  );
  return htmlOf(context, `<!doctype html>${html}`, status);
}

function htmlOf(context: Context, text: string, status: 200 | 403 | 404 | 422): Response {
  return context.body(text, status, { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" });
}

/** Parts of a page, with what the script needs for title, icon and announcement. */
export async function partOf(context: Context, title: string, tone: Tone, said: string, body: Child): Promise<Response> {
  const html = await (
    <div data-title={title} data-icon={icons[tone].path} data-said={said}>
      {body}
    </div>
  );
  return htmlOf(context, String(html), 200);
}
