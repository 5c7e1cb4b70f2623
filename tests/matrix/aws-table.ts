// AWS table: the matrix as docs/reliability.md shows it, made of what the cells must come to.

import { type CallName, callNames } from "./aws-calls.ts";
import { type Expected, expectedOf, reasoned } from "./aws-expected.ts";
import { variantsOf, wayNames } from "./aws-ways.ts";

const legend: readonly (readonly [letter: string, meaning: string])[] = [
  ["P", "this poll returns no mail; the next one does"],
  ["K", "the mail is done and acknowledged at once; the log says what could not be written"],
  ["R", "the mail goes back to the queue and is done once, at the next attempt"],
  ["L", "the acknowledgement is lost; if the entry comes back, Sesame recognises it as done"],
  ["D", "as R, and what was done before may be repeated; the log announces it"],
  [
    "U",
    "as R, and SES may already have accepted the mail; the reply is not repeated, the forward may be repeated, and the log announces it",
  ],
  ["F", "final for this reply or forward: SES refused this one mail; the delivery counts"],
];

/** Lines of Markdown. */
export function awsTable(): readonly string[] {
  const head = `| | ${callNames.map(code).join(" | ")} |`;
  const rows = wayNames.map((way) => `| ${way} | ${callNames.map((call) => lettersOf(call, way)).join(" | ")} |`);
  return [
    head,
    `|---|${callNames.map(() => ":-:|").join("")}`,
    ...rows,
    "",
    ...legend.map(([letter, meaning]) => `- **${letter}**: ${meaning}.`),
    "",
    ...events(),
    "",
    ...notes(),
  ];
}

function code(call: string): string {
  return `\`${call}\``;
}

/** One letter, or several where the variants of a cell differ. */
function lettersOf(call: CallName, way: (typeof wayNames)[number]): string {
  return [...new Set(variantsOf(call, way).map((variant) => letterOf(expectedOf(call, way, variant))))].join(" ");
}

function letterOf({ first, copies, counter }: Expected): string {
  if (first === "poll-error" || first === "nothing") return "P";
  if (first === "ack lost") return "L";
  if (first === "ack") return copies[0] === 1 && copies[2] === 0 ? "F" : "K";
  if (counter !== "sesame_possible_duplicates_total") return "R";
  return first === "threw" ? "D" : "U";
}

/** What is logged and counted as a rule, by call. */
function events(): readonly string[] {
  const rows = callNames.map((call) => {
    const [variant] = variantsOf(call, "503");
    const { event, counter } = variant ? expectedOf(call, "503", variant) : { event: null, counter: null };
    return `| ${code(call)} | ${event === null ? "nothing: `sesame_queue_size` keeps its last value" : code(event)} | ${counter === null ? "" : code(counter)} |`;
  });
  return ["| call | line in the log | counter |", "|---|---|---|", ...rows];
}

/** Cells that end otherwise than one would think, and what cannot occur. */
function notes(): readonly string[] {
  const whys = new Map<string, Set<string>>();
  for (const call of callNames) {
    for (const way of wayNames) {
      for (const variant of variantsOf(call, way)) {
        const { why } = expectedOf(call, way, variant);
        if (why !== undefined) whys.set(why, (whys.get(why) ?? new Set()).add(call));
      }
    }
  }
  return [
    ...[...whys].map(([why, by]) => `- ${[...by].map(code).join(", ")}: ${why}.`),
    "",
    `Cells that cannot occur, and are not counted (${reasoned.length}):`,
    "",
    ...reasoned.map(({ call, way, what, why }) => `- ${code(call)}, ${way}, ${what}: ${why}.`),
  ];
}
