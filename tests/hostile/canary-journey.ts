// Canary journey: one mail on its whole way, and afterwards every place outside the mailbox where a canary is seen: a field,
// a body or a recipient of what leaves, a field of a log line at debug, a metric, a page, the audit trail, a table's row.

import { simpleParser } from "mailparser";
import { healthApp, metricsApp } from "../../apps/worker/http.ts";
import { logJournal } from "../../apps/worker/log.ts";
import { makeLogger } from "../../apps/worker/logger.ts";
import { makeMetrics } from "../../apps/worker/metrics.ts";
import { decodeWords } from "../../packages/core/mail/encoded-word.ts";
import type { Sent } from "../fakes/memory-courier.ts";
import { location, TestWay } from "../journey/way.ts";

export type CanaryMail = Readonly<{
  octets: Uint8Array;
  source: string;
  recipients: readonly string[];
  /** Changes the notice before it is queued. */
  notice?: (body: string) => string;
  prepare: (way: TestWay) => void;
}>;

export type CanaryJourney = Readonly<{
  way: TestWay;
  /** Texts of all that could be seen, by place. */
  places: ReadonlyMap<string, readonly string[]>;
  /** What left, other than to the mailbox. */
  outgoing: readonly Sent[];
}>;

export async function travelled({ octets, source, recipients, notice, prepare }: CanaryMail): Promise<CanaryJourney> {
  const way = new TestWay(octets, { source, recipients, ...(notice && { body: notice }) });
  prepare(way);
  await way.untilDone();
  const places = new Map<string, string[]>();
  const see = (place: string, text: string) => void places.set(place, [...(places.get(place) ?? []), text]);
  const outgoing = way.courier.sent.filter(({ route }) => route !== "mailbox");
  for (const sent of outgoing) await seeMail(sent, see);
  for (const line of logLines(way)) seeValue(`log ${String(line["event"])}`, line, see);
  for (const page of await pages(way)) see("page", page);
  seeValue("mark", way.store.attributesOf(location) ?? {}, see);
  for (const row of way.outbound.rows.values()) seeValue("outbound", row, see);
  return { way, places, outgoing };
}

/** The places where a canary is, in order. Case is no hiding place. */
export function sightings({ places }: CanaryJourney, canary: string): readonly string[] {
  const seen = [...places].filter(([, texts]) => texts.some((text) => text.toLowerCase().includes(canary.toLowerCase())));
  return seen.map(([place]) => place).sort();
}

type See = (place: string, text: string) => void;

async function seeMail({ recipients, octets, from }: Sent, see: See): Promise<void> {
  const kind = recipients[0]?.key.split(" ")[0] ?? "";
  for (const { address } of recipients) see(`${kind} recipient`, address);
  see(`${kind} reverse-path`, from ?? "");
  const text = Buffer.from(octets).toString("latin1");
  const end = text.indexOf("\r\n\r\n");
  for (const field of text.slice(0, end).split(/\r\n(?![ \t])/)) {
    const [name = "", value = ""] = [field.slice(0, field.indexOf(":")), field.slice(field.indexOf(":") + 1).replaceAll("\r\n", "")];
    const readable = Buffer.from(value, "latin1").toString();
    see(`${kind} ${name}`, `${readable} ${decodeWords(readable)} ${percentDecoded(readable)}`);
  }
  const parsed = await simpleParser(Buffer.from(octets));
  see(`${kind} body`, `${text.slice(end)} ${parsed.text ?? ""} ${parsed.html || ""} ${parsed.attachments.map(({ filename }) => filename)}`);
}

function percentDecoded(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

/** What a worker at LOG_LEVEL=debug would write. */
function logLines(way: TestWay): readonly Readonly<Record<string, unknown>>[] {
  const lines: string[] = [];
  const logger = makeLogger("debug", (line) => line, { write: (line: string) => void lines.push(line) });
  const journal = logJournal(logger, "example.com", "plain");
  for (const event of way.journal.events) journal.note(event);
  if (lines.some((line) => /[\r\n\u0085\u2028\u2029]/.test(line.slice(0, -1)))) throw new Error("an event became several lines");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function pages(way: TestWay): Promise<readonly string[]> {
  const metrics = makeMetrics("1.2.3");
  for (const event of way.journal.events) metrics.journal("example.com").note(event);
  const domain = { domain: "example.com" as never, loopAgeSeconds: 1, pollAgeSeconds: 1, inFlight: 0, queue: null };
  const view = {
    version: "1.2.3",
    maxAgeSeconds: 60,
    domains: () => [domain],
    stopping: () => false,
    mailServer: () => null,
    circuits: () => new Map(),
  };
  const health = healthApp(view);
  const asked = [metricsApp(metrics).request("/metrics"), ...["/health", "/readyz", "/livez"].map((path) => health.request(path))];
  return Promise.all(asked.map(async (answer) => (await answer).text()));
}

/** Each text of a value under the names that lead to it; the places of a list are one. */
function seeValue(place: string, value: unknown, see: See): void {
  if (typeof value !== "object" || value === null) see(place, String(value));
  else if (Array.isArray(value)) for (const item of value) seeValue(place, item, see);
  else for (const [name, item] of Object.entries(value)) seeValue(`${place} ${name}`, item, see);
}
