// sesame trace: finds mails and tells the story of one. It changes nothing.

import { resolve } from "node:path";
import type { Writable } from "node:stream";
import type { Result } from "@sesame/core";
import { type Config, decodeConfig } from "../config.ts";
import { type Found, findMails, soughtIn } from "../tracing/mail-search.ts";
import { awsPlaces, localPlaces, type Places } from "../tracing/places.ts";
import { readStory, type Story } from "../tracing/story.ts";
import { asciiMarks, headline, storyText, utf8Marks } from "../tracing/story-text.ts";

/** `data`: a folder of `sesame local`. `pages`: how many pages of the ledger a scan reads. */
export type TraceOptions = Readonly<{ data?: string; aws?: boolean; json?: boolean; pages?: number; most?: number }>;

export type TraceStreams = Readonly<{ out: Writable; problems: Writable }>;

const usual = { pages: 100, most: 20 };
const folder = "sesame-data";

/**
 * Opens the places that the options name: AWS with `--aws`, or if DOMAINS is set and `--data` is not given; else the data folder.
 */
export function openPlaces(
  options: Pick<TraceOptions, "data" | "aws">,
  env: Readonly<Record<string, string | undefined>>,
): Result<Readonly<{ places: Places; config: Config }>> {
  const onAws = options.aws === true || (options.data === undefined && !!env["DOMAINS"]);
  const config = decodeConfig(env, onAws ? {} : { DOMAINS: "example.com" });
  if (!config.ok) return config;
  const places = onAws ? awsPlaces(config.value) : localPlaces(config.value, resolve(options.data ?? folder));
  return places.ok ? { ok: true, value: { places: places.value, config: config.value } } : places;
}

/** Returns the exit code: 0 for a mail that is done and for a list, 1 for a mail that is not done, 2 if nothing is found. */
export async function trace(text: string, options: TraceOptions, streams: TraceStreams): Promise<number> {
  const opened = openPlaces(options, process.env);
  if (!opened.ok) return fail(opened.error, streams);
  const { places } = opened.value;
  try {
    const sought = soughtIn(text, places.domains);
    if (!sought.ok) return fail(sought.error, streams);
    const limits = { pages: options.pages ?? usual.pages, most: options.most ?? usual.most };
    const found = await findMails(sought.value, places, limits);
    if (!found.ok) return fail(found.error, streams);
    sayHow(found.value, limits.pages, streams);
    return await tell(text, found.value, places, options, streams);
  } finally {
    places.close();
  }
}

async function tell(text: string, { mails, more }: Found, places: Places, options: TraceOptions, streams: TraceStreams): Promise<number> {
  const stories = (await Promise.all(mails.map((id) => readStory(id, places)))).filter((story) => story !== null);
  const [story, ...others] = stories;
  if (story === undefined) return fail(`Cannot find a mail: nothing is known of ${JSON.stringify(text)}`, streams);
  if (options.json) streams.out.write(`${JSON.stringify(others.length === 0 ? story : stories, null, 2)}\n`);
  else if (others.length === 0) streams.out.write(storyText(story, hasUtf8(process.env) ? utf8Marks : asciiMarks));
  else streams.out.write(listText(stories, more));
  return others.length > 0 || story.state === "done" ? 0 : 1;
}

function listText(stories: readonly Story[], more: boolean): string {
  const lines = stories.map(headline);
  const count = more ? `The newest ${stories.length} mails; there are more (--most)` : `${stories.length} mails`;
  return `${lines.join("\n")}\n${count}. Give the key of one to see its story.\n`;
}

/** A scan may miss mails and costs money, so it is said how much was read. */
function sayHow({ looked, more }: Found, pages: number, { problems }: TraceStreams): void {
  if (looked === null) return;
  if (looked.by === "index") return;
  if (looked.by === "first") {
    problems.write("Searched by index: it has only the first recipient of each mail. With TRACE_INDEX=off a scan finds the others\n");
    return;
  }
  const of = looked.of === null ? "" : ` of about ${looked.of}`;
  const left = more ? `; it ended after ${pages} pages (--pages) or enough mails, so there may be others` : "";
  problems.write(`Scanned ${looked.looked}${of} rows of the ledger${left}\n`);
}

/** Whether the terminal shows UTF-8, by its locale. Without a locale, as in a container, it does. */
function hasUtf8({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): boolean {
  const locale = LC_ALL || LC_CTYPE || LANG || "";
  return locale === "" || /utf-?8/i.test(locale);
}

function fail(text: string, { problems }: TraceStreams): number {
  problems.write(`${text}\n`);
  return 2;
}
