// The sesame command line: reads the arguments and hands over to a command.

import { Command } from "commander";
import { explainBatch, explainOne } from "./commands/explain.ts";
import { version } from "./version.ts";

const program = new Command("sesame").description("Brings the mail that Amazon SES receives to your own mail server").version(version);

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
      process.exitCode = await explainOne(mail, options.facts, { json: options.json === true }, process.stdout);
    else program.error("Cannot explain as a mail and --facts are needed, or --batch: current value is neither", { exitCode: 2 });
  });

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
