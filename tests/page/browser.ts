// Browser: Debian's Chromium through playwright-core. Where it is missing, tests say so aloud and are skipped.

import { type Browser, chromium } from "playwright-core";

/** Where Chromium is; `null` where there is none. */
export function chromiumPath(): string | null {
  return Bun.which("chromium", { PATH: `${process.env["PATH"]}:/usr/bin` });
}

/** A headless browser; `null` where there is none. */
export async function openBrowser(): Promise<Browser | null> {
  const executablePath = chromiumPath();
  if (executablePath === null) return null;
  // Root has no sandbox; the page under test is our own.
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
}
