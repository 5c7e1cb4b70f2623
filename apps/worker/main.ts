// The sesame command line: reads the arguments and hands over to a command.

import { resolve } from "node:path";
import type { RuleTable } from "@sesame/core";
import { Command } from "commander";
import { onAws } from "./aws-tables.ts";
import { checkAll } from "./commands/check.ts";
import { explainBatch, explainOne } from "./commands/explain.ts";
import { runLocal } from "./commands/local.ts";
import { editTable, patternRow, type RuleOptions, ruleRow, type Verb } from "./commands/rules.ts";
import { runWorker } from "./commands/run.ts";
import { type SendOptions, send } from "./commands/send.ts";
import { openDatabase } from "./local/database.ts";
import { SqliteRuleBook } from "./local/sqlite-rule-book.ts";
import { version } from "./version.ts";

const defaultData = "sesame-data";
const program = new Command("sesame").description("Brings the mail that Amazon SES receives to your own mail server").version(version);

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
  .option("--port <port>", "SMTP port of the front door", "2500")
  .action(async (options: { data: string; port: string }) => {
    process.exitCode = await runLocal({ data: options.data, port: Number(options.port) });
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
  .option("--port <port>", "its port", "2500")
  .action(async (file: string | undefined, options: Omit<SendOptions, "port"> & { port: string }) => {
    process.exitCode = await send(file, { ...options, port: Number(options.port) });
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
    else program.error("Cannot explain as a mail and --facts are needed, or --batch: current value is neither", { exitCode: 2 });
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
  const database = openDatabase(resolve(data));
  process.exitCode = await editTable(new SqliteRuleBook({ database }), table, verb);
  database.close();
}

const addressHelp = "an address, or *@domain";

onTables(tableCommand("rules", "rules", "out-of-office replies and forwards").command("set").argument("<address>", addressHelp))
  .option("--ooo <text>", "reply with this text")
  .option("--html", "the text is HTML")
  .option("--ooo-subject <text>")
  .option("--start <instant>", "first day or instant")
  .option("--end <instant>", "last day, or first instant no more")
  .option("--timezone <name>", "of --start and --end")
  .option("--forward <address...>", "send each mail on to these")
  .option("--off", "switch the reply off")
  .action((address: string, options: TableOptions & RuleOptions) =>
    edit(options, "rules", { kind: "set", address, row: (stored) => ruleRow(stored, options) }),
  );

onTables(
  tableCommand("block", "blocked", "patterns of senders that a recipient refuses")
    .command("set")
    .argument("<address>", addressHelp)
    .argument("<pattern...>", "fnmatch patterns, such as *@spam.test"),
).action((address: string, patterns: string[], options: TableOptions) =>
  edit(options, "blocked", { kind: "set", address, row: () => patternRow(patterns) }),
);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
