/** @jsxImportSource hono/jsx */
// App: the pages over HTTP. All is rendered here; the script only swaps parts that it fetches again. Whoever may not see
// addresses gets the summary, and nothing can be changed but by a form of the page itself.

import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { secureHeaders } from "hono/secure-headers";
import { AccessControl } from "./access.ts";
import { assets } from "./assets.ts";
import { Allow, Held, heldShown } from "./held.tsx";
import type { HeldMail, HeldMails, HeldResult } from "./held-mails.ts";
import { Live } from "./live.ts";
import { Mails } from "./mails.tsx";
import { Overview } from "./overview.tsx";
import {
  mailsFor,
  maskedCopy,
  type PageContext,
  type PageOptions,
  partOf,
  peerOf,
  refused,
  renderPage,
  situationFor,
  viewOf,
} from "./page-context.tsx";
import { titleOf } from "./parts.tsx";
import { Guide, Login, Notice } from "./plain-pages.tsx";
import { Sessions } from "./sessions.ts";
import { headlineOf, Story } from "./story.tsx";
import { tryRoutes } from "./try-routes.tsx";
import { verdictOf } from "./verdict.ts";

const recentShown = 8;
const mostBody = 1024 * 1024;

/** `/`, `/mails`, `/held`, `/try`, `/events` and what they need. */
export function pageApp(options: PageOptions): Readonly<{ app: Hono; end(): void }> {
  const { memory, timers, now } = options;
  const app = new Hono();
  const sessions = options.token === null ? null : new Sessions({ token: options.token, now });
  const control = new AccessControl({ page: options.page, sessions, port: options.port, masked: options.masked });
  const live = new Live({ memory, timers });
  const shared: PageContext = { options, control };

  app.use(headers);
  app.use(bodyLimit({ maxSize: mostBody, onError: (context) => context.text("Cannot take the form: it must have at most 1 MiB", 413) }));
  app.get("/assets/:name", (context) => asset(context));
  app.use(async (context, next) => {
    const access = control.of(context);
    if (access.kind === "refused") return context.text(access.text, access.status);
    if (access.kind === "login" && context.req.path !== "/login") {
      if (context.req.method !== "GET" || context.req.path === "/events") return context.text("Cannot show the page: log in first", 403);
      return renderPage(context, shared, {
        here: "login",
        title: "Log in – Sesame",
        body: <Login said={null} back={context.req.path} />,
        status: 403,
      });
    }
    await next();
  });
  loginRoutes(app, shared);
  app.get("/", (context) => overviewPage(context, shared));
  app.get("/events", (context) => live.answer(context));
  app.get("/guide", (context) => renderPage(context, shared, { here: "guide", title: "Guide – Sesame", body: <Guide /> }));
  if (options.page === "full") fullRoutes(app, shared);
  app.notFound((context) => context.text("404 Not Found", 404));
  app.onError((_, context) => context.text("Cannot show the page because of a bug in Sesame", 500));
  return { app, end: () => live.end() };
}

const self = ["'self'"];
const none = ["'none'"];
const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: none,
    styleSrc: self,
    scriptSrc: self,
    connectSrc: self,
    imgSrc: self,
    formAction: self,
    baseUri: none,
    frameAncestors: none,
    requireTrustedTypesFor: ["'script'"],
    trustedTypes: ["sesame"],
  },
  referrerPolicy: "no-referrer",
  crossOriginResourcePolicy: "same-origin",
  strictTransportSecurity: false, // the page itself is served without TLS
});

function asset(context: Context): Response {
  const found = assets.get(context.req.path);
  if (found === undefined) return context.text("404 Not Found", 404);
  return context.body(found.text, 200, { "Content-Type": found.type, "Cache-Control": "public, max-age=31536000, immutable" });
}

/** The routes of the login: they are there where a token is asked for. */
function loginRoutes(app: Hono, shared: PageContext): void {
  const { control } = shared;
  if (shared.options.token === null || shared.options.page !== "full") return;
  const form = (context: Context, said: string | null, back: string, status: 200 | 403) =>
    renderPage(context, shared, { here: "login", title: "Log in – Sesame", body: <Login said={said} back={back} />, status });
  app.get("/login", (context) => form(context, null, "/", 200));
  app.post("/login", async (context) => {
    const { token, back } = await context.req.parseBody();
    const to = localPath(back);
    const said = control.logIn(context, token);
    if (said !== null) return form(context, said, to, 403);
    shared.options.acted("login", "", peerOf(context));
    return context.redirect(to, 303);
  });
  app.post("/logout", async (context) => {
    if (!control.mayChange(context, (await context.req.parseBody())["form"])) return refused(context, shared);
    control.logOut(context, control.of(context));
    return context.redirect("/login", 303);
  });
}

/** A path of this host, never another host. */
function localPath(back: unknown): string {
  return typeof back === "string" && /^\/[A-Za-z0-9][A-Za-z0-9/_.~%-]*$/.test(back) ? back : "/";
}

/** The pages and actions of who may see addresses. */
function fullRoutes(app: Hono, shared: PageContext): void {
  const { options, control } = shared;
  app.get("/mails", (context) => mailsPage(context, shared));
  app.get("/mails/:id{.+}", (context) => storyPage(context, shared));
  app.get("/held", (context) => heldPage(context, shared, null, 200));
  app.get("/held/allow", (context) => allowPage(context, shared));
  app.post("/held/release", (context) => heldAction(context, shared, "release", (held, id) => held.release(id)));
  app.post("/held/allow", (context) => heldAction(context, shared, "allow", (held, id) => held.allow(id)));
  app.post("/try-now", async (context) => {
    if (!control.mayChange(context, (await context.req.parseBody())["form"])) return refused(context, shared);
    await options.tryNow();
    options.acted("try-now", "mail-server", peerOf(context));
    return context.redirect("/", 303);
  });
  app.post("/mask", async (context) => {
    const body = await context.req.parseBody();
    if (!control.mayChange(context, body["form"])) return refused(context, shared);
    control.mask(context, body["masked"] === "yes");
    return context.redirect("/mails", 303);
  });
  if (options.local !== null) tryRoutes(app, shared, options.local);
}

/** The overview, or only its parts, for the script. */
async function overviewPage(context: Context, shared: PageContext): Promise<Response> {
  const access = shared.control.of(context);
  const situation = situationFor(shared, access);
  const verdict = verdictOf(situation);
  const view = await viewOf(context, shared, access);
  const title = titleOf(verdict.tone, verdict.headline);
  const part = context.req.query("part");
  const mails =
    access.kind === "full" ? (
      <Mails mails={mailsFor(shared, access)} wanted={{ outcome: "", query: "" }} view={view} limit={recentShown} heading="h2" />
    ) : null;
  if (part === "mails") return partOf(context, title, verdict.tone, verdict.headline, mails);
  if (part !== undefined) return partOf(context, title, verdict.tone, verdict.headline, <Overview situation={situation} view={view} />);
  const body = (
    <Overview situation={situation} view={view}>
      {mails}
    </Overview>
  );
  const more = { live: "overview mails", tone: verdict.tone, said: verdict.headline };
  return renderPage(context, shared, { here: "overview", title, body, ...more });
}

async function mailsPage(context: Context, shared: PageContext): Promise<Response> {
  const access = shared.control.of(context);
  const wanted = { outcome: context.req.query("outcome") ?? "", query: (context.req.query("q") ?? "").slice(0, 200) };
  const view = await viewOf(context, shared, access);
  const body = <Mails mails={mailsFor(shared, access)} wanted={wanted} view={view} limit={500} heading="h1" />;
  if (context.req.query("part") !== undefined) return partOf(context, "Mails – Sesame", "none", "", body);
  return renderPage(context, shared, { here: "mails", title: "Mails – Sesame", body, live: "mails" });
}

async function storyPage(context: Context, shared: PageContext): Promise<Response> {
  const access = shared.control.of(context);
  const { options } = shared;
  const id = context.req.param("id") ?? "";
  const mail = mailsFor(shared, access).find((each) => each.id === id) ?? null;
  if (mail === null) {
    const text = `This worker keeps the last 500 mails since its start, and this one is not among them. Older: ${options.commands.trace} ${id}`;
    return renderPage(context, shared, {
      here: "mails",
      title: "Mail – Sesame",
      body: <Notice title="Not in memory" text={text} />,
      status: 404,
    });
  }
  const view = await viewOf(context, shared, access);
  const subject = view.masked ? null : ((await options.local?.subjectOf(id)) ?? null);
  const body = <Story mail={mail} subject={subject} commands={options.commands} mailServer={options.mailServer} view={view} />;
  return renderPage(context, shared, { here: "mails", title: `${headlineOf(mail)} – Sesame`, body });
}

async function heldPage(context: Context, shared: PageContext, said: string | null, status: 200 | 422): Promise<Response> {
  const access = shared.control.of(context);
  const view = await viewOf(context, shared, access);
  const list = shared.options.held === null ? null : await shared.options.held.list(heldShown);
  const shown = list !== null && view.masked ? list.map(maskedCopy) : list;
  return renderPage(context, shared, { here: "held", title: "Held – Sesame", body: <Held held={shown} view={view} said={said} />, status });
}

async function heldMail({ options }: PageContext, id: string): Promise<HeldMail | null> {
  return (await options.held?.list(heldShown))?.find((mail) => mail.id === id) ?? null;
}

async function allowPage(context: Context, shared: PageContext): Promise<Response> {
  const { held } = shared.options;
  const mail = await heldMail(shared, context.req.query("id") ?? "");
  if (held === null || mail === null)
    return renderPage(context, shared, {
      here: "held",
      title: "Held – Sesame",
      body: <Notice title="Not held" text="This mail is not held any more." />,
      status: 404,
    });
  const view = await viewOf(context, shared, shared.control.of(context));
  const others = (await held.wouldLetIn(mail.id)).filter(({ id }) => id !== mail.id);
  return renderPage(context, shared, {
    here: "held",
    title: "Release and allow – Sesame",
    body: <Allow mail={mail} others={others} view={view} />,
  });
}

async function heldAction(
  context: Context,
  shared: PageContext,
  what: "release" | "allow",
  act: (held: HeldMails, id: string) => Promise<HeldResult>,
): Promise<Response> {
  const { control, options } = shared;
  const { held, acted } = options;
  const body = await context.req.parseBody();
  if (!control.mayChange(context, body["form"])) return refused(context, shared);
  const id = String(body["id"] ?? "");
  if (held === null) return heldPage(context, shared, "Blocked mails are deleted, so none can be released.", 422);
  const result = await act(held, id);
  if (!result.ok) return heldPage(context, shared, result.error, 422);
  acted(what, id, peerOf(context));
  return context.redirect("/held", 303);
}
