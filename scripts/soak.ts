// Soak: npm run soak -- [MAILS]: the executable moves so many mails (2000) from SNS to IMAP, and again with two workers
// killed in the midst of it. Prints one line of figures for each; exits 1 where a mail is lost, or doubled without a word.

import { missingPrograms } from "../tests/mailserver/programs.ts";
import { compile } from "../tests/system/executable.ts";
import { inOneLine, Soak } from "../tests/system/soak.ts";

const mails = Number(process.argv[2] ?? 2000);
const missing = missingPrograms();
const executable = missing === null ? await compile() : null;
if (executable === null) {
  console.error(`Cannot soak: the mail server is not installed: ${missing}`);
  process.exit(2);
}
const soak = await Soak.start(executable.path);
try {
  for (const kills of [0, 2]) {
    const result = await soak.run(mails, kills);
    console.log(inOneLine(result));
    const wrong = [...result.lost.map((name) => `lost: ${name}`), ...result.doubled.map((name) => `doubled: ${name}`)];
    for (const line of wrong) console.error(line);
    if (wrong.length > 0 || result.unfinished > 0) process.exitCode = 1;
  }
} finally {
  await soak.stop();
  executable.remove();
}
process.exit();
