// Completion: what a shell offers after Tab, read from the command line itself, and the script that asks for it. A script passes the words
// as they are, and evaluates none. Where nothing is offered, the shell completes file names.

import type { Command, Option } from "commander";

/** A word to offer, and what it does. */
export type Offer = Readonly<{ word: string; text: string }>;

/** What may follow these words, beginning with what is typed. */
export function offers(program: Command, words: readonly string[], typed: string): readonly Offer[] {
  const command = commandOf(program, words);
  const valued = optionOf(command, words.at(-1) ?? "");
  const found = valued !== null ? choicesOf(valued) : typed.startsWith("-") ? optionsOf(command) : namesOf(command);
  return found.filter(({ word }) => word.startsWith(typed));
}

/** The command that the words name: the longest path of subcommands. */
function commandOf(program: Command, words: readonly string[]): Command {
  let command = program;
  for (const word of words) {
    const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
    if (next !== undefined) command = next;
    else if (!word.startsWith("-")) break;
  }
  return command;
}

/** The option whose value comes next; `null` if a word of another kind does. */
function optionOf(command: Command, word: string): Option | null {
  const option = command.options.find(({ long, short }) => word !== "" && (word === long || word === short));
  return option !== undefined && (option.required || option.optional) ? option : null;
}

function choicesOf({ argChoices = [] }: Option): readonly Offer[] {
  return argChoices.map((word) => ({ word, text: "" }));
}

function optionsOf(command: Command): readonly Offer[] {
  const visible = command.createHelp().visibleOptions(command);
  return visible.flatMap(({ long, description }) => (long ? [{ word: long, text: description }] : []));
}

/** Subcommands, or the words that an argument may be. */
function namesOf(command: Command): readonly Offer[] {
  const commands = command.createHelp().visibleCommands(command);
  const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  return [...commands.map((each) => ({ word: each.name(), text: each.description() })), ...choices.map((word) => ({ word, text: "" }))];
}

/** The lines that a script reads: word, tab, text. The word that is typed comes last and begins with "=", since some shells pass no empty one. */
export function offerLines(program: Command, words: readonly string[]): string {
  const typed = words.at(-1) ?? "=";
  const found = typed.startsWith("=") ? offers(program, words.slice(0, -1), typed.slice(1)) : [];
  return found.map(({ word, text }) => `${word}\t${text.replace(/\s+/g, " ")}\n`).join("");
}

/** The scripts, by the name of the shell. They call `sesame`, so it must be in the PATH. */
export const scripts: Readonly<Record<string, string>> = {
  bash: `_sesame() {
  local word text
  COMPREPLY=()
  while IFS=$'\\t' read -r word text; do
    COMPREPLY+=("$word")
  done < <(sesame complete -- "\${COMP_WORDS[@]:1:COMP_CWORD-1}" "=\${COMP_WORDS[COMP_CWORD]}" 2>/dev/null)
}
complete -o default -F _sesame sesame
`,
  zsh: `#compdef sesame
_sesame() {
  local word text
  local -a found
  while IFS=$'\\t' read -r word text; do
    found+=("\${word//:/\\\\:}:$text")
  done < <(sesame complete -- "\${(@)words[2,CURRENT-1]}" "=\${words[CURRENT]}" 2>/dev/null)
  if (( $#found )); then _describe sesame found; else _files; fi
}
compdef _sesame sesame
`,
  fish: `function __sesame_offers
  set -l words (commandline -opc)
  sesame complete -- $words[2..-1] "="(commandline -ct) 2>/dev/null
end
complete -c sesame -f -n 'count (__sesame_offers) >/dev/null' -a '(__sesame_offers)'
`,
  powershell: `Register-ArgumentCompleter -Native -CommandName sesame -ScriptBlock {
  param($typed, $ast, $cursor)
  $words = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($typed -ne '' -and $words.Count -gt 0) { $words = @($words | Select-Object -SkipLast 1) }
  sesame complete '--' @words "=$typed" 2>$null | ForEach-Object {
    $word, $text = $_ -split "\`t", 2
    if (-not $text) { $text = $word }
    [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $text)
  }
}
`,
};
