// Examples: what `--help` shows below the options of a command.

import type { Command } from "commander";

/** By the words of a command. */
const examples: Readonly<Record<string, readonly string[]>> = {
  sesame: ["sesame local", "sesame check && sesame run", "sesame rules set alice@example.com --ooo 'I am away until Monday'"],
  "sesame run": ["DOMAINS=example.com SMTP_HOST=mail.example.com sesame run", "sesame run | tee sesame.log"],
  "sesame check": ["sesame check", "sesame check --all --workers 12", "sesame check --strict --json | jq '.[] | select(.level != \"ok\")'"],
  "sesame local": ["sesame local", "DOMAINS=example.com,another.com sesame local --data /srv/sesame --port 2525"],
  "sesame send": [
    "sesame send --from bob@remote.test --to alice@example.com --subject Hello",
    "sesame send --from 'Zoë Müller <zoe@remote.test>' --to alice@example.com carol@example.com --text 'Grüße'",
    "sesame send mail.eml --to alice@example.com --verdict spf=FAIL",
  ],
  "sesame log": ["docker logs sesame 2>&1 | sesame log", "sesame log sesame.log"],
  "sesame explain": [
    "sesame explain mail.eml --facts facts.json",
    "sesame explain mail.eml --from bob@remote.test --to alice@example.com",
    "sesame explain mail.eml --to alice@example.com --aws",
    "sesame explain example-com-emails/5m0qbgf3fq190qxz2vfxnbs5qp2mm3ijgnfy4mhz --aws",
    "sesame explain --batch < cases.ndjson > answers.ndjson",
  ],
  "sesame trace": ["sesame trace 5m0qbgf3fq190q", "sesame trace alice@example.com --aws", "sesame trace '<20261124.1@remote.test>' --json"],
  "sesame reconcile": ["sesame reconcile --since 2026-11-20", "sesame reconcile --since 36h --requeue"],
  "sesame replay": [
    "sesame replay example-com-emails/5m0qbgf3fq190qxz2vfxnbs5qp2mm3ijgnfy4mhz --requeue",
    "sesame replay --since 2d --status rejected partial",
  ],
  "sesame rules": ["sesame rules list --aws", "sesame rules set alice@example.com --ooo 'I am away' --end 2026-12-27"],
  "sesame rules list": ["sesame rules list", "sesame rules list --aws --json"],
  "sesame rules show": ["sesame rules show alice@example.com", "sesame rules show '*@example.com' --aws"],
  "sesame rules remove": ["sesame rules remove alice@example.com"],
  "sesame rules set": [
    "sesame rules set alice@example.com --ooo 'I am away until Monday' --ooo-subject Away",
    "sesame rules set alice@example.com --start 2026-12-24 --end 2027-01-06 --timezone Europe/Berlin",
    "sesame rules set '*@example.com' --forward office@another.com --aws",
    "sesame rules set alice@example.com --off --no-forward",
  ],
  "sesame rules lint": ["sesame rules lint --aws", "sesame rules lint --aws --fix --yes"],
  "sesame rules export": ["sesame rules export --aws > rules.json"],
  "sesame rules import": ["sesame rules import rules.json --aws", "sesame rules import rules.json --aws --yes"],
  "sesame block": ["sesame block add alice@example.com '*@spam.test'", "sesame block list --aws"],
  "sesame block list": ["sesame block list", "sesame block list --aws --json"],
  "sesame block show": ["sesame block show alice@example.com", "sesame block show '*@example.com' --aws"],
  "sesame block add": [
    "sesame block add alice@example.com '*@spam.test' 'news-*@shop.test'",
    "sesame block add '*@example.com' '*@spam.test' --aws",
  ],
  "sesame block remove": ["sesame block remove alice@example.com '*@spam.test'", "sesame block remove alice@example.com"],
  "sesame block set": ["sesame block set alice@example.com '*@spam.test' '*@junk.test'"],
  "sesame completion": [
    "sesame completion bash >> ~/.bashrc",
    "sesame completion zsh > ~/.sesame.zsh && echo 'source ~/.sesame.zsh' >> ~/.zshrc",
    "sesame completion fish > ~/.config/fish/completions/sesame.fish",
    "sesame completion powershell >> $PROFILE",
  ],
};

/** Gives each command its examples, and all below it. A command that is not in the table stays as it is. */
export function addExamples(command: Command, words: string = command.name()): void {
  const own = examples[words];
  if (own !== undefined) command.addHelpText("after", `\nExamples:\n${own.map((line) => `  ${line}`).join("\n")}`);
  for (const each of command.commands) addExamples(each, `${words} ${each.name()}`);
}
