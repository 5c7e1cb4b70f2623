// sesame log, and the choice between JSON and text: with a terminal, without one, and with LOG_FORMAT.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { showLines, showLog } from "../../../apps/worker/commands/log.ts";
import { hasColours, hasUnicode } from "../../../apps/worker/log-text/text-style.ts";
import { openLog } from "../../../apps/worker/open-log.ts";

const env = { LANG: "C.UTF-8" };

/** A writable that keeps its text. */
function paper(isTTY = false) {
  const pieces: string[] = [];
  const out = new Writable({
    write: (piece, _, done) => {
      pieces.push(String(piece));
      done();
    },
  });
  return { out: Object.assign(out, { isTTY }), text: () => pieces.join("") };
}

const line = (time: string, signal: string) => JSON.stringify({ level: "info", time, event: "stopping", signal, graceSeconds: 25 });

test("showLines() names each new day, and hides secrets of this environment", async () => {
  const { out, text } = paper();
  const log = [line("2026-11-24T12:00:00.000Z", "SIGTERM"), "", line("2026-11-26T12:00:00.000Z", "hunter2-hunter2"), "plain text"];
  expect(await showLines(Readable.from([`${log.join("\n")}\n`]), { ...env, SMTP_PASSWORD: "hunter2-hunter2" }, out)).toBe(0);
  expect(text().replace(/\d\d:\d\d:\d\d/g, "hh:mm:ss")).toBe(`Tuesday 24 November 2026
hh:mm:ss – Sesame stops                           within 25 s (SIGTERM); a second signal ends it at once
Thursday 26 November 2026
hh:mm:ss – Sesame stops                           within 25 s ([secret]); a second signal ends it at once
plain text
`);
});

test("showLog() shows a file, and says why it cannot read one", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sesame-log-"));
  const file = join(folder, "sesame.log");
  writeFileSync(file, line("2026-11-24T12:00:00.000Z", "SIGTERM"));
  const { out, text } = paper();
  expect(await showLog(file, env, out)).toBe(0);
  expect(text()).toContain("Sesame stops");
  expect(await showLog(folder, env, out)).toBe(2);
  expect(await showLog(join(folder, "none"), env, out)).toBe(2);
  rmSync(folder, { recursive: true });
});

for (const [format, isTTY, isText] of [
  [undefined, true, true],
  [undefined, false, false],
  ["json", true, false],
  ["text", false, true],
] as const) {
  test(`openLog() writes ${isText ? "text" : "JSON"} ${isTTY ? "on a terminal" : "without a terminal"}${format ? ` with LOG_FORMAT=${format}` : ""}`, async () => {
    const { out, text } = paper(isTTY);
    const logger = await openLog({ LOG_LEVEL: "info", LOG_FORMAT: format }, { ...env, NO_COLOR: "1", LOOP_KEY: "0123456789abcdef" }, out);
    logger.info({ event: "stopped", seconds: 3, text: "0123456789abcdef" }, "stopped");
    logger.warn({ event: "of-tomorrow" }, "0123456789abcdef \u001b[2J\u2028");
    const [stopped = "", tomorrow = ""] = text().split("\n");
    if (isText) {
      expect(stopped.slice(9)).toBe("– Sesame stopped                         after 3 s");
      expect(tomorrow.slice(9)).toBe("! of-tomorrow                            [secret] \\x1b[2J\\u2028");
    } else {
      expect(JSON.parse(stopped)).toMatchObject({ event: "stopped", text: "[secret]" });
      expect(tomorrow).toContain("\\u001b[2J\\u2028");
    }
  });
}

test("hasUnicode() follows the locale as POSIX does, and hasColours() heeds NO_COLOR and TERM", () => {
  const locales: readonly (readonly [Readonly<Record<string, string>>, boolean])[] = [
    [{ LANG: "de_DE.UTF-8" }, true],
    [{ LANG: "C.utf8" }, true],
    [{ LC_ALL: "C", LANG: "de_DE.UTF-8" }, false], // LC_ALL counts before LANG
    [{ LC_ALL: "", LC_CTYPE: "en_US.UTF-8", LANG: "C" }, true], // an empty one does not count
    [{}, false],
  ];
  for (const [given, expected] of locales) expect([given, hasUnicode(given, "linux")]).toEqual([given, expected]);
  expect(hasUnicode({}, "darwin")).toBe(true);
  const terminal = { isTTY: true };
  expect([
    hasColours(terminal, {}),
    hasColours(terminal, { NO_COLOR: "1" }),
    hasColours(terminal, { TERM: "dumb" }),
    hasColours({}, {}),
  ]).toEqual([true, false, false, false]);
});
