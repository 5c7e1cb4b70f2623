// The page in Debian's Chromium: each state, light and dark, at three widths. axe finds nothing, the console says nothing, nothing
// is asked of another host, and nothing scrolls sideways. It is read by keyboard alone, and without a script.

import { afterAll, beforeAll, expect, test } from "bun:test";
import axe from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { PageMemory } from "../../apps/worker/page/memory.ts";
import { until } from "../until.ts";
import { chromiumPath, openBrowser } from "./browser.ts";
import { mailEvent, start } from "./events.ts";
import { FakeTools, memoryOf, type ShownPage, showPage } from "./shown.ts";
import { states, twoThings, well } from "./situations.ts";

const isMissing = chromiumPath() === null;
if (isMissing) console.warn("SKIPPED tests/page/browser: chromium is missing");

let browser: Browser;
let page: ShownPage;
/** The same without mails: what the states change is above them. */
let bare: ShownPage;
beforeAll(async () => {
  if (isMissing) return;
  browser = (await openBrowser()) as Browser;
  page = await showPage();
  bare = await showPage({ memory: new PageMemory({ now: () => start }) });
});
afterAll(async () => {
  await browser?.close();
  await page?.stop();
  await bare?.stop();
});

const story = "/mails/example-com-emails/5m0qbgf3fq190qxz2vfxnbs5qp2mm3ijgnfy4mhz";
const looks = (["light", "dark"] as const).flatMap((colorScheme) => [1280, 400, 320].map((width) => ({ colorScheme, width })));

type Watched = Readonly<{ context: BrowserContext; tab: Page; problems: string[] }>;

/** A tab whose console, errors and requests are watched. */
async function open(options: Parameters<Browser["newContext"]>[0] = {}, host: string = page.url): Promise<Watched> {
  const context = await browser.newContext({ timezoneId: "Europe/Berlin", ...options });
  const tab = await context.newPage();
  const problems: string[] = [];
  tab.on("console", (line) => {
    if (line.type() === "error" || line.type() === "warning") problems.push(`console: ${line.text()}`);
  });
  tab.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  tab.on("request", (request) => {
    if (!request.url().startsWith(host)) problems.push(`request: ${request.url()}`);
  });
  return { context, tab, problems };
}

/** What axe finds, in one line each. */
async function axeOn(tab: Page): Promise<readonly string[]> {
  if (!(await tab.evaluate("typeof axe === 'object'"))) await tab.evaluate(axe.source);
  const found = (await tab.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as axe.AxeResults;
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ target, any }) => `${id} ${target.join(" ")} ${any[0]?.message ?? ""}`));
}

const scrolls = (tab: Page) => tab.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth");

/** What is wrong with the page in a tab, in each look. */
async function wrongIn(tab: Page): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const { colorScheme, width } of looks) {
    await tab.emulateMedia({ colorScheme });
    await tab.setViewportSize({ width, height: 900 });
    const found = [...(await axeOn(tab)), ...((await scrolls(tab)) ? ["it scrolls sideways"] : [])];
    wrong.push(...found.map((text) => `${colorScheme}, ${width} px: ${text}`));
  }
  return wrong;
}

test.skipIf(isMissing)("axe finds what is wrong, a weak contrast too", async () => {
  const { context, tab } = await open();
  await tab.goto(page.url);
  await tab.evaluate("document.querySelector('h1').attributeStyleMap.set('color', '#ccc')");
  await tab.evaluate(
    "document.querySelector('input[type=search]').removeAttribute('aria-label'), document.querySelector('input[type=search]').removeAttribute('placeholder')",
  );
  expect((await axeOn(tab)).map((line) => line.split(" ")[0]).sort()).toEqual(["color-contrast", "label"]);
  await context.close();
});

for (const { name, situation } of states) {
  test.skipIf(isMissing)(`it is readable, light and dark, at three widths, when ${name}`, async () => {
    const { context, tab, problems } = await open({}, bare.url);
    bare.show({ ...situation, ...(situation === well ? twoThings : {}) });
    await tab.goto(bare.url);
    expect([await wrongIn(tab), problems]).toEqual([[], []]);
    await context.close();
  });
}

for (const path of ["/", "/mails", "/mails?q=nobody", story, "/held", "/held/allow?id=example-com-emails/held1", "/guide"]) {
  test.skipIf(isMissing)(`${path} is readable, light and dark, at three widths`, async () => {
    page.show({ ...well, ...twoThings });
    const { context, tab, problems } = await open();
    await tab.goto(page.url + path);
    expect([await wrongIn(tab), problems]).toEqual([[], []]);
    await context.close();
  });
}

test.skipIf(isMissing)("with the keyboard alone a mail is found and opened, and a held one is released", async () => {
  page.show(well);
  const { context, tab, problems } = await open();
  const focused = () => tab.evaluate("document.activeElement.textContent.trim() || document.activeElement.name || ''") as Promise<string>;
  const tabTo = async (words: string) => {
    for (let i = 0; i < 60; i++) {
      await tab.keyboard.press("Tab");
      if ((await focused()).startsWith(words)) return;
    }
    throw new Error(`Tab does not lead to ${words}`);
  };
  await tab.goto(page.url);
  await tab.keyboard.press("Tab");
  expect(await focused()).toBe("Skip to the content");
  await tab.keyboard.press("Enter");
  await tabTo("q");
  await tab.keyboard.type("5m0qbgf3");
  await tab.keyboard.press("Enter");
  await tab.waitForURL(/\/mails\?q=5m0qbgf3/);
  await tabTo("bob@remote.test");
  await tab.keyboard.press("Enter");
  await tab.waitForURL(/\/mails\/example-com-emails/);
  expect(await tab.textContent("h1")).toBe("Delivered to 2, blocked by 1");
  await tabTo("Held");
  await tab.keyboard.press("Enter");
  await tab.waitForURL(/\/held$/);
  await tabTo("Release");
  await Promise.all([tab.waitForResponse((answer) => answer.request().method() === "POST"), tab.keyboard.press("Enter")]);
  await until(() => page.held.done.length > 0, "nothing was released");
  expect([page.held.done, page.actions]).toEqual([["release example-com-emails/held1"], ["release example-com-emails/held1"]]);
  expect(problems).toEqual([]);
  await context.close();
});

test.skipIf(isMissing)("without a script all is there, in UTC, and says so", async () => {
  page.show({ ...well, ...twoThings });
  const { context, tab } = await open({ javaScriptEnabled: false });
  await tab.goto(page.url);
  const text = (await tab.textContent("body")) ?? "";
  for (const words of ["Mail is flowing", "Times are in UTC", "03:14:18", "To look at", "Last hour", "Recent mails", "Domains"])
    expect(text).toContain(words);
  expect(await tab.isVisible("#pause")).toBe(false);
  await tab.click("text=As numbers");
  expect(await tab.isVisible("text=No mail in the last hour")).toBe(false);
  await tab.fill("input[name=q]", "spam.test");
  await tab.click("text=Find");
  expect(await tab.textContent(".mails tbody")).toContain("x@spam.test");
  await context.close();
});

test.skipIf(isMissing)("with a script times are those of the browser's zone, with UTC in the title", async () => {
  const { context, tab } = await open();
  await tab.goto(page.url);
  const time = tab.locator(".mails time").first();
  expect([await time.textContent(), await time.getAttribute("title")]).toEqual(["04:14:18", "2026-11-25 03:14:18 UTC"]);
  expect(await tab.textContent("#zone")).toBe("Times are in Europe/Berlin");
  await context.close();
});

test.skipIf(isMissing)("it is live: new mails and a new verdict come by themselves, and the verdict is announced once", async () => {
  const live = await showPage();
  live.show(well);
  const { context, tab, problems } = await open({}, live.url);
  await tab.goto(live.url);
  await tab.waitForSelector("#live:not(.off)");
  expect(await tab.title()).toBe("✓ Mail is flowing – Sesame");
  const away = states.find(({ name }) => name === "the mail server is away")?.situation ?? well;
  live.show(away);
  live.memory.note("example.com", await mailEvent({ id: "example-com-emails/new", from: "new@remote.test" }));
  live.timers.advance(2000);
  await tab.waitForSelector("text=new@remote.test");
  await tab.waitForSelector("text=Mail is waiting: the mail server does not answer");
  expect(await tab.title()).toBe("✗ Mail is waiting: the mail server does not answer – Sesame");
  expect(await tab.textContent("#status")).toBe("Mail is waiting: the mail server does not answer");
  expect(await tab.getAttribute("link[rel=icon]", "href")).toMatch(/icon-bad/);
  // Where somebody is, nothing moves: a button says that there is something.
  await tab.focus(".find input");
  live.memory.note("example.com", await mailEvent({ id: "example-com-emails/newer", from: "newer@remote.test" }));
  live.timers.advance(2000);
  await tab.waitForSelector("#news button");
  expect(await tab.locator("text=newer@remote.test").count()).toBe(0);
  await tab.click("#news button");
  await tab.waitForSelector("text=newer@remote.test");
  // Pause ends the stream.
  await tab.click("#pause");
  expect([await tab.textContent("#live"), await tab.textContent("#pause")]).toEqual(["Paused", "Go on"]);
  expect(problems).toEqual([]);
  // When it breaks, the page says since when.
  await tab.click("#pause");
  await tab.waitForSelector("#live:not(.off)");
  await live.stop();
  await tab.waitForSelector("text=/Not live since [0-9:]+/");
  await context.close();
});

test.skipIf(isMissing)("X02 hostile names and answers stay text: nothing of them runs, loads or becomes a link", async () => {
  const evil = `"><script>window.ran=1</script><img src="http://evil.test/x" onerror="window.ran=2">@evil.test`;
  const memory = await memoryOf([[0, { id: "example-com-emails/evil", event: { from: evil } }]]);
  const hostile = await showPage({ memory });
  hostile.show({ ...well, circuits: [{ dependency: "mail-server", since: start, answer: `450 <svg onload="window.ran=3">${evil}` }] });
  const { context, tab, problems } = await open({}, hostile.url);
  for (const path of ["/", "/mails", "/mails/example-com-emails/evil", `/mails?q=${encodeURIComponent(evil)}`]) {
    await tab.goto(hostile.url + path);
    expect(
      await tab.evaluate(
        "[window.ran ?? 0, document.querySelectorAll('main img, main script').length, [...document.querySelectorAll('main a')].filter((a) => a.origin !== location.origin).length]",
      ),
    ).toEqual([0, 0, 0]);
  }
  expect(await tab.textContent("body")).toContain("<script>window.ran=1</script>");
  expect(problems).toEqual([]);
  await context.close();
  await hostile.stop();
});

test.skipIf(isMissing)("the summary holds no @, and asks for nothing that it may not see", async () => {
  const summary = await showPage({ page: "summary" });
  summary.show({ ...well, ...twoThings });
  const { context, tab, problems } = await open({}, summary.url);
  await tab.goto(summary.url);
  await tab.waitForSelector("#live:not(.off)");
  summary.memory.note("example.com", await mailEvent({ id: "example-com-emails/new" }));
  summary.timers.advance(2000);
  await tab.waitForResponse(/part=overview/);
  expect(await tab.content()).not.toContain("@");
  expect([await axeOn(tab), problems]).toEqual([[], []]);
  await context.close();
  await summary.stop();
});

test.skipIf(isMissing)("with a token: the login by keyboard opens the page, and logging out closes it", async () => {
  const token = "a-token-of-24-characters-or-more";
  const guarded = await showPage({ token });
  const { context, tab } = await open({}, guarded.url);
  await tab.goto(`${guarded.url}/mails`);
  expect(await tab.textContent("h1")).toBe("Log in");
  expect(await axeOn(tab)).toEqual([]);
  await tab.focus("input[name=token]");
  await tab.keyboard.type("wrong");
  await tab.keyboard.press("Enter");
  await tab.waitForSelector("text=This is not the token.");
  await tab.focus("input[name=token]");
  await tab.keyboard.type(token);
  await tab.keyboard.press("Enter");
  await tab.waitForSelector("text=Recent mails");
  expect([tab.url(), await tab.evaluate("document.cookie")]).toEqual([`${guarded.url}/mails`, ""]);
  await tab.click("text=Log out");
  await tab.waitForURL(/\/login$/);
  await tab.goto(guarded.url);
  expect(await tab.textContent("h1")).toBe("Log in");
  await context.close();
  await guarded.stop();
});

test.skipIf(isMissing)("Try shows what would be done while somebody types, errors at their field, and of a file its start", async () => {
  const local = new FakeTools();
  const tried = await showPage({ local });
  const { context, tab, problems } = await open({}, tried.url);
  await tab.goto(`${tried.url}/try`);
  expect(await wrongIn(tab)).toEqual([]);
  await tab.fill("textarea[name=ooo]", "I am away");
  await tab.waitForSelector("text=delivered, with I am away");
  await tab.fill("input[name=end]", "late");
  await tab.waitForSelector("#e-end:has-text('Cannot read ooo_end')");
  expect(await axeOn(tab)).toEqual([]);
  await tab.setInputFiles("input[name=file]", { name: "m.eml", mimeType: "message/rfc822", buffer: Buffer.alloc(300_000, 97) });
  await until(() => local.asked.includes("preview Hello 262144 of 300000"), "the start of the file was not sent");
  await tab.fill("input[name=end]", "");
  await tab.waitForSelector("#e-end:empty", { state: "attached" });
  await tab.click("button[value=save]");
  await tab.waitForSelector("text=Saved.");
  expect([local.asked.filter((each) => each.startsWith("save")), tried.actions]).toEqual([
    ["save alice@example.com I am away"],
    ["save alice@example.com"],
  ]);
  expect(problems).toEqual([]);
  await context.close();
  await tried.stop();
});
