/** @jsxImportSource hono/jsx */
// Parts: what all pages are made of: marks, times, foreign text, and the frame around a page. Hono escapes every text; foreign
// text also stands in <bdi>, without control characters and marks of direction, and becomes no link.

import { safeText } from "@sesame/core/mail";
import type { Child, FC } from "hono/jsx";
import { clientScript, icons, styleSheet } from "./assets.ts";
import type { Tone } from "./verdict.ts";
import { ageText, isoOf, timeOfDay, type Words } from "./words.ts";

/** The shapes of marks, in a square of 16. */
const shapes = {
  tick: "M3 8.5l3.2 3.2L13 5",
  cross: "M4 4l8 8M12 4l-8 8",
  stop: "M8 2a6 6 0 1 0 .01 0M4 4l8 8",
  again: "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
  half: "M8 2a6 6 0 1 0 .01 0M8 3v10M9.5 3.5v9M11 4.5v7",
  dash: "M3 8h10",
  bang: "M8 3v6M8 12.5v.5",
} as const;
export type Shape = keyof typeof shapes;

export const Mark: FC<{ shape: Shape; tone: Tone | "blocked" }> = ({ shape, tone }) => (
  <svg class={`mark ${tone}`} viewBox="0 0 16 16" aria-hidden="true">
    <path d={shapes[shape]} />
  </svg>
);

/** The large mark of the verdict. */
export const Sign: FC<{ tone: Tone }> = ({ tone }) => (
  <svg viewBox="0 0 32 32" aria-hidden="true" class={tone}>
    <circle cx="16" cy="16" r="15" fill="currentColor" />
    <path
      d={{ ok: "M9 16.5l5 5 9-11", wait: "M16 8v10M16 23v1", bad: "M16 8v10M16 23v1", none: "M10 16h12" }[tone]}
      fill="none"
      stroke="var(--card)"
      stroke-width="3.5"
      stroke-linecap="round"
      stroke-linejoin="round"
    />
  </svg>
);

/** Text that a stranger, a user or a server wrote. */
export const Foreign: FC<{ text: string; limit?: number }> = ({ text, limit = 300 }) => <bdi>{safeText(text, limit)}</bdi>;

/** An instant: UTC, and in the browser's zone where the script runs. */
export const Time: FC<{ at: number; to?: "minute" | "second" }> = ({ at, to = "second" }) => (
  <time datetime={isoOf(at)} data-to={to}>
    {timeOfDay(at).slice(0, to === "minute" ? 5 : 8)}
  </time>
);

export const Sentence: FC<{ words: Words }> = ({ words }) => (
  <>
    {words.map((piece) => {
      if (typeof piece === "string") return safeText(` ${piece} `) === "" ? piece : <Plain text={piece} />;
      if ("strong" in piece) return <strong>{piece.strong}</strong>;
      if ("code" in piece)
        return (
          <code>
            <Foreign text={piece.code} limit={500} />
          </code>
        );
      return <Time at={piece.at} to="minute" />;
    })}
  </>
);

const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A text whose spaces at both ends count. */
const Plain: FC<{ text: string }> = ({ text }) => <>{text.replace(controls, " ")}</>;

/** A command or an answer, with Copy where it is a command. */
export const Said: FC<{ text: string; who?: string; copy?: boolean }> = ({ text, who, copy = false }) => (
  <div class="said">
    <span>
      {who === undefined ? null : <small>{who}: </small>}
      <code>
        <Foreign text={text} limit={600} />
      </code>
    </span>
    {copy ? (
      <button type="button" class="plain copy" data-copy={safeText(text, 600)} hidden>
        Copy
      </button>
    ) : null}
  </div>
);

/** Who looks, and what may be shown. */
export type View = Readonly<{
  /** Addresses and actions are shown. */
  full: boolean;
  /** Rules and mails of `sesame local` can be tried. */
  canTry: boolean;
  masked: boolean;
  /** The token of forms; `null` where nothing may be changed. */
  formToken: string | null;
  /** Whether a session can be ended. */
  canLogOut: boolean;
  version: string;
  startedAt: number;
  now: number;
  domains: readonly string[];
  held: number | null;
  metricsAt: string | null;
}>;

export type Here = "overview" | "mails" | "held" | "try" | "login" | "guide";

type FrameProps = { title: string; tone: Tone; here: Here; view: View; live?: string; status?: string; children?: Child };

const Links: FC<{ here: Here; view: View }> = ({ here, view }) => {
  const at = (name: Here) => (here === name ? { "aria-current": "page" as const } : {});
  return (
    <nav aria-label="Pages">
      <a href="/" {...at("overview")}>
        Overview
      </a>
      {view.full ? (
        <>
          <a href="/mails" {...at("mails")}>
            Mails
          </a>
          <a href="/held" {...at("held")}>
            Held{view.held === null ? null : <small> {view.held}</small>}
          </a>
        </>
      ) : null}
      {view.canTry ? (
        <a href="/try" {...at("try")}>
          Try
        </a>
      ) : null}
    </nav>
  );
};

function domainsText([first = "", second, ...more]: readonly string[]): string {
  const named = second === undefined ? first : `${first}, ${second}`;
  return more.length === 0 ? named : `${named} and ${more.length} more`;
}

const Brand: FC = () => (
  <a class="brand" href="/">
    <svg viewBox="0 0 22 22" aria-hidden="true">
      <rect width="22" height="22" rx="5" fill="var(--chip)" />
      <path d="M5 6l6 5 6-5M6 15h10" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" />
    </svg>
    Sesame
  </a>
);

/** A whole page. */
export const Frame: FC<FrameProps> = ({ title, tone, here, view, live, status = "", children }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>{title}</title>
      <link rel="icon" href={icons[tone].path} />
      <link rel="stylesheet" href={styleSheet.path} />
      <script src={clientScript.path} defer></script>
    </head>
    <body data-live={live}>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header>
        <div class="wrap">
          <Brand />
          <Links here={here} view={view} />
          <div class="state">
            <span class="names">{domainsText(view.domains)}</span>
            {live === undefined ? null : (
              <>
                <span class="live off" id="live" hidden>
                  Live
                </span>
                <button type="button" class="plain" id="pause" hidden>
                  Pause
                </button>
              </>
            )}
            {view.canLogOut && view.formToken !== null ? (
              <form method="post" action="/logout">
                <input type="hidden" name="form" value={view.formToken} />
                <button type="submit" class="plain">
                  Log out
                </button>
              </form>
            ) : null}
          </div>
        </div>
      </header>
      <main class="wrap" id="main" tabindex={-1}>
        {children}
      </main>
      <p class="hide" role="status" id="status" data-said={status}></p>
      <Foot view={view} />
    </body>
  </html>
);

const Foot: FC<{ view: View }> = ({ view }) => (
  <footer>
    <div class="wrap">
      <span>
        Sesame {view.version}, up {ageText((view.now - view.startedAt) / 1000)}
      </span>
      <span>This worker's own view since its start; queue figures are those of all workers</span>
      <span id="zone">Times are in UTC</span>
      <span>
        <a href="/health">health</a>
        {view.metricsAt === null ? null : (
          <>
            {" · "}
            <a href={view.metricsAt}>metrics</a>
          </>
        )}
        {" · "}
        <a href="/guide">guide</a>
      </span>
    </div>
  </footer>
);

/** The title of a tab: the mark and the words of a verdict. */
export function titleOf(tone: Tone, headline: string): string {
  return `${{ ok: "✓", wait: "!", bad: "✗", none: "–" }[tone]} ${safeText(headline, 120)} – Sesame`;
}
