// The sesame command line: reads the arguments and runs a command. The code of a command is loaded when the command runs, so that
// a worker starts without what it never uses.

import { resolve } from "node:path";
import type { EpochMs } from "@sesame/core";
import type { RuleBook, RuleTable } from "@sesame/core/journey";
import { Argument, Command, InvalidArgumentError } from "commander";
import type { CheckOptions } from "./commands/check.ts";
import type { LiveExplainOptions } from "./commands/explain-live.ts";
import type { LocalOptions } from "./commands/local.ts";
import type { ReconcileOptions } from "./commands/reconcile.ts";
import type { ReplayOptions } from "./commands/replay.ts";
import type { RuleOptions, Verb } from "./commands/rules.ts";
import type { ImportOptions } from "./commands/rules-file.ts";
import type { LintOptions } from "./commands/rules-lint.ts";
import type { SendOptions } from "./commands/send.ts";
import type { TraceOptions } from "./commands/trace.ts";
import { defaultData, defaultPort } from "./defaults.ts";
import { addExamples } from "./examples.ts";
import { version } from "./version.ts";

const program = new Command("sesame").description("Brings the mail that Amazon SES receives to your own mail server").version(version);

// `sesame check --strict` exits with 1 for warnings, so every command exits with 2 for an invalid command line.
program.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));

/** A closed pipe, as after `head`, ends a command. `run` and `local` stop in order instead (signals.ts). */
program.hook("preAction", (_, command) => {
  if (["run", "local"].includes(command.name())) return;
  process.stdout.on("error", (error: { code?: string }) => {
    if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
  });
});

function portNumber(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError("Must be a whole number from 0 to 65535.");
}

function workerCount(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Must be a whole number from 1 to 9999.");
}

function atLeastOne(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Must be a whole number from 1 to 9999999.");
}

program
  .command("run")
  .description("run the worker on AWS: SQS, S3, DynamoDB, SES and your mail server")
  .action(async () => {
    const { runWorker } = await import("./commands/run.ts");
    process.exitCode = await runWorker();
  });

program
  .command("check")
  .description("check everything that run needs, and print how to fix each problem")
  .option("--all", "show also each check that is well")
  .option("--strict", "exit with code 1 for warnings")
  .option("--json", "print the findings as JSON")
  .option("--workers <count>", "how many workers receive from the queues", workerCount)
  .option("--dns <server>", "name server to ask for MX records; default: those of this machine")
  .action(async (options: CheckOptions) => {
    const { checkAll } = await import("./commands/check.ts");
    process.exitCode = await checkAll(options);
  });

program
  .command("local")
  .description("run the whole system in one process, without an AWS account")
  .option("--data <folder>", "folder for mail, queue and tables", defaultData)
  .option("--port <port>", "SMTP port for incoming mail", portNumber, defaultPort)
  .action(async (options: LocalOptions) => {
    const { runLocal } = await import("./commands/local.ts");
    process.exitCode = await runLocal(options);
  });

program
  .command("send")
  .description("send a mail to sesame local by SMTP")
  .argument("[file]", "file with a raw mail; without it a test mail is made")
  .option("--from <address>", "envelope sender, with a name or without; <> for the null reverse-path")
  .option("--to <address...>", "recipients; default: those of the To and Cc fields")
  .option("--subject <text>", "subject of the test mail")
  .option("--text <text>", "text of the test mail")
  .option(
    "--verdict <check=status...>",
    "verdict that sesame local gives the mail, such as spf=FAIL; checks: spam, virus, spf, dkim, dmarc",
  )
  .option("--json", "print where the mail went as JSON")
  .option("--host <host>", "host of sesame local", "127.0.0.1")
  .option("--port <port>", "SMTP port of sesame local", portNumber, defaultPort)
  .action(async (file: string | undefined, options: SendOptions) => {
    const { send } = await import("./commands/send.ts");
    process.exitCode = await send(file, options);
  });

program
  .command("log")
  .description("show a log in JSON as lines for people, such as that of docker logs")
  .argument("[file]", "file with the log; without it standard input")
  .action(async (file: string | undefined) => {
    const { showLog } = await import("./commands/log.ts");
    process.exitCode = await showLog(file, process.env, process.stdout);
  });

program
  .command("explain")
  .description("print what Sesame would do with a mail, and why; sends nothing")
  .argument("[mail]", "file with a raw mail, or bucket and key of a stored one")
  .option("--facts <file>", "JSON file with the envelope and the users' rows; without it the rows of the tables count")
  .option("--from <address>", "envelope sender; <> for the null reverse-path; default: what the mail says")
  .option("--to <address...>", "recipients; default: those of a served domain whom the mail names")
  .option("--data <folder>", "use the rows and mails of sesame local in this data folder", defaultData)
  .option("--aws", "use the tables and buckets of sesame run")
  .option("--json", "print the plan as JSON")
  .option("--batch", "read cases from standard input, one JSON object per line")
  .action(async (mail: string | undefined, options: LiveExplainOptions & { facts?: string; batch?: boolean }) => {
    const { explainBatch, explainOne } = await import("./commands/explain.ts");
    const streams = { out: process.stdout, problems: process.stderr };
    if (options.batch) {
      const { openProgress } = await import("./progress.ts");
      const isSeen = process.stdout.isTTY === true; // the answers themselves show how far it is
      const progress = isSeen ? undefined : await openProgress({ what: "Explaining", total: null });
      process.exitCode = await explainBatch(process.stdin, process.stdout, progress);
    } else if (mail === undefined) program.error("Cannot explain: give a mail, or --batch", { exitCode: 2 });
    else if (options.facts) process.exitCode = await explainOne(mail, options.facts, { json: options.json === true }, streams);
    else {
      const { explainLive } = await import("./commands/explain-live.ts");
      process.exitCode = await explainLive(mail, options, streams, process.env);
    }
  });

program
  .command("trace")
  .description("tell the story of a mail: where it is, who has it, and what is known of it")
  .argument("<mail>", "key of the mail or its beginning, Message-ID, or a recipient")
  .option("--data <folder>", `look in this data folder of sesame local (default without DOMAINS: ${defaultData})`)
  .option("--aws", "look on AWS (default if DOMAINS is set)")
  .option("--pages <count>", "how many pages of 1 MB a scan of the ledger reads at most", atLeastOne, 100)
  .option("--most <count>", "how many mails are listed at most", atLeastOne, 20)
  .option("--json", "print the story as JSON")
  .action(async (mail: string, options: TraceOptions) => {
    const { trace } = await import("./commands/trace.ts");
    process.exitCode = await trace(mail, options, { out: process.stdout, problems: process.stderr });
  });

program
  .command("reconcile")
  .description("find stored mails that no worker knows, because their notice is lost")
  .requiredOption("--since <time>", "look at mails since this day (2026-11-20), instant (with an offset) or age (36h, 3d)")
  .option("--requeue", "put the mails that are forgotten into their queue; without it nothing is changed")
  .option("--doubtful", "with --requeue: also those that may have been for others too")
  .option("--rate <count>", "with --requeue: how many notices a second", atLeastOne, 20)
  .option("--metrics <file>", "write the gauge sesame_orphaned_mails for the textfile collector of Prometheus")
  .option("--json", "print what was found as JSON")
  .action(async (options: ReconcileOptions) => {
    const { reconcile } = await import("./commands/reconcile.ts");
    process.exitCode = await reconcile(options, { out: process.stdout, problems: process.stderr });
  });

program
  .command("replay")
  .description("put mails that are not done back into their queue, only for those who miss them")
  .argument("[key]", "key of one mail, or its beginning; the same as --prefix")
  .option("--prefix <text>", "look at mails whose key begins with this")
  .option("--since <time>", "look at mails since this day, instant (with an offset) or age", "3d")
  .option("--status <status...>", "forgotten, open (default: both), partial, rejected, all_invalid")
  .option("--requeue", "put them into their queue; without it nothing is changed")
  .option("--doubtful", "with --requeue: also those that may have been for others too")
  .option("--rate <count>", "with --requeue: how many notices a second", atLeastOne, 10)
  .option("--json", "print what was found as JSON")
  .action(async (key: string | undefined, options: ReplayOptions) => {
    const { replay } = await import("./commands/replay.ts");
    process.exitCode = await replay(key === undefined ? options : { ...options, prefix: key }, {
      out: process.stdout,
      problems: process.stderr,
    });
  });

const addressHelp = "an address, or *@domain for all addresses of a domain";

type TableOptions = Readonly<{ data: string; aws?: boolean }>;

/** The subcommands that `rules` and `block` share. */
function tableCommand(name: string, table: RuleTable, description: string): Command {
  const command = program.command(name).description(description);
  onTables(command.command("list").description("print all rows"))
    .option("--json", "print the rows as JSON")
    .action((options: TableOptions & { json?: boolean }) => edit(options, table, { kind: "list", json: options.json === true }));
  onTables(command.command("show").description("show one row").argument("<address>", addressHelp)).action(
    (address: string, options: TableOptions) => edit(options, table, { kind: "show", address }),
  );
  return command;
}

function onTables(verb: Command): Command {
  return verb
    .option("--data <folder>", "use the tables of sesame local in this data folder", defaultData)
    .option("--aws", "use the tables of sesame run in DynamoDB (RULES_TABLE, BLOCKED_TABLE)");
}

async function edit(options: TableOptions, table: RuleTable, verb: Verb): Promise<void> {
  const { editTable } = await import("./commands/rules.ts");
  await withBook(options, (book) => editTable(book, table, verb));
}

/** Runs a command on the users' tables, in DynamoDB or in a data folder. */
async function withBook({ data, aws }: TableOptions, command: (book: RuleBook) => Promise<number>): Promise<void> {
  if (aws) {
    const { onAws } = await import("./aws-tables.ts");
    process.exitCode = await onAws(command);
    return;
  }
  const { openTables } = await import("./local/database.ts");
  const { SqliteRuleBook } = await import("./local/sqlite-rule-book.ts");
  const opened = openTables(resolve(data));
  if (!opened.ok) return program.error(opened.error, { exitCode: 2 });
  const database = opened.value;
  process.exitCode = await command(new SqliteRuleBook({ database }));
  database.close();
}

const rules = tableCommand("rules", "rules", "show and edit auto-replies and forwards");

onTables(rules.command("remove").description("remove one row").argument("<address>", addressHelp)).action(
  (address: string, options: TableOptions) => edit(options, "rules", { kind: "remove", address }),
);

onTables(rules.command("lint").description("look over all rows of both tables, and say what is wrong with each"))
  .option("--json", "print the findings as JSON")
  .option("--strict", "exit with 1 for warnings")
  .option("--fix", "say how rows in an older spelling would be rewritten")
  .option("--yes", "with --fix: rewrite them")
  .action(async (options: TableOptions & LintOptions) => {
    const { lintRules } = await import("./commands/rules-lint.ts");
    const { env, stdout: out, stderr: problems } = process;
    await withBook(options, (book) => lintRules(book, options, { env, now: Date.now() as EpochMs, out, problems }));
  });

onTables(rules.command("export").description("print both tables as JSON, for import")).action(async (options: TableOptions) => {
  const { exportRules } = await import("./commands/rules-file.ts");
  await withBook(options, (book) => exportRules(book, { out: process.stdout, problems: process.stderr }));
});

onTables(
  rules
    .command("import")
    .description("say what a file of export would change; with --yes write it")
    .argument("<file>", "JSON file with rules and blocked"),
)
  .option("--yes", "write the rows")
  .option("--replace", "remove the rows that the file does not have")
  .option("--json", "print the changes, or the errors, as JSON")
  .action(async (file: string, options: TableOptions & ImportOptions) => {
    const { importRules } = await import("./commands/rules-file.ts");
    await withBook(options, (book) => importRules(book, file, options, { out: process.stdout, problems: process.stderr }));
  });

onTables(
  rules
    .command("set")
    .description("set an auto-reply and forwards; options that are not given stay as they are")
    .argument("<address>", addressHelp),
)
  .option("--ooo <text>", "send an auto-reply with this text")
  .option("--html", "the text is HTML")
  .option("--ooo-subject <text>", 'subject of the auto-reply; "" for "Auto: " and the subject of the mail')
  .option("--start <instant>", 'first day (2026-12-24) or start time (2026-12-24T12:00+01:00); "" for no start')
  .option("--end <instant>", 'last day (inclusive) or end time (exclusive); "" for no end')
  .option("--timezone <name>", "time zone of the days of --start and --end, such as Europe/Berlin; default UTC")
  .option("--forward <address...>", "forward each mail to these addresses; replaces the earlier ones")
  .option("--no-forward", "forward no mail")
  .option("--off", "switch the auto-reply off")
  .action(async (address: string, { forward, ...options }: TableOptions & RuleOptions & { forward?: readonly string[] | boolean }) => {
    const { ruleNotes, ruleRow } = await import("./commands/rules.ts");
    await edit(options, "rules", {
      kind: "set",
      address,
      row: (stored) => ruleRow(stored, forward === undefined || forward === true ? options : { ...options, forward }),
      notes: (key, row) => ruleNotes(key, row, Date.now() as EpochMs),
    });
  });

const block = tableCommand("block", "blocked", "show and edit the senders that a recipient blocks");
const patternHelp = "fnmatch patterns, such as *@spam.test";

onTables(
  block
    .command("set")
    .description("set the blocked patterns of a row; they replace the earlier ones")
    .argument("<address>", addressHelp)
    .argument("<pattern...>", patternHelp),
).action(async (address: string, patterns: string[], options: TableOptions) => {
  const { patternNotes, patternRow } = await import("./commands/block.ts");
  await edit(options, "blocked", {
    kind: "set",
    address,
    row: () => patternRow(patterns),
    notes: (_, row, stored) => patternNotes(row, stored),
  });
});

onTables(
  block
    .command("add")
    .description("block more senders; the earlier patterns stay")
    .argument("<address>", addressHelp)
    .argument("<pattern...>", patternHelp),
).action(async (address: string, patterns: string[], options: TableOptions) => {
  const { addedPatterns, patternNotes } = await import("./commands/block.ts");
  await edit(options, "blocked", {
    kind: "set",
    address,
    row: (stored) => addedPatterns(stored, patterns),
    notes: (_, row) => patternNotes(row),
  });
});

onTables(
  block
    .command("remove")
    .description("block these senders no longer; without patterns it removes the whole row")
    .argument("<address>", addressHelp)
    .argument("[pattern...]", "patterns of the row"),
).action(async (address: string, patterns: string[], options: TableOptions) => {
  if (patterns.length === 0) return edit(options, "blocked", { kind: "remove", address });
  const { patternNotes, withoutPatterns } = await import("./commands/block.ts");
  await edit(options, "blocked", {
    kind: "set",
    address,
    row: (stored, key) => withoutPatterns(key, stored, patterns),
    notes: (_, row) => patternNotes(row),
  });
});

program
  .command("completion")
  .description("print a script that completes commands and options in a shell")
  .addArgument(new Argument("<shell>", "the shell").choices(["bash", "zsh", "fish", "powershell"]))
  .action(async (shell: string) => {
    const { scripts } = await import("./completion.ts");
    process.stdout.write(scripts[shell] ?? "");
  });

program
  .command("complete", { hidden: true })
  .description("what the script of a shell asks for")
  .argument("[word...]")
  .action(async (words: string[]) => {
    const { offerLines } = await import("./completion.ts");
    process.stdout.write(offerLines(program, words));
  });

addExamples(program);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
