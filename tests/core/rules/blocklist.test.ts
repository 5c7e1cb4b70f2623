import { expect, test } from "bun:test";
import { type Address, compileBlocklist, findBlock, openMail, sendersOf } from "@sesame/core";
import { blocklistWarnings } from "../../../packages/core/rules/blocklist.ts";
import { busyTime } from "../../busy-time.ts";

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

test("F84 findBlock() compares one by one only what no look-up finds, and no hostile sender makes that long", () => {
  const plain = Array.from({ length: 5000 }, (_, i) => (i % 2 === 0 ? `user${i}@x${i}.test` : `*@x${i}.test`));
  const wild = Array.from({ length: 6000 }, (_, i) => `*a*b*@*.x${i}.test`);
  const list = compile([
    { key: "a@x", patterns: plain },
    { key: "*@x", patterns: wild },
  ]);
  expect([...list.rows.values()].map(({ exact, domains, wildcards }) => [exact.size, domains.size, wildcards.length])).toEqual([
    [2500, 2500, 0],
    [0, 0, 5000],
  ]);
  expect(blocklistWarnings(list)).toMatchObject([{ kind: "invalid", text: expect.stringContaining("is 6000") }]);
  // Patterns whose ends do not fit are not even compared: of the row of wild ones none is, for this sender.
  expect(list.rows.get("*@x")?.wildcards.filter(({ head, tail }) => "ab@y.test".startsWith(head) && "ab@y.test".endsWith(tail))).toEqual(
    [],
  );
  const many = (count: number) => Array.from({ length: count }, (_, i) => `aabbaabb${i}@mail.y${i}.test` as Address);
  const busyMs = busyTime();
  expect(findBlock(list, many(10))).toBeNull();
  expect(findBlock(list, [...many(1000), "user4998@x4998.test" as Address])?.pattern).toBe("user4998@x4998.test");
  expect(findBlock(list, [...many(1000), "z@x4999.test" as Address])?.pattern).toBe("*@x4999.test");
  expect(findBlock(list, [...many(99), "ab@m.x4999.test" as Address])?.pattern).toBe("*a*b*@*.x4999.test");
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
  expect(busyMs()).toBeLessThan(2000); // 200 s for a hundred of them without a limit
});

test("findBlock() compares a row of 5000 patterns with every address that a person's mail names", () => {
  const list = compile([{ key: "a@x", patterns: [...Array.from({ length: 4999 }, (_, i) => `*word${i}*`), "*last*"] }]);
  const senders = Array.from({ length: 5 }, (_, i) => `prvs=1234=some.longer.name${i}@mail.remote.test` as Address);
  expect(findBlock(list, [...senders, "last@x.test" as Address])?.pattern).toBe("*last*");
});
