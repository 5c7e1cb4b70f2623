// Completion and help: what is offered after each beginning of a command line, the script of bash in a real bash, and the examples of every
// command.

import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Argument, Command, Option } from "commander";
import { offerLines, offers, scripts } from "../../apps/worker/completion.ts";

setDefaultTimeout(60_000); // processes of their own, on a machine that may have other work

const program = new Command("sesame").version("1");
const rules = program.command("rules").description("edit\nrules");
rules.command("set").argument("<address>").option("--ooo <text>", "a text").option("--html", "the text is HTML");
program.command("check").addOption(new Option("--level <word>", "how much").choices(["low", "high"]));
program.command("completion").addArgument(new Argument("<shell>").choices(["bash", "zsh"]));
program.command("secret", { hidden: true });

for (const [words, typed, expected] of [
  [[], "", "rules check completion help"],
  [[], "c", "check completion"],
  [[], "--", "--version --help"],
  [["rules"], "", "set help"],
  [["rules", "set", "a@example.com"], "--", "--ooo --html --help"],
  [["rules", "set", "a@example.com", "--ooo"], "", ""], // a text of one's own
  [["rules", "set", "a@example.com", "--html"], "--o", "--ooo"],
  [["rules", "set", "check"], "--l", ""], // an address that is called like a command
  [["check", "--level"], "", "low high"],
  [["check", "--level"], "h", "high"],
  [["completion"], "z", "zsh"],
  [["nothing"], "s", ""],
  [["--unknown", "rules"], "s", "set"],
] as const) {
  test(`offers() after "sesame ${[...words, typed].join(" ")}": ${expected || "nothing"}`, () => {
    expect(
      offers(program, words, typed)
        .map(({ word }) => word)
        .join(" "),
    ).toBe(expected);
  });
}

test("offerLines() has a line for each word, and nothing for what no script asks", () => {
  expect(offerLines(program, ["=ru"])).toBe("rules\tedit rules\n");
  expect(offerLines(program, ["ru"])).toBe("");
  expect(offerLines(program, [])).toStartWith("rules\t");
});

const main = join(import.meta.dir, "../../apps/worker/main.ts");

function sesame(...args: string[]): string {
  return Bun.spawnSync([process.execPath, main, ...args], { env: { PATH: "/nowhere" } }).stdout.toString();
}

/** All commands, as the completion offers them. */
function commandsBelow(words: readonly string[]): readonly (readonly string[])[] {
  const names = sesame("complete", "--", ...words, "=")
    .split("\n")
    .map((line) => line.split("\t")[0] ?? "");
  const isGroup = names.includes("help");
  return [
    words,
    ...(isGroup ? names.filter((name) => name !== "help" && name !== "").flatMap((name) => commandsBelow([...words, name])) : []),
  ];
}

test("--help of every command has examples that begin with its name", () => {
  const commands = commandsBelow([]);
  expect(commands.length).toBeGreaterThan(15);
  for (const words of commands) {
    const [, shown = ""] = sesame(...words, "--help").split("\nExamples:\n");
    const name = ["sesame", ...words].join(" ");
    expect([name, shown.includes(name)]).toEqual([name, true]);
  }
});

const bash = Bun.which("bash", { PATH: "/usr/bin:/bin" });
if (bash === null) console.warn("SKIPPED tests/worker/completion: bash is missing");
test.skipIf(bash === null)("the script of bash completes in a real bash, evaluates no word, and may be read twice", () => {
  const folder = mkdtempSync(join(tmpdir(), "sesame-completion-"));
  writeFileSync(join(folder, "sesame"), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
  chmodSync(join(folder, "sesame"), 0o755);
  const script = sesame("completion", "bash");
  expect(script).toBe(scripts["bash"] ?? "");
  const ask = (...words: string[]) =>
    `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _sesame; echo "\${COMPREPLY[*]}"`;
  const lines = [
    ask("sesame", "bl"),
    ask("sesame", "block", ""),
    ask("sesame", "rules", "set", "$(touch evil)", "--ooo-"),
    ask("sesame", "log", ""),
  ];
  const { stdout, stderr } = Bun.spawnSync([bash ?? "", "-eu", "-c", `${script}${script}${lines.join("\n")}`], {
    cwd: folder,
    env: { PATH: `${folder}:/usr/bin:/bin` },
  });
  expect([stdout.toString(), stderr.toString()]).toEqual(["block\nlist show set add remove help\n--ooo-subject\n\n", ""]);
  expect(Bun.spawnSync(["ls", folder]).stdout.toString()).toBe("sesame\n");
  rmSync(folder, { recursive: true });
});
