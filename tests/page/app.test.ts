// The page over HTTP: what each kind of reader gets, who is refused, and that nothing changes but by a form of the page itself.

import { expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { pageApp } from "../../apps/worker/page/app.tsx";
import { clientScript, styleSheet } from "../../apps/worker/page/assets.ts";
import type { PageOptions } from "../../apps/worker/page/page-context.tsx";
import { sessionSeconds } from "../../apps/worker/page/sessions.ts";
import { start } from "./events.ts";
import { FakeHeldMails, FakeTools, memoryOf, oneHeld, optionsOf } from "./shown.ts";
import { states, twoThings, well } from "./situations.ts";

type Headers = Readonly<Record<string, string>>;
type Ask = (path: string, headers?: Headers, form?: Readonly<Record<string, string>>) => Promise<Response>;
const host = "localhost:80";
const own = { Host: host, Origin: `http://${host}`, "Sec-Fetch-Site": "same-origin" };

async function ask(more: Partial<PageOptions> = {}): Promise<Ask> {
  const { app } = pageApp(await optionsOf(more));
  return async (path, headers = { Host: host }, form) =>
    app.request(`http://${host}${path}`, {
      headers: { ...headers },
      ...(form !== undefined && { method: "POST", body: new URLSearchParams({ ...form }) }),
      redirect: "manual",
    });
}

const text = async (answer: Response | Promise<Response>) => (await answer).text();
const formToken = (html: string) => /name="form" value="([^"]+)"/.exec(html)?.[1] ?? "";
const token = "a-token-of-24-characters-or-more";

test("the full page shows the verdict, the way, plots, mails and domains", async () => {
  const page = await text((await ask())("/"));
  for (const words of [
    "Mail is flowing",
    "Amazon SES",
    "Last hour",
    "From SES to the mailbox",
    "Recent mails",
    "bob@remote.test",
    "Domains",
  ])
    expect(page).toContain(words);
  expect(page).toContain("<title>✓ Mail is flowing – Sesame</title>");
  expect(page).toContain("Times are in UTC");
});

test("X01 the summary holds no address, no mail id and no action, in any state", async () => {
  for (const { name, situation } of states) {
    const app = await ask({ page: "summary", situation: () => ({ ...situation, ...(situation === well ? twoThings : {}) }) });
    const page = await text(app("/"));
    expect([name, page.includes("@"), page.includes("mails/1"), page.includes("<form")]).toEqual([name, false, false, false]);
    expect(page).toContain("<h1");
  }
  const app = await ask({ page: "summary" });
  for (const path of ["/mails", "/mails/example-com-emails/1", "/held", "/try", "/login"]) expect((await app(path)).status).toBe(404);
  for (const path of ["/try-now", "/mask", "/held/release"]) expect((await app(path, own, { form: "x" })).status).toBe(404);
});

test("every answer has the strict headers of the page", async () => {
  const app = await ask();
  for (const path of ["/", "/mails", "/guide", "/nothing", styleSheet.path]) {
    const { headers } = await app(path);
    expect(headers.get("Content-Security-Policy")).toBe(
      "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types sesame",
    );
    const rest = ["Referrer-Policy", "X-Content-Type-Options", "Cross-Origin-Resource-Policy"].map((name) => headers.get(name));
    expect(rest).toEqual(["no-referrer", "nosniff", "same-origin"]);
    expect(headers.get("Cache-Control")).toBe(
      path === styleSheet.path ? "public, max-age=31536000, immutable" : path === "/nothing" ? null : "no-store",
    );
  }
});

test("no page has a style, a script or a handler of its own, which the policy would forbid", async () => {
  const app = await ask();
  for (const path of ["/", "/mails", "/held", "/guide", "/mails/example-com-emails/5m0qbgf3fq190qxz2vfxnbs5qp2mm3ijgnfy4mhz"]) {
    const page = await text(app(path));
    expect(page).not.toMatch(/<style|\sstyle=|\son[a-z]+=|javascript:|<script(?! src="\/assets\/)/);
  }
});

const packed = (page: string) => gzipSync(page, { level: 9 }).length;
test("the sheet takes at most 5 KB, the script 4 KB and the overview 8 KB, compressed", async () => {
  const page = await text((await ask())("/"));
  const sizes = [packed(styleSheet.text), packed(clientScript.text), packed(page)];
  console.info(`compressed: sheet ${sizes[0]}, script ${sizes[1]}, overview ${sizes[2]} octets`);
  expect(sizes[0]).toBeLessThanOrEqual(5 * 1024);
  expect(sizes[1]).toBeLessThanOrEqual(4 * 1024);
  expect(sizes[2]).toBeLessThanOrEqual(8 * 1024);
});

const hosts: readonly (readonly [Headers, number])[] = [
  [{ Host: "localhost:80" }, 200],
  [{ Host: "127.0.0.1:80" }, 200],
  [{ Host: "[::1]:80" }, 200],
  [{ Host: "LOCALHOST:80" }, 200], // names have no case
  [{ Host: "127.0.0.1:81" }, 421], // another port
  [{ Host: "evil.test:80" }, 421], // DNS rebinding
  [{ Host: "localhost.evil.test:80" }, 421],
  [{ Host: "127.0.0.1:80.evil.test" }, 421],
  [{ Host: "" }, 421],
  [{ Host: host, "X-Forwarded-For": "192.0.2.1" }, 403], // behind a proxy
  [{ Host: host, Forwarded: "for=192.0.2.1" }, 403],
  [{ Host: host, "X-Forwarded-Host": "mail.example.com" }, 403],
  [{ Host: host, "X-Forwarded-Proto": "https" }, 403],
  [{ Host: host, Via: "1.1 proxy" }, 403],
];
for (const [headers, status] of hosts) {
  test(`without a token the page answers ${status} to ${JSON.stringify(headers)}`, async () => {
    const answer = await (await ask({ port: () => 80 }))("/mails", headers);
    expect(answer.status).toBe(status);
    if (status !== 200) expect(await answer.text()).not.toContain("remote.test");
    if (status === 403) expect(await text((await ask())("/", headers))).toContain("behind a proxy set PAGE_TOKEN");
  });
}

const origins: readonly (readonly [string, Headers, number])[] = [
  ["its own page", own, 303],
  ["a browser that does not tell the site", { Host: host, Origin: `http://${host}` }, 303],
  ["another page", { ...own, Origin: "http://evil.test" }, 403],
  ["another port of this host", { ...own, Origin: "http://localhost:81" }, 403],
  ["a page that sends no referrer, as ours", { ...own, Origin: "null" }, 303],
  ["a page that hides its origin", { Host: host, Origin: "null" }, 403],
  ["a page that hides its origin, of another site", { ...own, Origin: "null", "Sec-Fetch-Site": "cross-site" }, 403],
  ["no browser at all", { Host: host }, 403],
  ["another site", { ...own, "Sec-Fetch-Site": "cross-site" }, 403],
  ["a neighbour", { ...own, "Sec-Fetch-Site": "same-site" }, 403],
];
for (const [who, headers, status] of origins) {
  test(`a form that comes from ${who} is answered with ${status}`, async () => {
    let asked = 0;
    const app = await ask({
      tryNow: async () => {
        asked++;
        return true;
      },
    });
    const form = formToken(await text(app("/")));
    expect((await app("/try-now", headers, { form })).status).toBe(status);
    expect(asked).toBe(status === 303 ? 1 : 0);
  });
}

test("a form without its token, or with another one, changes nothing", async () => {
  const held = new FakeHeldMails();
  const app = await ask({ held });
  const other = formToken(await text((await ask())("/held")));
  for (const form of ["", "x", other]) expect((await app("/held/release", own, { form, id: oneHeld.id })).status).toBe(403);
  expect((await app("/held/release", own, { id: oneHeld.id })).status).toBe(403);
  expect(held.done).toEqual([]);
});

test("a GET changes nothing", async () => {
  const held = new FakeHeldMails();
  const app = await ask({ held });
  for (const path of ["/try-now", "/held/release", "/mask", "/logout"]) expect((await app(path, own)).status).toBe(404);
  expect((await app(`/held/allow?id=${oneHeld.id}`)).status).toBe(200); // only asks
  expect(held.done).toEqual([]);
});

test("a form of more than 1 MiB is refused", async () => {
  expect((await (await ask())("/try-now", own, { form: "x".repeat(1024 * 1024) })).status).toBe(413);
});

test("release and allow do what they say, and write page-action lines", async () => {
  const held = new FakeHeldMails();
  const actions: string[] = [];
  const app = await ask({ held, acted: (what, about, peer) => void actions.push(`${what} ${about} ${peer}`) });
  const list = await text(app("/held"));
  expect(list).toContain("x@spam.test");
  const form = formToken(list);
  expect(await text(app(`/held/allow?id=${encodeURIComponent(oneHeld.id)}`))).toContain("y@spam.test"); // what else it would have let in
  expect((await app("/held/allow", own, { form, id: oneHeld.id })).status).toBe(303);
  const again = await app("/held/release", own, { form, id: oneHeld.id });
  expect([again.status, await again.text()]).toEqual([422, expect.stringContaining("it is not held any more")]);
  expect(held.done).toEqual([`release ${oneHeld.id}`, `allow ${oneHeld.id}`]);
  expect(actions).toEqual([`allow ${oneHeld.id} unknown`]);
});

test("where blocked mails are deleted, Held says how to keep them", async () => {
  const page = await text((await ask({ held: null }))("/held"));
  expect(page).toContain("Blocked mails are deleted. To keep them: <code>BLOCKED_MAIL=keep</code>");
});

test("Try now asks the mail server and writes a page-action line", async () => {
  const actions: string[] = [];
  const away = states.find(({ name }) => name === "the mail server is away")?.situation ?? well;
  const app = await ask({ situation: () => away, acted: (what, about) => void actions.push(`${what} ${about}`) });
  const page = await text(app("/"));
  expect(page).toContain("Try now");
  expect((await app("/try-now", own, { form: formToken(page) })).headers.get("Location")).toBe("/");
  expect(actions).toEqual(["try-now mail-server"]);
});

// --- the token

const guarded = async (more: Partial<PageOptions> = {}) => ask({ token, ...more });

test("with a token every page asks for it, and tells nothing", async () => {
  const app = await guarded();
  for (const path of ["/", "/mails", "/held", "/guide", "/mails/example-com-emails/5m0qbgf3fq190qxz2vfxnbs5qp2mm3ijgnfy4mhz"]) {
    const answer = await app(path, { Host: "mail.example.com" });
    const page = await answer.text();
    expect([answer.status, page.includes("PAGE_TOKEN"), /remote\.test|Mail is flowing|example\.com,/.test(page)]).toEqual([
      403,
      true,
      false,
    ]);
  }
  expect((await app("/events")).status).toBe(403);
  expect((await app("/try-now", own, { form: "x" })).status).toBe(403);
});

test("the right token opens a session with a strict cookie, which opens all pages behind a proxy too", async () => {
  const app = await guarded();
  const proxied = { Host: host, Origin: `https://${host}`, "X-Forwarded-Proto": "https", Via: "1.1 proxy" };
  const answer = await app("/login", proxied, { token, back: "/mails" });
  expect([answer.status, answer.headers.get("Location")]).toEqual([303, "/mails"]);
  const cookie = answer.headers.get("Set-Cookie") ?? "";
  expect(cookie).toMatch(/^sesame-session=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
  expect(cookie).not.toContain(token);
  const session = { Host: host, Cookie: cookie.split(";")[0] ?? "" };
  expect(await text(app("/mails", session))).toContain("bob@remote.test");
  const form = formToken(await text(app("/", session)));
  expect((await app("/logout", { ...own, ...session }, { form })).status).toBe(303);
  expect((await app("/mails", session)).status).toBe(403);
});

test("a session ends after 12 hours", async () => {
  let now = start;
  const app = await guarded({ now: () => now });
  const cookie = (await app("/login", own, { token })).headers.get("Set-Cookie")?.split(";")[0] ?? "";
  now += sessionSeconds * 1000 - 1;
  expect((await app("/", { Host: host, Cookie: cookie })).status).toBe(200);
  now += 1;
  expect((await app("/", { Host: host, Cookie: cookie })).status).toBe(403);
});

test("after ten wrong tokens nobody is let in for a minute, the right one neither, nor by a bearer", async () => {
  let now = start;
  const app = await guarded({ now: () => now });
  for (let i = 0; i < 5; i++) expect((await app("/login", own, { token: `wrong ${i}` })).status).toBe(403);
  for (let i = 0; i < 5; i++) expect((await app("/", { Host: host, Authorization: `Bearer wrong${i}` })).status).toBe(403);
  expect((await app("/login", own, { token })).status).toBe(403);
  expect((await app("/", { Host: host, Authorization: `Bearer ${token}` })).status).toBe(429);
  now += 60_000;
  expect((await app("/login", own, { token })).status).toBe(303);
});

test("a bearer token shows pages and acts without a form token; a cookie without one does not", async () => {
  const held = new FakeHeldMails();
  const app = await guarded({ held });
  const bearer = { Host: host, Authorization: `Bearer ${token}` };
  expect(await text(app("/mails", bearer))).toContain("bob@remote.test");
  expect((await app("/held/release", bearer, { id: oneHeld.id })).status).toBe(303);
  const cookie = (await app("/login", own, { token })).headers.get("Set-Cookie")?.split(";")[0] ?? "";
  expect((await app("/held/release", { ...own, Cookie: cookie }, { id: "example-com-emails/held2" })).status).toBe(403);
});

test("a token in an address opens nothing; the way back after the login leads to this host only", async () => {
  const app = await guarded();
  for (const path of [`/?token=${token}`, `/?PAGE_TOKEN=${token}`, `/${token}`]) expect((await app(path)).status).toBe(403);
  for (const back of ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:alert(1)", "/a\r\nb"])
    expect((await app("/login", own, { token, back })).headers.get("Location")).toBe("/");
});

test("a login form from another page opens no session", async () => {
  const app = await guarded();
  expect((await app("/login", { ...own, Origin: "http://evil.test" }, { token })).headers.get("Set-Cookie")).toBeNull();
});

// --- mails

const found: readonly (readonly [string, number])[] = [
  ["/mails", 8],
  ["/mails?outcome=delivered", 4],
  ["/mails?outcome=blocked", 1],
  ["/mails?outcome=waiting", 1],
  ["/mails?outcome=not-delivered", 1],
  ["/mails?outcome=partly", 1],
  ["/mails?q=spam.test", 1], // a domain
  ["/mails?q=ALICE", 3], // a part of an address, in any case
  ["/mails?q=5m0qbgf3", 1], // a mail id
  ["/mails?q=4XyZ12ab34z1K", 5], // "queued as"
  ["/mails?q=me%40private.test", 2], // the target of a forward
  ["/mails?q=lost%40far.test", 1], // of a bounce
  ["/mails?q=alice&outcome=blocked", 1],
  ["/mails?q=nobody.knows", 0],
];
for (const [path, count] of found) {
  test(`${path} shows ${count} mails`, async () => {
    const page = await text((await ask())(path));
    expect(page.match(/ – its story/g)?.length ?? 0).toBe(count);
    if (count === 0) expect(page).toContain("None among the last 8");
    if (count === 0) expect(page).toContain("sesame trace");
  });
}

test("a story tells each recipient, each answer, what was withheld and the way of the mail", async () => {
  const page = await text((await ask())("/mails/example-com-emails/5m0qbgf3fq190qxz2vfxnbs5qp2mm3ijgnfy4mhz"));
  for (const words of [
    "Delivered to 2, blocked by 1",
    "queued as 4XyZ12ab34z1K",
    "sesame rules set alice@example.com --aws --no-forward",
    "bulk-precedence",
    "RFC 3834 §2",
    "seen in Precedence",
    "452 4.2.2 Mailbox full",
    "sesame block show carol@example.com --aws",
    "grep 4XyZ12ab34z1K /var/log/mail.log",
    "sesame trace 5m0qbgf3",
    "execute",
  ])
    expect(page).toContain(words);
});

test("the story of a mail that nobody got says that it is still in S3 and how it is sent again", async () => {
  const memory = await memoryOf();
  const lost = memory.mails.find(({ outcome }) => outcome === "all_invalid");
  const page = await text((await ask({ memory }))(`/mails/${lost?.id}`));
  expect(page).toContain("The mail is still in S3");
  expect(page).toContain(`sesame replay ${lost?.id}`);
});

test("a mail that is not in memory has a page that says where to look", async () => {
  const answer = await (await ask())("/mails/example-com-emails/other");
  expect(answer.status).toBe(404);
  expect(await answer.text()).toContain("sesame trace example-com-emails/other");
});

test("X02 hostile addresses and answers stay text, without controls and marks of direction", async () => {
  const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\u0007@evil.test`;
  const answer = {
    action: "delayed",
    status: "4.0.0",
    reason: "try-later",
    scope: "recipient",
    detail: `450 ${evil} javascript:x`,
    possibleDuplicate: false,
  } as const;
  const memory = await memoryOf([
    [
      0,
      {
        event: { from: evil, mailId: `example-com-emails/<b>evil</b>` as never },
        verdictOf: () => answer,
        settlement: { kind: "retry", afterSeconds: 9, reason: "try-later" },
      },
    ],
  ]);
  const app = await ask({ memory, situation: () => ({ ...well, circuits: [{ dependency: "mail-server", since: start, answer: evil }] }) });
  for (const path of [
    "/",
    "/mails",
    "/mails?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    "/mails/example-com-emails/%3Cb%3Eevil%3C%2Fb%3E",
    "/mails/%3Cscript%3Ealert(1)",
  ]) {
    const page = await text(app(path));
    expect(page).not.toMatch(/<script>|<img|<b>evil|\u202e|\u0007/);
    expect(page).not.toContain('href="javascript:');
  }
  expect(await text(app("/mails"))).toContain("&lt;script&gt;");
});

test("Mask addresses hides them for this browser, and LOG_ADDRESSES=masked for all", async () => {
  const app = await ask();
  const form = formToken(await text(app("/")));
  const cookie = (await app("/mask", own, { form, masked: "yes" })).headers.get("Set-Cookie")?.split(";")[0] ?? "";
  for (const page of [await text(app("/", { Host: host, Cookie: cookie })), await text((await ask({ masked: true }))("/"))]) {
    expect(page).toContain("a***@example.com");
    expect(page).not.toMatch(/alice@|bob@|dave@|me@private/);
  }
  expect(await text(app("/"))).toContain("alice@example.com");
});

test("?part= gives the parts alone, with title and icon", async () => {
  const app = await ask();
  const overview = await text(app("/?part=overview"));
  expect(overview).toStartWith('<div data-title="✓ Mail is flowing – Sesame" data-icon="/assets/icon-ok-');
  for (const id of ["verdict", "path", "look", "plots", "domains"]) expect(overview).toContain(`id="${id}"`);
  expect(overview).not.toContain('id="mails"');
  expect(await text(app("/?part=mails"))).toContain('id="mails"');
  expect(await text((await ask({ page: "summary" }))("/?part=mails"))).not.toContain("@");
});

// --- Try

test("/try is there only in sesame local", async () => {
  expect((await (await ask())("/try")).status).toBe(404);
  expect((await (await ask({ page: "summary", local: new FakeTools() }))("/try")).status).toBe(404);
});

test("/try shows the saved row; saving, undoing and sending need the form token and write page-action lines", async () => {
  const [local, actions]: [FakeTools, string[]] = [new FakeTools(), []];
  const app = await ask({ local, acted: (what, about) => void actions.push(`${what} ${about}`) });
  const page = await text(app("/try?address=alice@example.com"));
  expect(page).toContain("Saved text");
  expect(page).toContain("Mail  &lt;b&gt;");
  const form = { form: formToken(page), address: "alice@example.com", to: "alice@example.com", ooo: "New" };
  for (const what of ["save", "undo", "send"]) expect((await app("/try", own, { ...form, form: "x", do: what })).status).toBe(403);
  expect(actions).toEqual([]);
  for (const what of ["save", "undo", "send"]) expect((await app("/try", own, { ...form, do: what })).status).toBe(200);
  expect(actions).toEqual(["save alice@example.com", "undo alice@example.com", "send example-com-emails/sent"]);
  expect((await app("/try", own, { ...form, end: "late", do: "save" })).status).toBe(422);
  expect(actions.length).toBe(3);
});

test("a preview saves and sends nothing, and needs the form token too", async () => {
  const local = new FakeTools();
  const app = await ask({ local });
  const form = formToken(await text(app("/try")));
  local.asked.length = 0;
  expect((await app("/try?part=preview", own, { subject: "Hi" })).status).toBe(403);
  const part = await text(app("/try?part=preview", own, { form, subject: "Hi", ooo: "New", end: "late" }));
  expect(part).toContain('id="preview"');
  expect(part).toContain("Cannot read ooo_end");
  expect(local.asked).toEqual(["preview Hi"]);
});

test("a story in sesame local has the subject, as text", async () => {
  const page = await text((await ask({ local: new FakeTools() }))("/mails/example-com-emails/5m0qbgf3fq190qxz2vfxnbs5qp2mm3ijgnfy4mhz"));
  expect(page).toContain("A &lt;b&gt;subject&lt;/b&gt;");
});
