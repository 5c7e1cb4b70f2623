// Blocklist: is this sender on a list of 5,000 patterns? Each answer indexes a list that it sees for the first time. Against
// trying each pattern with picomatch, and as a regular expression. A list that was seen before, as the worker keeps it, against
// an index made for each mail. And one pattern that somebody wrote badly: as a regular expression it takes a time that grows
// with a power of its stars.

import { type Address, blocklistCache, compileBlocklist, findBlock, noPause } from "@sesame/core";
import { compileBlocklistWithPauses } from "@sesame/core/rules";
import picomatch from "picomatch";
import { type Bench, compare, type Row, type Scale, type Taken, timed } from "./compare.ts";

type Answer = (patterns: readonly string[], sender: string) => boolean;

export const blocklist: Bench = {
  name: "blocklist",
  about: "asking 5,000 patterns about a sender, against trying each of them with picomatch or as a regular expression",
  run: async (scale) => [
    await rowOf(scale, "picomatch for each pattern", byPicomatch),
    await rowOf(scale, "a regular expression for each", byRegExp),
    await knownRow(scale),
    await starsRow(scale),
  ],
};

/** As users write them: addresses, domains, and a few that are neither. */
export function patternsOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => {
    if (i % 20 === 0) return `news-*@mail${i}.shop.test`;
    return i % 3 === 0 ? `*@domain${i}.test` : `person${i}@remote.test`;
  });
}

/** Three whom the last pattern of each kind blocks, so that no way is lucky, and three whom nothing blocks. */
export function sendersOf(patterns: readonly string[]): readonly string[] {
  const blocked = ["news-", "*@", "person"].map((start) => patterns.findLast((pattern) => pattern.startsWith(start)) ?? "");
  return [...blocked.map((pattern) => pattern.replace("*", "anybody")), "friend@remote.test", "news@domain.test", "person5@another.test"];
}

function rowOf(scale: Scale, otherWay: string, other: Answer): Promise<Row> {
  const count = scale === "tiny" ? 100 : 5000;
  const patterns = patternsOf(count);
  const senders = sendersOf(patterns);
  return compare({
    what: `a sender and ${count.toLocaleString("en-US")} patterns`,
    unit: "ms",
    better: "less",
    rounds: scale === "tiny" ? 1 : 9,
    warmUps: scale === "tiny" ? 0 : 3,
    expected: [true, true, true, false, false, false],
    ours: () => answers(byIndex, patterns, senders),
    otherWay,
    other: () => answers(other, patterns, senders),
  });
}

/** Milliseconds for one sender. Each meets a list of its own, as each mail does. */
async function answers(answer: Answer, patterns: readonly string[], senders: readonly string[]): Promise<Taken<readonly boolean[]>> {
  const lists = senders.map((sender) => [sender, [...patterns]] as const);
  const { figure, result } = await timed(() => lists.map(([sender, list]) => answer(list, sender)));
  return { figure: figure / senders.length, result };
}

const mailbox = "alice@example.com";

/** A row that does not change, of 16,000 patterns with wildcards (320 KB). The table gives new texts in each answer. */
async function knownRow(scale: Scale): Promise<Row> {
  const count = scale === "tiny" ? 100 : 16_000;
  const patterns = Array.from({ length: count }, (_, i) => [`*@*.shop${i}.test`, `news${i}-*@x.test`, `*word${i}*`][i % 3] ?? "");
  const senders = ["friend@remote.test", `anybody@mail.shop${count - (count % 3) - 3}.test`, "news@domain.test"];
  const cache = blocklistCache({ maxOctets: 64 << 20 });
  const pause = noPause;
  const lists = () => senders.map((sender) => [sender as Address, new Map([[mailbox, JSON.parse(JSON.stringify(patterns))]])] as const);
  const take = (blocks: (rows: ReadonlyMap<string, unknown>, sender: Address) => Promise<boolean>) => async () => {
    const fresh = lists();
    const { figure, result } = await timed(() => Promise.all(fresh.map(([sender, rows]) => blocks(rows, sender))));
    return { figure: figure / senders.length, result };
  };
  return compare({
    what: `a sender and ${count.toLocaleString("en-US")} wildcards of a known row`,
    unit: "ms",
    better: "less",
    rounds: scale === "tiny" ? 1 : 9,
    warmUps: scale === "tiny" ? 0 : 3,
    expected: [false, true, false],
    ours: take(async (rows, sender) => findBlock(await compileBlocklistWithPauses(rows, { cache, pause }), [sender]) !== null),
    otherWay: "compiled for each mail",
    other: take(async (rows, sender) => findBlock(compileBlocklist(rows), [sender]) !== null),
  });
}

function byIndex(patterns: readonly string[], sender: string): boolean {
  return findBlock(compileBlocklist(new Map([[mailbox, patterns]])), [sender as Address]) !== null;
}

function byPicomatch(patterns: readonly string[], sender: string): boolean {
  return patterns.some((pattern) => picomatch.isMatch(sender, pattern, { nocase: true, dot: true }));
}

function byRegExp(patterns: readonly string[], sender: string): boolean {
  return patterns.some((pattern) => regExpOf(pattern).test(sender));
}

function regExpOf(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|\\[\]]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "is");
}

/** Six stars on a long local part that lacks the last letter. */
function starsRow(scale: Scale): Promise<Row> {
  const [pattern, sender] = ["*a*a*a*a*a*b@remote.test", `${"a".repeat(scale === "tiny" ? 12 : 60)}@remote.test`];
  const senders = Array<string>(10).fill(sender); // ours takes microseconds
  const take = (answer: Answer) => () => answers(answer, [pattern], senders);
  const rounds = scale === "tiny" ? { rounds: 1, warmUps: 0 } : { rounds: 5, warmUps: 3 };
  const ways = { ours: take(byIndex), otherWay: "a regular expression", other: take(byRegExp) };
  return compare({ what: "a pattern of six stars", unit: "ms", better: "less", ...rounds, expected: senders.map(() => false), ...ways });
}
