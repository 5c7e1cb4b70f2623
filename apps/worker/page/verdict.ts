// Verdict: the one sentence that answers "is mail flowing?", with what is safe, what was answered and what to do. The worst state
// wins, and its limits are those of the alerts in docs/operations.md. It takes data and gives data.

import { kindOf } from "../circuit-log.ts";
import { repairOfCircuit, repairOfRefusal } from "./answers.ts";
import type { OpenCircuit } from "./memory.ts";
import { type Counted, total } from "./minutes.ts";
import type { Notable, NotableKind } from "./notables.ts";
import type { Situation } from "./situation.ts";
import { thingsToLookAt } from "./to-look-at.ts";
import { ageText, countText, numberText, spanText, type Words } from "./words.ts";

/** `ok`: well. `wait`: mail is late or a part of it waits. `bad`: somebody must act. `none`: nothing to tell yet. */
export type Tone = "ok" | "wait" | "bad" | "none";

export type Verdict = Readonly<{
  state: State;
  tone: Tone;
  headline: string;
  text: Words;
  /** What was answered, what to do, and what follows. */
  facts: readonly Readonly<{ label: string; words: Words }>[];
  /** The section of docs/operations.md. */
  help: string | null;
  /** Whether the mail server can be asked now. */
  tryNow: boolean;
}>;

export type State =
  | "no-queue-answers"
  | "circuit-open"
  | "queue-missing"
  | "refused-us"
  | "needs-you"
  | "loop-replaced"
  | "late"
  | "part-waits"
  | "stopping"
  | "starting"
  | "no-mail-yet"
  | "flowing";

type Judge = (situation: Situation) => Verdict | null;

const quarterMs = 900_000;
const halfHourMs = 1_800_000;
const twoHoursMs = 7_200_000;
const lateAfterSeconds = 600; // SesameMailLate

/** The verdict: that of the first state, in order from the worst, that the situation is in. */
export function verdictOf(situation: Situation): Verdict {
  for (const judge of judges) {
    const verdict = judge(situation);
    if (verdict !== null) return verdict;
  }
  return flowing(situation);
}

function made(state: State, tone: Tone, headline: string, text: Words, more: Partial<Verdict> = {}): Verdict {
  return { state, tone, headline, text, facts: [], help: null, tryNow: false, ...more };
}

const says = (answer: string) => ({ label: "It says", words: [{ code: answer }] });
const doThis = (text: string) => ({ label: "Do this", words: marked(text) });

/** A repair of docs/operations.md: what stands between backticks is code. */
function marked(text: string): Words {
  return text.split("`").map((part, index) => (index % 2 === 1 ? { code: part } : part));
}

function noQueueAnswers({ domains, stopEndsAt, notables }: Situation): Verdict | null {
  if (stopEndsAt !== null || domains.length === 0 || !domains.every(({ state }) => state === "silent" || state === "hangs")) return null;
  const clock = notables.find(({ kind }) => kind === "clock");
  const text = "Mail waits in the queues and none is lost. Sesame asks again by itself.";
  const facts = [...(clock ? [says(clock.text)] : []), doThis("look at credentials and network; `sesame check` says what is wrong")];
  return made("no-queue-answers", "bad", "No mail is taken: no queue answers", [text], { facts, help: "port-error" });
}

function circuitOpen(situation: Situation): Verdict | null {
  const open = situation.circuits.find(({ dependency }) => kindOf(dependency) !== "ses");
  if (open === undefined) return null;
  const kind = kindOf(open.dependency);
  const what = { "mail-server": mailServerSays(open), ledger: "the ledger does not answer", s3: bucketSays(open), ses: "" }[kind];
  const repair = kind === "mail-server" ? repairOfCircuit(open.answer) : null;
  const isServer = kind === "mail-server";
  const order = isServer ? "look at the mail server" : "look at AWS; `sesame check` says what is wrong";
  return made("circuit-open", "bad", `Mail is waiting: ${what}`, waitingText(open, situation), {
    facts: [
      ...(open.answer === "" ? [] : [says(open.answer)]),
      doThis(repair?.repair ?? order),
      { label: "Then", words: nextText(isServer, situation) },
    ],
    help: "circuit",
    tryNow: isServer && situation.stopEndsAt === null,
  });
}

function mailServerSays({ answer }: OpenCircuit): string {
  return /\b[45]\d\d\b/.test(answer) ? "the mail server refuses us" : "the mail server does not answer";
}

function bucketSays({ dependency }: OpenCircuit): string {
  return `the bucket ${dependency.slice("s3:".length)} does not answer`;
}

function waitingText({ since }: OpenCircuit, { now, visible }: Situation): Words {
  const safe =
    visible === null
      ? "mail waits in the queue and none is lost"
      : `${countText(visible, "mail")} ${visible === 1 ? "waits" : "wait"} in the queue and none is lost`;
  return [
    "Since ",
    { at: since },
    `, for ${ageText((now - since) / 1000)}. `,
    { strong: safe },
    ". Work begins again by itself as soon as there is an answer.",
  ];
}

function nextText(isServer: boolean, { now, nextProbeAt }: Situation): Words {
  if (!isServer) return ["nothing. Sesame asks again, first after seconds and later once a minute"];
  const seconds = nextProbeAt === null ? null : Math.max(0, Math.ceil((nextProbeAt - now) / 1000));
  return [`nothing. ${seconds === null ? "It is asked now" : `Next try in ${seconds} s`}, then every 30 s at most`];
}

function queueMissing({ domains, stopEndsAt }: Situation): Verdict | null {
  const silent = domains.filter(({ state }) => state === "silent");
  const [first] = silent;
  if (first === undefined || stopEndsAt !== null) return null;
  const who = silent.length === 1 ? first.domain : `${first.domain} and ${silent.length - 1} more`;
  const does = silent.length === 1 ? "gets no mail: its queue does" : "get no mail: their queues do";
  const age = first.answeredSecondsAgo;
  const since = age === null ? "The queue has not answered since the start." : `The last answer of the queue was ${ageText(age)} ago.`;
  return made("queue-missing", "bad", `${who} ${does} not answer`, [`The other domains are not touched. ${since}`], {
    facts: [doThis("`sesame check` says whether the queue exists and may be read")],
    help: "port-error",
  });
}

function lastOf({ notables, now }: Situation, withinMs: number, ...kinds: readonly NotableKind[]): Notable | undefined {
  return notables.find(({ kind, last }) => kinds.includes(kind) && now - last < withinMs);
}

function refusedUs(situation: Situation): Verdict | null {
  const refused = lastOf(situation, quarterMs, "refused-us");
  if (refused === undefined) return null;
  const repair = repairOfRefusal(refused.text)?.repair ?? "compare the answer with the table of docs/operations.md";
  const text: Words = [
    { strong: "The mail waits and none is lost" },
    `; Sesame tries again. Last refused ${ageText((situation.now - refused.last) / 1000)} ago.`,
  ];
  return made("refused-us", "bad", "Mail waits: the server refuses something of ours", text, {
    facts: [says(refused.text), doThis(repair)],
    help: "refused-us",
  });
}

function needsYou(situation: Situation): Verdict | null {
  const one = lastOf(situation, twoHoursMs, "set-aside", "object-missing", "entry-undecodable");
  if (one === undefined) return null;
  const which = one.subject === "" ? [] : [{ code: one.subject }, ": "];
  const why = { "set-aside": "workers crashed while they worked on it", "object-missing": "S3 has no such object" };
  const cause = one.kind === "set-aside" || one.kind === "object-missing" ? why[one.kind] : "its entry in the queue cannot be read";
  const text: Words = [...which, `${cause}. It is tried again, and then goes to the dead-letter queue of ${one.label}.`];
  const facts = one.text === "" ? [] : [says(one.text)];
  return made("needs-you", "bad", "A mail needs you", text, {
    facts,
    help: one.kind === "entry-undecodable" ? "the-dead-letter-queue" : one.kind,
  });
}

function loopReplaced(situation: Situation): Verdict | null {
  const loop = lastOf(situation, quarterMs, "loop");
  const hangs = situation.domains.find(({ state }) => state === "hangs");
  if (loop === undefined && (hangs === undefined || situation.stopEndsAt !== null)) return null;
  const where = loop?.label ?? hangs?.domain ?? "";
  const how = loop?.text === "died" ? "A loop ended and was replaced" : "A loop hung and was replaced";
  const text = `Mail of ${where} was late, and is not lost. This is a bug in Sesame: please report the line of the log.`;
  return made("loop-replaced", "wait", how, [text], { help: "alerts-where-to-look-first" });
}

function perMinute(situation: Situation, ...what: readonly Counted[]): number {
  const last = situation.minutes.slice(-16, -1);
  return what.reduce((sum, each) => sum + total(last, each), 0) / Math.max(1, last.length);
}

function late(situation: Situation): Verdict | null {
  const { lateSeconds, visible } = situation;
  if (lateSeconds === null || lateSeconds <= lateAfterSeconds) return null;
  const taken = perMinute(situation, "taken");
  const ended = perMinute(situation, "delivered", "blocked", "failed");
  const rates = `${numberText(taken)} mails a minute were taken, and ${numberText(ended)} ended.`;
  const left =
    visible === null || visible === 0 || ended < 1
      ? ""
      : ` The ${countText(visible, "mail")} in the queue need about ${ageText((visible / ended) * 60)}.`;
  const busy =
    situation.sessions.busy >= situation.sessions.limit && situation.sessions.busy > 0
      ? "all sessions with the mail server are busy"
      : null;
  const full = situation.octets.held >= situation.octets.most * 0.9 ? "the memory for mail is full" : null;
  const holds = busy ?? full ?? "see the retries below, and docs/operations.md";
  return made("late", "wait", `Mail flows, but it is ${ageText(lateSeconds)} late`, [`${rates}${left}`], {
    facts: [{ label: "Held up", words: [`by: ${holds}`] }],
    help: "capacity",
  });
}

function partWaits(situation: Situation): Verdict | null {
  const ses = situation.circuits.find(({ dependency }) => dependency === "ses");
  if (ses !== undefined) {
    const text: Words = ["Mail is delivered. Forwards and replies through SES wait since ", { at: ses.since }, "."];
    const facts = ses.answer === "" ? [] : [says(ses.answer)];
    return made("part-waits", "wait", "Mail flows; forwards wait for SES", text, { facts, help: "circuit" });
  }
  if (lastOf(situation, halfHourMs, "throttled") !== undefined) {
    const text =
      "A worker sends to at most SES_MAX_RATE recipients per second, or to as many as the SES account allows. More recipients wait.";
    return made("part-waits", "wait", "Mail flows; forwards wait for SES's limit", [text], { help: "throttled" });
  }
  const [feature] = situation.featuresOff;
  if (feature === undefined) return null;
  const off = situation.featuresOff.join(", ");
  return made(
    "part-waits",
    "wait",
    `Mail flows; ${off} are off`,
    ["Their table was missing at the start. Create it and restart the workers."],
    {
      help: "feature-off",
    },
  );
}

function stopping({ stopEndsAt, inWork, now }: Situation): Verdict | null {
  if (stopEndsAt === null) return null;
  const seconds = Math.max(0, Math.ceil((stopEndsAt - now) / 1000));
  const headline = `Stopping: ${countText(inWork, "mail")} in work, ${seconds} s left`;
  return made("stopping", "none", headline, ["No more mail is received. What is not done goes back to the queue."], { help: "stop" });
}

function starting({ domains, now, startedAt }: Situation): Verdict | null {
  if (!domains.some(({ state }) => state === "starts") || domains.some(({ state }) => state === "receives")) return null;
  const text = `Started ${ageText((now - startedAt) / 1000)} ago. A quiet queue answers within 20 s.`;
  return made("starting", "none", "Starting: the queues were asked", [text]);
}

function noMailYet({ lastTaken, minutes, lastDelivery }: Situation): Verdict | null {
  if (lastTaken !== null || lastDelivery !== null || total(minutes, "delivered") > 0) return null;
  const text: Words = ["Send a mail to one of the domains. With ", { code: "sesame local" }, " use ", { code: "sesame send" }, "."];
  return made("no-mail-yet", "none", "Ready, and no mail yet", text);
}

function flowing(situation: Situation): Verdict {
  const { lastDelivery, now } = situation;
  const things = thingsToLookAt(situation).length;
  const names = ["Nothing", "One thing", "Two things", "Three things", "Four things", "Five things"];
  const look = `${names[things] ?? `${things} things`} to look at.`;
  const last: Words =
    lastDelivery === null
      ? ["No mail came into a mailbox since the start. "]
      : [
          "The last mail was in its mailbox ",
          { strong: `${ageText((now - lastDelivery.at) / 1000)} ago` },
          `, ${spanText(lastDelivery.seconds)} after SES took it. `,
        ];
  return made("flowing", "ok", "Mail is flowing", [...last, look]);
}

const judges: readonly Judge[] = [
  noQueueAnswers,
  circuitOpen,
  queueMissing,
  refusedUs,
  needsYou,
  loopReplaced,
  late,
  partWaits,
  stopping,
  starting,
  noMailYet,
];
