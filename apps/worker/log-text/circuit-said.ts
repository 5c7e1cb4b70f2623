// Circuit said: a dependency that is away or answers again, as a sentence: what happens to mail meanwhile, and what to do.

import { durationText } from "./durations.ts";
import { type Fields, numberIn, textIn } from "./fields.ts";
import { because, type Said } from "./said.ts";

type Words = Readonly<{ name: string; away: string; back: string }>;

const slowStart = "begins with one mail, then doubles";
const words: Readonly<Record<string, Words>> = {
  "mail-server": { name: "mail server", away: "nothing is taken, nothing is lost", back: slowStart },
  ledger: { name: "ledger", away: "nothing is taken, nothing is lost", back: slowStart },
  ses: { name: "SES", away: "mail is delivered, and forwards and replies through SES wait", back: "forwards and replies continue" },
};

/** The sentence about a circuit that opened or closed. */
export function circuitSaid(line: Fields): Said {
  const dependency = textIn(line["dependency"]);
  const { name, away, back } = words[dependency] ?? {
    name: `bucket ${dependency.replace(/^s3:/, "")}`,
    away: "its mail waits, and none is lost",
    back: "its mail continues",
  };
  if (line["state"] !== "open") {
    const [seconds, waiting] = [numberIn(line["openSeconds"]), numberIn(line["waiting"])];
    const parts = [
      seconds === null ? "" : `after ${durationText(seconds)}`,
      back,
      waiting === null ? "" : `${waiting.toLocaleString("en-US")} wait`,
    ];
    return { mark: "well", subject: `${name} back`, text: parts.filter((part) => part !== "").join("; ") };
  }
  const { reason, answer } = reasonAndAnswer(textIn(line["detail"]));
  const fix = dependency === "mail-server" ? mailServerFix(`${reason} ${answer}`) : "see circuit in docs/operations.md";
  return { mark: "bad", subject: `${name} away`, text: `${away}${because(reason, answer)}`, more: [fix] };
}

/** `try-later: 421 …` has the reason before the answer. That it is unreachable, "away" says already. */
function reasonAndAnswer(detail: string): Readonly<{ reason: string; answer: string }> {
  const [, reason = "", answer = detail] = /^([a-z]+(?:-[a-z]+)*): (.*)$/s.exec(detail) ?? [];
  return reason === "unreachable" ? { reason: "", answer } : { reason, answer };
}

/** The rows of docs/operations.md, "circuit". */
const fixes: readonly (readonly [answer: RegExp, fix: string])[] = [
  [/the connection is not encrypted/, "let the mail server offer STARTTLS, or unset SMTP_USER and SMTP_PASSWORD"],
  [/\b53[05]\b|offers no AUTH/, "correct SMTP_USER and SMTP_PASSWORD"],
  [/certificate|TLS|SSL/i, "the certificate must be valid for SMTP_HOST; see SMTP_TLS and SMTP_TLS_VERIFY"],
  [/\b421\b/, "the server takes no more sessions: lower SMTP_POOL_SIZE"],
  [/\b554\b/, "the server refuses this client: allow the address of this worker"],
  [/refused-us/, "see refused-us in docs/operations.md"],
];

function mailServerFix(answer: string): string {
  return fixes.find(([pattern]) => pattern.test(answer))?.[1] ?? "start the mail server; see SMTP_HOST and SMTP_PORT";
}
