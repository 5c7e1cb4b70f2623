// Pictures of the page, to be looked at: overview well and in trouble, a story, held mails, light and dark, at two widths, into
// dist/page. Run by Bun; it needs Chromium.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openBrowser } from "../tests/page/browser.ts";
import { showPage } from "../tests/page/shown.ts";
import { states, twoThings, well } from "../tests/page/situations.ts";

const folder = "dist/page";
mkdirSync(folder, { recursive: true });
const browser = await openBrowser();
if (browser === null) throw new Error("Cannot make pictures: there is no Chromium. Install the package chromium");
const page = await showPage();
const away = states.find(({ name }) => name === "the mail server is away")?.situation ?? well;
const story = "/mails/example-com-emails/5m0qbgf3fq190qxz2vfxnbs5qp2mm3ijgnfy4mhz";
const pictures = [
  ["overview", "/", { ...well, ...twoThings }],
  ["away", "/", { ...away, ...twoThings }],
  ["mails", "/mails", well],
  ["story", story, well],
  ["held", "/held", well],
] as const;
for (const [name, path, situation] of pictures) {
  page.show(situation);
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [1280, 400]) {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 }, timezoneId: "UTC" });
      const tab = await context.newPage();
      await tab.goto(page.url + path);
      await tab.screenshot({ path: join(folder, `${name}-${colorScheme}-${width}.png`), fullPage: true });
      await context.close();
    }
  }
}
await browser.close();
await page.stop();
console.log(`The pictures are in ${folder}`);
