// Assets: the style sheet, the script and the icons, under names with a hash of their content, so that a browser may keep them
// for good and never shows an old one.

import { createHash } from "node:crypto";
import script from "./client.js" with { type: "text" };
import sheet from "./page.css" with { type: "text" };
import type { Tone } from "./verdict.ts";

export type Asset = Readonly<{ path: string; type: string; text: string }>;

const colours: Readonly<Record<Tone, string>> = { ok: "#2f8a66", wait: "#bd7f0a", bad: "#d0473e", none: "#7d8794" };
const shapes: Readonly<Record<Tone, string>> = {
  ok: "M9 16.5l5 5 9-11",
  wait: "M16 8v10M16 23v1",
  bad: "M16 8v10M16 23v1",
  none: "M10 16h12",
};

function asset(name: string, extension: string, type: string, text: string): Asset {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return { path: `/assets/${name}-${hash}.${extension}`, type, text };
}

function icon(tone: Tone): Asset {
  const circle = `<circle cx="16" cy="16" r="15" fill="${colours[tone]}"/>`;
  const line = `<path d="${shapes[tone]}" fill="none" stroke="#fff" stroke-width="3.5" stroke-linecap="round" stroke-linejoin="round"/>`;
  const text = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${circle}${line}</svg>`;
  return asset(`icon-${tone}`, "svg", "image/svg+xml", text);
}

export const styleSheet: Asset = asset("page", "css", "text/css; charset=utf-8", sheet);
export const clientScript: Asset = asset("page", "js", "text/javascript; charset=utf-8", script);
export const icons: Readonly<Record<Tone, Asset>> = { ok: icon("ok"), wait: icon("wait"), bad: icon("bad"), none: icon("none") };

/** All assets by their path. */
export const assets: ReadonlyMap<string, Asset> = new Map(
  [styleSheet, clientScript, ...Object.values(icons)].map((each) => [each.path, each]),
);
