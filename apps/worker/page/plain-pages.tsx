/** @jsxImportSource hono/jsx */
// Plain pages: the login, the guide, and a page with one sentence for what cannot be shown.

import type { FC } from "hono/jsx";
import guide from "../../../docs/operations.md" with { type: "text" };
import { Foreign } from "./parts.tsx";

/** The form that asks for the token. It never stands in an address. */
export const Login: FC<{ said: string | null; back: string }> = ({ said, back }) => (
  <section class="card" aria-labelledby="login-title">
    <h1 id="login-title">Log in</h1>
    <p>This page shows addresses, so it asks for the token in PAGE_TOKEN.</p>
    <form method="post" action="/login">
      <input type="hidden" name="back" value={back} />
      <label>
        Token
        <input type="password" name="token" autocomplete="current-password" required maxlength={500} />
      </label>
      {said === null ? null : (
        <p class="error" role="alert">
          {said}
        </p>
      )}
      <div class="buttons">
        <button type="submit" class="main">
          Log in
        </button>
      </div>
    </form>
  </section>
);

/** One sentence, and the way back. */
export const Notice: FC<{ title: string; text: string }> = ({ title, text }) => (
  <section class="card" aria-labelledby="notice-title">
    <h1 id="notice-title">{title}</h1>
    <p>
      <Foreign text={text} limit={1000} />
    </p>
    <p>
      <a href="/">Overview</a>
    </p>
  </section>
);

type Chapter = Readonly<{ level: number; title: string; id: string; text: string }>;

/** The chapters of docs/operations.md, with the anchors that GitHub gives them. */
export function chaptersOf(page: string): readonly Chapter[] {
  const chapters: { level: number; title: string; id: string; text: string }[] = [];
  let inCode = false;
  for (const line of page.split("\n")) {
    if (line.startsWith("```")) inCode = !inCode;
    const [, marks = "", title = ""] = inCode ? [] : (/^(#{1,3}) (.*)$/.exec(line) ?? []);
    if (title !== "") chapters.push({ level: marks.length, title: title.replaceAll("`", ""), id: slugOf(title), text: "" });
    else {
      const last = chapters.at(-1);
      if (last !== undefined) last.text += `${line}\n`;
    }
  }
  return chapters;
}

function slugOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");
}

/** docs/operations.md as it is written, so that what the page refers to is at hand without another host. */
export const Guide: FC = () => (
  <section class="card" aria-labelledby="guide-title">
    <h1 id="guide-title">Operating Sesame</h1>
    {chaptersOf(guide).map(({ level, title, id, text }) => (
      <>
        {level === 1 ? null : level === 2 ? <h2 id={id}>{title}</h2> : <h3 id={id}>{title}</h3>}
        <Body text={text} />
      </>
    ))}
  </section>
);

/** The text of a chapter; places that are named by hand keep their names. */
const Body: FC<{ text: string }> = ({ text }) => (
  <pre>{text.split(/<a id="([a-z-]+)"><\/a>/).map((part, index) => (index % 2 === 1 ? <span id={part} /> : part))}</pre>
);
