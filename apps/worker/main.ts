// The sesame command line: reads the arguments and hands over to a command.

import { resolve } from "node:path";
import type { EpochMs, RuleTable } from "@sesame/core";
import { Command, InvalidArgumentError } from "commander";
import { onAws } from "./aws-tables.ts";
import { checkAll } from "./commands/check.ts";
import { explainBatch, explainOne } from "./commands/explain.ts";
import { type LocalOptions, runLocal } from "./commands/local.ts";
import { editTable, patternNotes, patternRow, type RuleOptions, ruleNotes, ruleRow, type Verb } from "./commands/rules.ts";
import { runWorker } from "./commands/run.ts";
import { type SendOptions, send } from "./commands/send.ts";
import { openTables } from "./local/database.ts";
import { SqliteRuleBook } from "./local/sqlite-rule-book.ts";
import { version } from "./version.ts";

const defaultData = "sesame-data";
const program = new Command("sesame").description("Brings the mail that Amazon SES receives to your own mail server").version(version);

// `sesame check` says with 1 that there are warnings, so what is wrong with a command line is a 2 everywhere.
program.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));

/** A reader who has seen enough, such as `head`, ends a command; the workers have an end of their own. */
program.hook("preAction", (_, command) => {
  if (["run", "local"].includes(command.name())) return;
  process.stdout.on("error", (error: { code?: string }) => {
    if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
  });
});

function portNumber(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError("It must be a whole number from 0 to 65535.");
}

program
  .command("run")
  .description("the worker on AWS: SQS, S3, DynamoDB, SES and your mail server")
  .action(async () => {
    process.exitCode = await runWorker();
  });

program
  .command("check")
  .description("look at everything that run needs, and say how to mend what is wrong")
  .option("--json", "print the findings as JSON")
  .action(async (options: { json?: boolean }) => {
    process.exitCode = await checkAll(options);
  });

program
  .command("local")
  .description("the whole system in one process, no account needed")
  .option("--data <folder>", "where everything is kept", defaultData)
  .option("--port <port>", "SMTP port of the front door", portNumber, 2500)
  .action(async (options: LocalOptions) => {
    process.exitCode = await runLocal(options);
  });

program
  .command("send")
  .description("hand a mail to the front door")
  .argument("[file]", "raw mail, as a file; else one is made")
  .option("--from <address>", "sender; <> for none")
  .option("--to <address...>", "recipients; else those of To and Cc")
  .option("--subject <text>")
  .option("--text <text>")
  .option("--host <host>", "where the front door is", "127.0.0.1")
  .option("--port <port>", "its port", portNumber, 2500)
  .action(async (file: string | undefined, options: SendOptions) => {
    process.exitCode = await send(file, options);
  });

program
  .command("explain")
  .description("print what would be done with a mail, and why; sends nothing")
  .argument("[mail]", "raw mail, as a file")
  .option("--facts <file>", "what is known of the mail, as JSON")
  .option("--json", "print the plan as JSON")
  .option("--batch", "read cases from standard input, one JSON line each")
  .action(async (mail: string | undefined, options: { facts?: string; json?: boolean; batch?: boolean }) => {
    if (options.batch) process.exitCode = await explainBatch(process.stdin, process.stdout);
    else if (mail && options.facts)
      process.exitCode = await explainOne(
        mail,
        options.facts,
        { json: options.json === true },
        { out: process.stdout, problems: process.stderr },
      );
    else program.error("Cannot explain: a mail and --facts are needed, or --batch, is neither", { exitCode: 2 });
  });

type TableOptions = Readonly<{ data: string; aws?: boolean }>;

/** The verbs that rules and blocklists share. */
function tableCommand(name: string, table: RuleTable, description: string): Command {
  const command = program.command(name).description(description);
  onTables(command.command("list").description("all rows")).action((options: TableOptions) => edit(options, table, { kind: "list" }));
  for (const kind of ["show", "remove"] as const) {
    onTables(command.command(kind).argument("<address>")).action((address: string, options: TableOptions) =>
      edit(options, table, { kind, address }),
    );
  }
  return command;
}

function onTables(verb: Command): Command {
  return verb
    .option("--data <folder>", "tables of sesame local, in this data folder", defaultData)
    .option("--aws", "tables of sesame run, in DynamoDB (RULES_TABLE, BLOCKED_TABLE)");
}

async function edit({ data, aws }: TableOptions, table: RuleTable, verb: Verb): Promise<void> {
  if (aws) {
    process.exitCode = await onAws((book) => editTable(book, table, verb));
    return;
  }
  const opened = openTables(resolve(data));
  if (!opened.ok) return program.error(opened.error, { exitCode: 2 });
  const database = opened.value;
  process.exitCode = await editTable(new SqliteRuleBook({ database }), table, verb);
  database.close();
}

const addressHelp = "an address, or *@domain";

onTables(tableCommand("rules", "rules", "out-of-office replies and forwards").command("set").argument("<address>", addressHelp))
  .option("--ooo <text>", "reply with this text")
  .option("--html", "the text is HTML")
  .option("--ooo-subject <text>", 'subject of the reply; "" for "Auto: " and that of the mail')
  .option("--start <instant>", 'first day, such as 2026-12-24, or instant, such as 2026-12-24T12:00+01:00; "" for none')
  .option("--end <instant>", 'last day, or first instant no more; "" for none')
  .option("--timezone <name>", "where the days of --start and --end are, such as Europe/Berlin; else UTC")
  .option("--forward <address...>", "send each mail on to these, in the place of those before")
  .option("--no-forward", "send no mail on")
  .option("--off", "switch the reply off")
  .action((address: string, { forward, ...options }: TableOptions & RuleOptions & { forward?: readonly string[] | boolean }) =>
    edit(options, "rules", {
      kind: "set",
      address,
      row: (stored) => ruleRow(stored, forward === undefined || forward === true ? options : { ...options, forward }),
      notes: (key, row) => ruleNotes(key, row, Date.now() as EpochMs),
    }),
  );

onTables(
  tableCommand("block", "blocked", "patterns of senders that a recipient refuses")
    .command("set")
    .argument("<address>", addressHelp)
    .argument("<pattern...>", "fnmatch patterns, such as *@spam.test"),
).action((address: string, patterns: string[], options: TableOptions) =>
  edit(options, "blocked", { kind: "set", address, row: () => patternRow(patterns), notes: (_, row) => patternNotes(row) }),
);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
