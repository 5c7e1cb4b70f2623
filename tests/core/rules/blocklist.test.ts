import { describe, expect, test } from "bun:test";
import { type Address, blocklistCache, compileBlocklist, findBlock, openMail, sendersOf } from "@sesame/core";
import fc from "fast-check";
import {
  blocklistWarnings,
  compileBlocklistWithPauses,
  matchSenderWithPauses,
  nearestBlock,
} from "../../../packages/core/rules/blocklist.ts";
import { compileRow } from "../../../packages/core/rules/blocklist-row.ts";
import { compilePattern, foldText, toFoldedText } from "../../../packages/core/rules/pattern.ts";
import { firstMatch, indexPatterns } from "../../../packages/core/rules/pattern-index.ts";
import { finish, startWork } from "../../../packages/core/steps.ts";
import { busyTime } from "../../busy-time.ts";
import { naivelyMatches } from "../../fuzz/naive-pattern.ts";
import { longestStretch, maxStretchMs, stretchesOf } from "../../stretches.ts";

const mailOf = (header: string) => {
  const head = new TextEncoder().encode(`${header}\r\n\r\n`);
  return openMail(head, head.length);
};
const compile = (rows: readonly Readonly<{ key: string; patterns: unknown }>[]) =>
  compileBlocklist(new Map(rows.map(({ key, patterns }) => [key, patterns])));
const block = (patterns: unknown, from: string | null, header = "From: a@b.test") =>
  findBlock(compile([{ key: "a@x", patterns }]), sendersOf(from as Address | null, mailOf(header)));

const hits: [string, string, string | null, string, string][] = [
  ["the reverse-path, exact", "x@y.test", "x@y.test", "From: a@b.test", "x@y.test"],
  ["the reverse-path without its decoration", "me@b.test", "prvs=12ab=me@b.test", "From: a@c.test", "me@b.test"],
  ["the reverse-path with its decoration", "prvs=*", "prvs=12ab=me@b.test", "From: a@c.test", "prvs=12ab=me@b.test"],
  ["the first From", "*@b.test", "x@y.test", "From: A <a@B.test>", "a@B.test"],
  ["the second From", "evil*", null, "From: a@b.test\r\nFrom: evil@b.test", "evil@b.test"],
  ["the second mailbox", "c@d.test", null, "From: a@b.test, C <c@d.test>", "c@d.test"],
  ["Sender", "s@b.test", null, "From: a@b.test\r\nSender: s@b.test", "s@b.test"],
  ["any letters", "*@SPAM.com", "X@Spam.COM", "From: a@b.test", "X@Spam.COM"],
  ["a quoted local part", "john@x.test", '"John"@x.test', "From: a@b.test", '"John"@x.test'],
  ["a quoted local part as it is written", '"john"@*', '"John"@x.test', "From: a@b.test", '"John"@x.test'],
  ["an @ within quotes", "*@b@x.test", '"a@b"@x.test', "From: a@b.test", '"a@b"@x.test'],
  ["a domain with a final dot", "*@x.test", "a@x.test.", "From: a@b.test", "a@x.test."],
  ["a U-label by a U-label", "*@bücher.example", "a@BÜCHER.example", "From: a@b.test", "a@BÜCHER.example"],
  ["a U-label by an A-label", "*@xn--bcher-kva.example", "a@bücher.example", "From: a@b.test", "a@bücher.example"],
  ["an A-label by a U-label", "*@bücher.example", "a@xn--bcher-kva.example", "From: a@b.test", "a@xn--bcher-kva.example"],
  [
    "an A-label by a U-label with wildcards",
    "*@*.büch?r.example",
    "a@x.XN--bcher-kva.example",
    "From: a@b.test",
    "a@x.XN--bcher-kva.example",
  ],
  ["a decomposed letter", "*@bücher.example", "a@bu\u0308cher.example", "From: a@b.test", "a@bu\u0308cher.example"],
  ["everybody", "*", "a@x.test", "From: a@b.test", "a@x.test"],
  ["everybody who is in From, where the path is null", "*", null, "From: a@b.test", "a@b.test"],
];
for (const [what, pattern, path, header, matched] of hits) {
  test(`findBlock() blocks by ${what}`, () =>
    expect(block(["other@z.test", pattern], path, header)).toEqual({ pattern, row: "a@x", matched: matched as Address }));
}

const misses: [string, unknown, string | null, string?][] = [
  ["the null path, by a pattern that matches nothing", ["", "*@*"], null, "Subject: x"],
  ["the null path, by everything", ["*"], null, "Subject: x"],
  ["a display name", ["*ceo*"], null, 'From: "ceo@bank.test" <a@x.test>'],
  ["another subdomain", ["*@spam.com"], "a@mail.spam.com"],
  ["a longer domain", ["*@spam.com"], "a@spam.com.test"],
  ["a bare domain for a pattern", ["spam.com", "@spam.com"], "a@spam.com"],
  ["a pattern with a space", [" *@spam.com", "*@spam.com "], "a@spam.com"],
  ["what is no list", "a@x.test", "a@x.test"],
  ["what is no list either", { 0: "a@x.test" }, "a@x.test"],
  ["what is no text", [["a@x.test"], { pattern: "a@x.test" }, 7, null], "a@x.test"],
  ["a pattern that is too long", [`${"*".repeat(320)}a@x.test`], "a@x.test"],
  ["a row without patterns", [], "a@x.test"],
];
for (const [what, patterns, path, header] of misses) {
  test(`findBlock() does not block by ${what}`, () => expect(block(patterns, path, header)).toBeNull());
}

test("findBlock() names the nearest row, and the first of its patterns in each index", () => {
  const rows = [
    { key: "a+t@x", patterns: new Set(["*@c.test"]) },
    { key: "a@x", patterns: ["*@B.test", "*@b.test", "b*"] },
    { key: "*@x", patterns: ["bob@b.test"] },
  ];
  const find = (sender: string) => findBlock(compile(rows), [sender as Address]);
  expect(find("bob@b.test")).toEqual({ pattern: "*@B.test", row: "a@x", matched: "bob@b.test" as Address });
  expect(find("bob@c.test")?.row).toBe("a+t@x");
  expect(findBlock(compile(rows.slice(2)), ["bob@b.test" as Address])?.row).toBe("*@x");
});

test("compileBlocklist() keeps apart two rows that share their patterns, and does not see what its caller changes later", () => {
  const patterns = ["*@b.test"];
  for (const key of ["a@x", "c@x", "a@x"]) expect(findBlock(compile([{ key, patterns }]), ["b@b.test" as Address])?.row).toBe(key);
  const compiled = compile([{ key: "a@x", patterns }]);
  patterns[0] = "*@c.test";
  expect(findBlock(compiled, ["b@b.test" as Address])?.pattern).toBe("*@b.test");
  expect(findBlock(compile([{ key: "a@x", patterns }]), ["b@b.test" as Address])).toBeNull();
});

const warned: [string, unknown, string, string][] = [
  ["a bare domain", "spam.com", "useless", 'Write "*@spam.com"'],
  ["everybody", "*", "broad", "matches every sender"],
  ["a pattern without end", "*".repeat(321), "invalid", "at most 320 characters"],
  ["a number", 7, "invalid", "must be a text"],
  ["a list", ["a@x.test"], "invalid", "must be a text"],
  ["null", null, "invalid", "must be a text"],
];
for (const [what, pattern, kind, text] of warned) {
  test(`blocklistWarnings() tells of ${what}`, () => {
    const warnings = blocklistWarnings(compile([{ key: "a@x", patterns: ["fine@x.test", pattern] }]));
    expect(warnings).toEqual([{ kind: kind as "broad", key: "a@x", text: expect.stringContaining(text) }]);
  });
}

test("blocklistWarnings() tells of a row that is no list, and of none that does what it looks like", () => {
  for (const patterns of ["*@spam.com", 7, null, undefined, { a: "*@spam.com" }, true]) {
    const warnings = blocklistWarnings(compile([{ key: "a@x", patterns }]));
    expect(warnings).toEqual([{ kind: "invalid", key: "a@x", text: expect.stringMatching(/must be a list or set of texts, is /) }]);
  }
  expect(blocklistWarnings(compile([{ key: "a@x", patterns: new Set(["a@x.test", "*@x.test", "*spam*"]) }]))).toEqual([]);
});

test("F84 findBlock() uses all patterns of a row, and compares only those that share a piece of text with the sender", () => {
  const plain = Array.from({ length: 5000 }, (_, i) => (i % 2 === 0 ? `user${i}@x${i}.test` : `*@x${i}.test`));
  const wild = Array.from({ length: 60_000 }, (_, i) => `*a*b*@*.x${i}.test`);
  const list = compile([
    { key: "a@x", patterns: plain },
    { key: "*@x", patterns: wild },
  ]);
  expect([...list.rows.values()].map(({ exact, domains, wildcards }) => [exact.size, domains.size, wildcards.patterns.length])).toEqual([
    [2500, 2500, 0],
    [0, 0, 60_000],
  ]);
  expect(blocklistWarnings(list)).toEqual([]);
  const many = (count: number) => Array.from({ length: count }, (_, i) => `aabbaabb${i}@mail.y${i}.test` as Address);
  const busyMs = busyTime();
  expect(findBlock(list, many(10))).toBeNull();
  expect(findBlock(list, [...many(1000), "user4998@x4998.test" as Address])?.pattern).toBe("user4998@x4998.test");
  expect(findBlock(list, [...many(1000), "z@x4999.test" as Address])?.pattern).toBe("*@x4999.test");
  expect(findBlock(list, [...many(99), "ab@m.x59999.test" as Address])?.pattern).toBe("*a*b*@*.x59999.test");
  expect(busyMs()).toBeLessThan(3000); // comparing everything with everything takes a minute
});

test("F84 findBlock() ends in time where a row and a sender are made for each other", () => {
  const costly = Array.from({ length: 5000 }, (_, i) => `*${"a".repeat(72)}b${i}*`);
  const list = compile([
    { key: "a@x", patterns: costly },
    { key: "*@x", patterns: ["*z*@*.test"] },
  ]);
  const senders = Array.from({ length: 1000 }, (_, i) => `${"a".repeat(240)}${i}@x.test` as Address);
  const busyMs = busyTime();
  // The other rows are compared all the same, and what is found by look-up costs nothing.
  expect(findBlock(list, ["bob@x.test" as Address, ...senders, "z@y.test" as Address])?.pattern).toBe("*z*@*.test");
  expect(busyMs()).toBeLessThan(2000); // 200 s if each pattern were tried at each position
});

test("findBlock() compares a row of 5000 patterns with every address that a person's mail names", () => {
  const list = compile([{ key: "a@x", patterns: [...Array.from({ length: 4999 }, (_, i) => `*word${i}*`), "*last*"] }]);
  const senders = Array.from({ length: 5 }, (_, i) => `prvs=1234=some.longer.name${i}@mail.remote.test` as Address);
  expect(findBlock(list, [...senders, "last@x.test" as Address])?.pattern).toBe("*last*");
});

describe("X04 a row of any size", () => {
  const rowOf = (patterns: unknown) => new Map([["a@x", patterns]]);
  const copyOf = (patterns: readonly string[]) => JSON.parse(JSON.stringify(patterns)) as string[];
  const ordinary = Array.from({ length: 16_000 }, (_, i) => [`*@*.shop${i}.test`, `news${i}-*@x.test`, `*word${i}*`][i % 3] ?? "");

  test("X04 compileBlocklistWithPauses() compiles a row of 16,000 patterns once, whether it comes as a list or as a set", async () => {
    const cache = blocklistCache({ maxOctets: 64 << 20 });
    const compiled: unknown[] = [];
    const compileAgain = async (patterns: unknown) => {
      const { pauses } = await stretchesOf(async (pause) => {
        compiled.push((await compileBlocklistWithPauses(rowOf(patterns), { cache, pause })).rows.get("a@x"));
      });
      return pauses;
    };
    expect(await compileAgain(copyOf(ordinary))).toBeGreaterThan(10);
    expect(await compileAgain(copyOf(ordinary))).toBe(0);
    expect(await compileAgain(new Set(copyOf(ordinary)))).toBe(0);
    expect([compiled.length, new Set(compiled).size]).toEqual([3, 1]);
  });

  test("X04 firstMatch() compares an ordinary sender with hardly any of 16,000 wildcards", () => {
    const { wildcards } = finish(compileRow("a@x", ordinary, startWork()));
    for (const sender of ["friend.of.mine@mail.remote.test", "news@shop.test", "words@word.test"]) {
      const work = startWork();
      expect(finish(firstMatch(wildcards, [toFoldedText(sender)], work))).toBeUndefined();
      expect(work.done).toBeLessThan(2000); // comparing with each takes 64,000 and more
    }
  });

  test("X04 the cache finds a row only for the same items in the same order", () => {
    const cache = blocklistCache({ maxOctets: 1_000_000 });
    const keep = (key: string, items: unknown) => cache.keep(finish(compileRow(key, items, startWork())), items);
    const items = ["a@x", 7, null, "*b*"];
    keep("k", items);
    items[0] = "c@x"; // what the caller changes later is not seen
    expect(cache.find("k", items)).toBeNull();
    expect(cache.find("k", ["a@x", 7, null, "*b*"])?.patterns).toEqual(["a@x", "*b*"]);
    expect(cache.find("k", new Set(["a@x", 7, null, "*b*"]))?.patterns).toEqual(["a@x", "*b*"]);
    const others: unknown[] = [["a@x", 7, null], ["a@x", 7, null, "*b*", "c"], [7, "a@x", null, "*b*"], new Set(["a@x"]), "a@x", null, {}];
    for (const other of others) expect(cache.find("k", other)).toBeNull();
    expect(cache.find("other", ["a@x", 7, null, "*b*"])).toBeNull();
    keep("nested", ["a@x", ["b@x"]]);
    expect(cache.find("nested", ["a@x", ["b@x"]])).toBeNull();
  });

  test("X04 the cache keeps the rows that were used last, and no more than its octets", () => {
    const row = (n: number) => [`*word${n}*`, `user${n}@x.test`];
    const one = blocklistCache({ maxOctets: 1_000_000 });
    const keep = (cache: typeof one, n: number) => cache.keep(finish(compileRow(`k${n}`, row(n), startWork())), row(n));
    keep(one, 1);
    const cache = blocklistCache({ maxOctets: one.octets * 3 });
    for (const n of [1, 2, 3]) keep(cache, n);
    expect(cache.find("k1", row(1))).not.toBeNull();
    keep(cache, 4);
    expect([1, 2, 3, 4].filter((n) => cache.find(`k${n}`, row(n)) !== null)).toEqual([1, 3, 4]);
    for (let n = 0; n < 100; n++) keep(cache, n % 7);
    expect(cache.octets).toBe(one.octets * 3);
    const small = blocklistCache({ maxOctets: one.octets - 1 });
    keep(small, 1);
    expect([small.octets, small.find("k1", row(1))]).toEqual([0, null]);
  });

  // 400 KB of patterns and fifty addresses of a sender, made for each other. The last pattern blocks, and is not ignored.
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  const digits = (i: number) => i.toString(36);
  const fill = (pattern: (i: number) => string) => {
    const patterns: string[] = [];
    for (let octets = 0; octets < 400_000; octets += Buffer.byteLength(patterns.at(-1) ?? "")) patterns.push(pattern(patterns.length));
    return patterns;
  };
  const as = (i: number) => `${"a".repeat(240)}${i}@x.test`;
  const pick = (i: number) => letters[Math.floor(i) % 36];
  const hostile: [string, (i: number) => string, (i: number) => string][] = [
    ["stars between equal letters", (i) => `${"*a".repeat(1 + (i % 150))}*b${digits(i)}`, as],
    ["long texts that almost match", (i) => `*${"a".repeat(72)}b${i}*`, as],
    ["questions between equal letters", (i) => `*${"a?".repeat(130)}${digits(i)}*`, as],
    [
      "short segments with questions",
      (i) => `*a?a?a?b?${pick(i)}?${pick(i / 36)}?${pick(i / 1296)}*`,
      (i) => `${"ab".repeat(60)}${letters.repeat(3)}${i}@x.test`,
    ],
    ["negated sets", (i) => `*${"[!q]".repeat(60)}${digits(i)}q*`, (i) => `${letters.repeat(6)}${i}@x.test`],
    ["nothing but questions", (i) => "?".repeat(255 + (i % 60)), as],
    ["no literal text", (i) => `${"?*".repeat(i % 159)}${"?".repeat(i / 159)}[q]`, as],
    ["sets outside the BMP", (i) => `*${"[!🙂]".repeat(30)}${digits(i)}🙂*`, (i) => `${"🙃".repeat(59)}${i}@x.test`],
    [
      "letters in another order",
      (i) => `*${pick(i)}*${pick(i / 36)}*${pick(i / 1296)}*${pick(i / 46_656)}*#`,
      (i) => `${[...letters].reverse().join("").repeat(6)}#${i}@x.test`,
    ],
    ["three octets each", (i) => `${pick(i)}${pick(i / 36)}${pick(i / 1296)}`, as],
  ];
  for (const [what, pattern, sender] of hostile) {
    test(`X04 400 KB of patterns with ${what} stop nothing for 20 ms`, async () => {
      const patterns = [...fill(pattern), "*the-last-one*"];
      const senders = [...Array.from({ length: 50 }, (_, i) => sender(i)), "i.am.the-last-one@x.test"] as Address[];
      const longestMs = await longestStretch(async (pause) => {
        const list = await compileBlocklistWithPauses(rowOf(patterns), { cache: blocklistCache({ maxOctets: 64 << 20 }), pause });
        expect(nearestBlock(await matchSenderWithPauses(list, senders, pause), ["a@x"])?.pattern).toBe("*the-last-one*");
      });
      expect(longestMs).toBeLessThan(maxStretchMs);
    }, 120_000);
  }

  test("X04 the work of one mail is bounded, and a row that has used its share is still looked up", async () => {
    const patterns = [...fill((i) => `*${"[!q]".repeat(60)}${digits(i)}q*`), "*word*", "bob@y.test"];
    const crowd = Array.from({ length: 3000 }, (_, i) => `${letters.repeat(6)}${i}@x.test` as Address);
    const list = compile([{ key: "a@x", patterns }]);
    const senders = [...crowd, "word@x.test" as Address, "bob@y.test" as Address];
    const { pauses } = await stretchesOf(async (pause) => {
      expect(nearestBlock(await matchSenderWithPauses(list, senders, pause), ["a@x"])?.matched).toBe("bob@y.test" as Address);
    });
    expect(pauses).toBeLessThan(2500); // pieces of 100,000 units
  }, 60_000);

  test("X04 firstMatch() finds what comparing each pattern in turn finds", () => {
    const letter = fc.constantFrom(..."abc@.🙂é");
    const piece = fc.oneof(letter, letter, fc.constantFrom("*", "*", "?", "[ab]", "[!c]", "[🙂-🙃]", "["));
    const pattern = fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join(""));
    const text = fc.array(letter, { maxLength: 12 }).map((chars) => foldText(chars.join("")));
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 12 }), fc.array(text, { minLength: 1, maxLength: 3 }), (sources, texts) => {
        const index = finish(indexPatterns(sources.map(compilePattern), startWork()));
        const expected = sources.find((source) => texts.some((each) => naivelyMatches(foldText(source), each)));
        expect(finish(firstMatch(index, texts.map(toFoldedText), startWork()))?.source).toBe(expected as string);
      }),
      { numRuns: 5000 },
    );
  });
});
