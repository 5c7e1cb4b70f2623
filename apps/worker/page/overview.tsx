/** @jsxImportSource hono/jsx */
// Overview: the verdict, the way of the mail, what to look at, the plots and the domains. It shows a situation and decides nothing
// but the order: what to look at stands below the plots while something is wrong.

import type { FC } from "hono/jsx";
import { total } from "./minutes.ts";
import { Foreign, Mark, Sentence, type Shape, Sign, Time, type View } from "./parts.tsx";
import { LastHour, TimeToMailbox, WaitInQueue } from "./plots.tsx";
import type { DomainSituation, Situation } from "./situation.ts";
import { type Thing, thingsToLookAt } from "./to-look-at.ts";
import { type Tone, type Verdict, verdictOf } from "./verdict.ts";
import { ageText, countText, numberText, spanText } from "./words.ts";

/** The parts of the overview that the situation makes. */
export const Overview: FC<{ situation: Situation; view: View; children?: unknown }> = ({ situation, view, children }) => {
  const verdict = verdictOf(situation);
  const things = <ToLookAt situation={situation} />;
  const inTrouble = verdict.tone === "bad" || verdict.tone === "wait";
  return (
    <>
      <VerdictPart verdict={verdict} view={view} />
      <Path situation={situation} verdict={verdict} />
      {inTrouble ? null : things}
      <div class="plots" id="plots">
        <LastHour minutes={situation.minutes} />
        <div>
          <TimeToMailbox situation={situation} />
          <WaitInQueue situation={situation} />
        </div>
      </div>
      {inTrouble ? things : null}
      {children}
      <Domains situation={situation} />
    </>
  );
};

const VerdictPart: FC<{ verdict: Verdict; view: View }> = ({ verdict, view }) => {
  const { tone, headline, text, facts, help, tryNow } = verdict;
  const canTry = tryNow && view.formToken !== null;
  return (
    <section class={`verdict v-${tone}`} id="verdict" aria-labelledby="headline">
      <Sign tone={tone} />
      <div>
        <h1 id="headline">
          <Foreign text={headline} />
        </h1>
        <p>
          <Sentence words={text} />
        </p>
        {facts.length === 0 ? null : (
          <dl class="pairs">
            {facts.map(({ label, words }) => (
              <>
                <dt>{label}</dt>
                <dd>
                  <Sentence words={words} />
                </dd>
              </>
            ))}
          </dl>
        )}
        {canTry || help !== null ? (
          <div class="buttons">
            {canTry ? (
              <form method="post" action="/try-now">
                <input type="hidden" name="form" value={view.formToken ?? ""} />
                <button type="submit" class="main">
                  Try now
                </button>
              </form>
            ) : null}
            {help === null ? null : (
              <a class="button" href={`/guide#${help}`}>
                What this means
              </a>
            )}
          </div>
        ) : null}
      </div>
    </section>
  );
};

type Station = Readonly<{ name: string; shape: Shape; tone: Tone; big: string; unit?: string; sub: string; cause?: boolean }>;

const Path: FC<{ situation: Situation; verdict: Verdict }> = ({ situation, verdict }) => (
  <ol class="card path" id="path" aria-label="The way of the mail">
    {[fromSes(situation), queues(situation), sesame(situation), mailServer(situation, verdict), leaving(situation)].map((station) => (
      <li class={station.cause ? "cause" : ""}>
        <span class="name">
          <Mark shape={station.shape} tone={station.tone} />
          {station.name}
        </span>
        <span class={`big ${station.tone === "ok" || station.tone === "none" ? "" : station.tone}`}>
          <Foreign text={station.big} />
          {station.unit === undefined ? null : <small> {station.unit}</small>}
        </span>
        <small class="sub">
          <Foreign text={station.sub} />
        </small>
      </li>
    ))}
  </ol>
);

const well = { shape: "tick", tone: "ok" } as const;
const waits = { shape: "again", tone: "wait" } as const;
const away = { shape: "cross", tone: "bad", cause: true } as const;
const resting = { shape: "dash", tone: "none" } as const;

function stopsAll({ circuits }: Situation): boolean {
  return circuits.some(({ dependency }) => dependency === "mail-server" || dependency === "ledger");
}

function fromSes(situation: Situation): Station {
  const { lastTaken, now, minutes } = situation;
  const name = "Amazon SES";
  if (lastTaken === null) return { name, ...resting, big: "No mail yet", sub: "since the start" };
  const perMinute = total(minutes, "taken") / Math.max(1, minutes.filter(({ taken }) => taken > 0).length);
  if (stopsAll(situation)) return { name, ...well, big: "Mail comes in", sub: `about ${numberText(Math.max(1, perMinute))} a minute` };
  return { name, ...well, big: "Mail comes in", sub: `last one ${ageText((now - lastTaken) / 1000)} ago` };
}

function queues(situation: Situation): Station {
  const { domains, visible, delayed, circuits, now, minutes } = situation;
  const name = "Queues";
  const silent = domains.filter(({ state }) => state === "silent").length;
  if (silent > 0) {
    const which = silent === domains.length ? "None answers" : `${silent} of ${domains.length} silent`;
    return { name, ...away, big: which, sub: "see the domains below" };
  }
  if (visible === null) return { name, ...resting, big: "Asked", sub: "no answer yet" };
  const stop = circuits.find(({ dependency }) => dependency === "mail-server" || dependency === "ledger");
  const big = numberText(visible);
  if (stop !== undefined && visible > 0)
    return { name, ...waits, big, unit: "waiting", sub: `up to ${ageText((now - stop.since) / 1000)}` };
  const wait = [...minutes].reverse().find(({ taken }) => taken > 0)?.waitSeconds;
  const again = `${numberText(delayed)} to try again`;
  return { name, ...well, big, unit: "waiting", sub: wait === undefined ? again : `for ${spanText(wait)}, ${again}` };
}

function sesame(situation: Situation): Station {
  const { inWork, octets, stopEndsAt } = situation;
  const name = "Sesame";
  if (stopEndsAt !== null) return { name, ...resting, big: "Stops", sub: countText(inWork, "mail in work").replace("works", "work") };
  if (stopsAll(situation)) return { name, ...well, big: "Pauses", sub: "receives nothing meanwhile" };
  const mib = (count: number) => numberText(count / 2 ** 20);
  return { name, ...well, big: numberText(inWork), unit: "in work", sub: `memory ${mib(octets.held)} of ${mib(octets.most)} MiB` };
}

function mailServer(situation: Situation, verdict: Verdict): Station {
  const { circuits, sessions, mailServer: address } = situation;
  const name = "Mail server";
  if (circuits.some(({ dependency }) => dependency === "mail-server")) {
    const refuses = verdict.headline.endsWith("refuses us");
    return { name, ...away, big: refuses ? "Refuses us" : "Does not answer", sub: address };
  }
  if (verdict.state === "refused-us") return { name, ...away, big: "Refuses something", sub: address };
  if (sessions.busy + sessions.idle === 0) return { name, ...well, big: "Takes mail", sub: address };
  return { name, ...well, big: "Takes mail", sub: `${sessions.busy} of ${sessions.limit} sessions busy` };
}

function leaving(situation: Situation): Station {
  const { circuits, minutes, notables, now } = situation;
  const name = "Forwards, replies";
  const [forwarded, replies] = [total(minutes, "forwarded"), total(minutes, "replies")];
  const hour = `${numberText(forwarded)} and ${numberText(replies)} this hour`;
  if (circuits.some(({ dependency }) => dependency === "ses")) return { name, ...away, big: "Wait for SES", sub: hour };
  if (notables.some(({ kind, last }) => kind === "throttled" && now - last < 1_800_000))
    return { name, ...waits, big: "Wait for SES", sub: hour };
  if (stopsAll(situation)) return { name, ...resting, big: "Wait too", sub: hour };
  return { name, ...well, big: "Leave", sub: hour };
}

const ToLookAt: FC<{ situation: Situation }> = ({ situation }) => {
  const things = thingsToLookAt(situation);
  // The place stays, so that the script finds it when there is something.
  if (things.length === 0) return <section id="look" hidden></section>;
  return (
    <section class="card" id="look" aria-labelledby="look-title">
      <div class="head">
        <h2 id="look-title">To look at</h2>
        <small>{things.length} in the last day</small>
      </div>
      <ul class="things">
        {things.map((thing) => (
          <ThingRow thing={thing} />
        ))}
      </ul>
    </section>
  );
};

const ThingRow: FC<{ thing: Thing }> = ({ thing: { tone, text, advice, help, since } }) => (
  <li>
    <Mark shape={tone === "bad" ? "cross" : "again"} tone={tone} />
    <span>
      <Sentence words={text} />
    </span>
    <small class="since">
      {"at" in since ? (
        <>
          since <Time at={since.at} to="minute" />
        </>
      ) : (
        `${countText(since.count, "time")} in a day`
      )}
    </small>
    <span class="advice">
      <Sentence words={advice} />
      {help === null ? null : (
        <>
          {" "}
          <a href={`/guide#${help}`}>How to</a>
        </>
      )}
    </span>
  </li>
);

const domainWords: Readonly<Record<DomainSituation["state"], readonly [string, Shape, Tone]>> = {
  receives: ["Receiving", "tick", "ok"],
  starts: ["Starting", "dash", "none"],
  pauses: ["Pauses", "again", "wait"],
  silent: ["Its queue does not answer", "cross", "bad"],
  hangs: ["Its loop hangs", "bang", "wait"],
};
const worstFirst: readonly DomainSituation["state"][] = ["silent", "hangs", "pauses", "starts", "receives"];

const Domains: FC<{ situation: Situation }> = ({ situation: { domains } }) => {
  if (domains.length < 2) return <section id="domains" hidden></section>;
  const sorted = [...domains].sort((one, other) => worstFirst.indexOf(one.state) - worstFirst.indexOf(other.state));
  return (
    <section class="card" id="domains" aria-labelledby="domains-title">
      <h2 id="domains-title">Domains</h2>
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">Domain</th>
            <th scope="col">State</th>
            {["Waiting", "In work", "Last answer", "Last hour"].map((name) => (
              <th scope="col" class="num">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((domain) => (
            <DomainRow domain={domain} />
          ))}
        </tbody>
      </table>
    </section>
  );
};

const DomainRow: FC<{ domain: DomainSituation }> = ({ domain }) => {
  const [words, shape, tone] = domainWords[domain.state];
  const ended = (["delivered", "blocked", "failed"] as const).reduce((sum, name) => sum + total(domain.minutes, name), 0);
  const cells: readonly (readonly [string, string])[] = [
    ["waiting", domain.visible === null ? "–" : numberText(domain.visible)],
    ["in work", numberText(domain.inWork)],
    ["last answer", domain.answeredSecondsAgo === null ? "none yet" : `${ageText(domain.answeredSecondsAgo)} ago`],
    ["last hour", countText(ended, "mail")],
  ];
  return (
    <tr>
      <th scope="row">
        <Foreign text={domain.domain} />
      </th>
      <td>
        <Mark shape={shape} tone={tone} /> <span class={tone === "ok" || tone === "none" ? "" : tone}>{words}</span>
      </td>
      {cells.map(([name, text]) => (
        <td class="num" data-name={name}>
          {text}
        </td>
      ))}
    </tr>
  );
};
