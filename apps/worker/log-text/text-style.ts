// Text style: the signs, colours and times of a terminal. `terminalStyle` reads them from the environment; the texts themselves are made
// elsewhere.

import { styleText } from "node:util";
import type { Mark } from "./said.ts";

/** How a line looks. */
export type TextStyle = Readonly<{
  signs: Readonly<Record<Mark, string>>;
  arrow: string;
  /** Before a line that belongs to the line above it. */
  hook: string;
  timeOfDay(at: Date): string;
  paint(mark: Mark, text: string): string;
}>;

type Signs = Pick<TextStyle, "signs" | "arrow" | "hook">;

const unicode: Signs = { signs: { well: "✓", bad: "✗", again: "↻", blocked: "⊘", look: "!", note: "–" }, arrow: "→", hook: "↳" };
const ascii: Signs = { signs: { well: "+", bad: "x", again: "~", blocked: "#", look: "!", note: "-" }, arrow: "->", hook: "`-" };

const colours = { well: "green", bad: "red", again: "yellow", blocked: "magenta", look: "yellow", note: "gray" } as const;

/** What a style is made from. `hasColours`: the terminal shows them and nobody asked for none. */
export type StyleOptions = Readonly<{ hasUnicode: boolean; hasColours: boolean; timeZone?: string }>;

/** Makes a style. Without a time zone it has that of this machine. */
export function textStyle({ hasUnicode, hasColours, timeZone }: StyleOptions): TextStyle {
  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", ...(timeZone && { timeZone }) });
  return {
    ...(hasUnicode ? unicode : ascii),
    timeOfDay: (at) => clock.format(at),
    paint: (mark, text) => (hasColours ? styleText(colours[mark], text, { validateStream: false }) : text),
  };
}

type Environment = Readonly<Record<string, string | undefined>>;
type Output = Readonly<{ isTTY?: boolean; hasColors?: () => boolean }>;

/** The style of a terminal, or of a file for people: that one has no colours. */
export function terminalStyle(output: Output, env: Environment): TextStyle {
  return textStyle({ hasUnicode: hasUnicode(env), hasColours: hasColours(output, env) });
}

/** Whether the terminal shows colours, and neither NO_COLOR (no-color.org) nor TERM=dumb is set. */
export function hasColours(output: Output, env: Environment): boolean {
  return output.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
}

/** Whether the locale has UTF-8 (POSIX: LC_ALL before LC_CTYPE before LANG). Windows and macOS set none, and have it. */
export function hasUnicode(env: Environment, platform: string = process.platform): boolean {
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"];
  return locale ? /utf-?8/i.test(locale) : platform === "win32" || platform === "darwin";
}
