// The verdict: each state, the order of the states, what each says, and what nobody may see in a summary.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { allRepairs, repairOfCircuit, repairOfRefusal } from "../../apps/worker/page/answers.ts";
import { PageMemory } from "../../apps/worker/page/memory.ts";
import { hideAddresses, type PageSources, situationOf, withoutAddresses } from "../../apps/worker/page/situation.ts";
import { thingsToLookAt } from "../../apps/worker/page/to-look-at.ts";
import { type State, verdictOf } from "../../apps/worker/page/verdict.ts";
import { ageText, countText, plainText, spanText } from "../../apps/worker/page/words.ts";
import { mailEvent, start } from "./events.ts";
import { notable, states, twoThings, well } from "./situations.ts";

for (const { name, situation, state, tone, headline } of states) {
  test(`verdictOf() says "${headline}" when ${name}`, () => {
    const verdict = verdictOf(situation);
    expect([verdict.state, verdict.tone, verdict.headline]).toEqual([state, tone, headline]);
    expect(plainText(verdict.text).length).toBeGreaterThan(20);
  });
}

const order: readonly State[] = [...new Set(states.map(({ state }) => state))];

test("verdictOf() takes the worst state of all that are true at once", () => {
  let all = well;
  for (const { situation, state } of [...states].reverse()) {
    // Adds what is wrong in this state to what is wrong already.
    const { circuits, notables, featuresOff } = situation;
    const domains = situation.domains.some((each) => each.state === "silent") ? situation.domains : all.domains;
    all = {
      ...all,
      domains,
      circuits: [...all.circuits, ...circuits],
      notables: [...notables, ...all.notables],
      featuresOff: [...featuresOff, ...all.featuresOff],
      lateSeconds: Math.max(all.lateSeconds ?? 0, situation.lateSeconds ?? 0),
    };
    if (["flowing", "no-mail-yet", "starting", "stopping"].includes(state)) continue;
    expect(order.indexOf(verdictOf(all).state)).toBeLessThanOrEqual(order.indexOf(state));
    if (state !== "part-waits") expect(verdictOf(all).state).toBe(state);
  }
});

const limits: readonly (readonly [string, Partial<typeof well>, State])[] = [
  ["a refusal of 15 minutes ago", { notables: [notable("refused-us", { last: start - 900_000 })] }, "flowing"],
  ["a refusal of just less", { notables: [notable("refused-us", { last: start - 899_999 })] }, "refused-us"],
  ["an object that was missing two hours ago", { notables: [notable("object-missing", { last: start - 7_200_000 })] }, "flowing"],
  ["a limit of SES half an hour ago", { notables: [notable("throttled", { last: start - 1_800_000 })] }, "flowing"],
  ["mail that takes ten minutes", { lateSeconds: 600 }, "flowing"],
  ["mail that takes more", { lateSeconds: 601 }, "late"],
  [
    "a stop, in which no queue is asked",
    { stopEndsAt: start + 1, domains: [{ ...(well.domains[0] as (typeof well.domains)[0]), state: "pauses" }] },
    "stopping",
  ],
];
for (const [what, more, state] of limits) {
  test(`verdictOf() of ${what} is ${state}`, () => {
    expect(verdictOf({ ...well, ...more }).state).toBe(state);
  });
}

test("verdictOf() says since when, what is safe, what was answered, what to do and when it is tried again", () => {
  const away = states.find(({ name }) => name === "the mail server is away");
  const verdict = verdictOf(away?.situation ?? well);
  expect(plainText(verdict.text)).toBe(
    "Since 03:03:18, for 11 min. 212 mails wait in the queue and none is lost. Work begins again by itself as soon as there is an answer.",
  );
  expect(verdict.facts.map(({ label, words }) => `${label}: ${plainText(words)}`)).toEqual([
    "It says: connect ECONNREFUSED 10.0.4.7:25",
    "Do this: start the mail server; check SMTP_HOST and SMTP_PORT",
    "Then: nothing. Next try in 18 s, then every 30 s at most",
  ]);
  expect([verdict.tryNow, verdict.help]).toEqual([true, "circuit"]);
});

test("verdictOf() counts the things to look at, worst first", () => {
  const situation = { ...well, ...twoThings };
  expect(plainText(verdictOf(well).text)).toBe("The last mail was in its mailbox 12 s ago, 0.6 s after SES took it. Nothing to look at.");
  expect(plainText(verdictOf(situation).text)).toEndWith("Two things to look at.");
  const things = thingsToLookAt(situation);
  expect(things.map(({ text }) => plainText(text))).toEqual([
    "3 mails are in the dead-letter queue of example.com.",
    "The rule row carol@example.com cannot be read in part, so a rule is off.",
  ]);
});

test("answers have the repairs of docs/operations.md, in its words", () => {
  const page = readFileSync(join(import.meta.dir, "../../docs/operations.md"), "utf8").replaceAll("\n", " ");
  for (const repair of allRepairs) expect(page).toContain(repair);
  expect(repairOfCircuit("connect ECONNREFUSED 10.0.4.7:25")?.repair).toContain("start the mail server");
  expect(repairOfCircuit("535 5.7.8 Error: authentication failed")?.repair).toContain("SMTP_PASSWORD");
  expect(repairOfCircuit("421 4.7.0 too many connections")?.repair).toContain("SMTP_POOL_SIZE");
  expect(repairOfCircuit("something else")).toBeNull();
  expect(repairOfRefusal("554 5.7.1 <a@b.test>: Relay access denied")?.repair).toContain("does not know the domain");
  expect(repairOfRefusal("550 5.7.1 rejected")?.repair).toContain("IP address of the worker");
});

test("the anchors of the verdict and of the things to look at are in docs/operations.md", () => {
  const page = readFileSync(join(import.meta.dir, "../../docs/operations.md"), "utf8");
  const headings = [...page.matchAll(/^#+ (.*)$/gm)].map(([, text = ""]) =>
    text
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, "")
      .replaceAll(" ", "-"),
  );
  const anchors = [...headings, ...[...page.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id)];
  const helps = states.flatMap(({ situation }) => [verdictOf(situation).help, ...thingsToLookAt(situation).map(({ help }) => help)]);
  for (const help of helps) if (help !== null) expect(anchors).toContain(help);
});

test("withoutAddresses() leaves no @ anywhere", () => {
  for (const { situation } of states) {
    const all = { ...situation, ...twoThings, notables: [...situation.notables, ...(twoThings.notables ?? [])] };
    expect(JSON.stringify(withoutAddresses(all))).not.toContain("@");
  }
  expect(hideAddresses("550 <a@b.test>: gone, see\tx@y")).toBe("550 [address] gone, see\t[address]");
});

const ages: readonly [number, string][] = [
  [0, "0 s"],
  [59.9, "59 s"],
  [60, "1 min"],
  [3599, "59 min"],
  [3 * 3600, "3 h"],
  [47 * 3600, "47 h"],
  [48 * 3600, "2 days"],
  [-5, "0 s"], // clocks differ
];
for (const [seconds, text] of ages) test(`ageText(${seconds}) is ${text}`, () => expect(ageText(seconds)).toBe(text));

test("spanText() and countText() write as people do", () => {
  expect([0.04, 0.62, 9.96, 61.6, 62, 120, 7200].map(spanText)).toEqual([
    "0.0 s",
    "0.6 s",
    "10 s",
    "1 min 2 s",
    "1 min 2 s",
    "2 min",
    "2 h",
  ]);
  expect([countText(1, "mail"), countText(0, "mail"), countText(8412, "mail")]).toEqual(["1 mail", "0 mails", "8,412 mails"]);
});

test("situationOf() puts the memory and the fleet together; domains of one queue are counted once", async () => {
  const memory = new PageMemory({ now: () => start });
  memory.note("example.com+1", await mailEvent({}));
  memory.circuit("ses", "open", "away");
  const view = {
    label: "example.com+1",
    loopAgeSeconds: 1,
    pollAgeSeconds: 4,
    inFlight: 3,
    queue: { visible: 5, inFlight: 3, delayed: 1 },
  };
  const sources = {
    ...{ version: "1", startedAt: 0, now: () => start, maxAgeSeconds: 60, nextProbeAt: () => null, stopEndsAt: () => null },
    ...{ sessions: () => ({ idle: 0, busy: 0, limit: 8 }), octets: () => ({ held: 0, most: 1 }), mailServer: "m:25" },
    ...{ featuresOff: [], deadLetters: () => [] },
    domains: () => [
      { ...view, domain: "example.com" },
      { ...view, domain: "another.com" },
      { ...view, label: "third.com", domain: "third.com", pollAgeSeconds: null, queue: null, inFlight: 0 },
    ],
  } as unknown as PageSources;
  const situation = situationOf(memory, sources);
  expect([situation.visible, situation.delayed, situation.inWork]).toEqual([5, 1, 3]);
  expect(situation.domains.map(({ state }) => state)).toEqual(["receives", "receives", "silent"]);
  expect(situation.lastDelivery).toEqual({ at: start, seconds: 0.6 });
  expect(situation.circuits.map(({ dependency }) => dependency)).toEqual(["ses"]);
  memory.circuit("ses", "closed", "");
  expect(situationOf(memory, sources).circuits).toEqual([]);
});
