import { expect, test } from "bun:test";
import { type Address, compileBlocklist, findBlock, openMail, sendersOf } from "@sesame/core";
import { blocklistWarnings } from "../../../packages/core/rules/blocklist.ts";
import { plainForms } from "../../../packages/core/rules/sender.ts";
import { planOf } from "../sample.ts";

const mailOf = (header: string) => {
  const head = new TextEncoder().encode(`${header}\r\n\r\n`);
  return openMail(head, head.length);
};
const compile = (rows: readonly Readonly<{ key: string; patterns: unknown }>[]) =>
  compileBlocklist(new Map(rows.map(({ key, patterns }) => [key, patterns])));
const block = (patterns: unknown, from: string | null, header = "From: a@b.test") =>
  findBlock(compile([{ key: "a@x", patterns }]), sendersOf(from as Address | null, mailOf(header)));

const paths: [string, string[]][] = [
  ["me@b.test", []],
  ["me+tag@b.test", []],
  ["prvs=144d0cba7=me@b.test", ["me@b.test"]],
  ["PRVS=144D0CBA7=Me@B.test", ["Me@b.test"]],
  ["prvs=144d0cba7=a=b@b.test", ["a=b@b.test"]],
  ["msprvs1=18xyz=me@b.test", ["me@b.test"]],
  ["btv1==15b2c3==me@b.test", ["me@b.test"]],
  ["SRS0=HHH=TT=orig.test=me@fwd.test", ["me@orig.test"]],
  ["srs0+HHH=TT=orig.test=me@fwd.test", ["me@orig.test"]],
  ["SRS0-HHH=TT=orig.test=a=b@fwd.test", ["a=b@orig.test"]],
  ["SRS1=GGG=fwd.test==HHH=TT=orig.test=me@next.test", ["me@orig.test"]],
  ["SRS1=GGG=fwd.test=-HHH=TT=orig.test=me@next.test", ["me@orig.test"]],
  ["bounces+SRS=44ldt=IX=orig.test=me@fwd.test", ["me@orig.test"]],
  ["SRS0=HHH=TT=b.test=prvs=144d0cba7=me@fwd.test", ["prvs=144d0cba7=me@b.test", "me@b.test"]],
  ["list-bounces+alice=example.com@b.test", ["list-bounces@b.test"]],
  ["bounces+123-ab-alice=example.com@b.test", ["bounces@b.test"]],
  ["list-return-12-alice=example.com@b.test", ["list-return-12@b.test"]],
  ["me+caf_=alice=example.com@b.test", ["me@b.test"]],
  ["me=alice@b.test", []],
  ["prvs=144d0cba7=@b.test", []],
  ["SRS0=HHH=TT=orig.test=@b.test", []],
  ['"prvs=1=a b"@b.test', []],
];
for (const [path, expected] of paths) {
  test(`plainForms() takes the decoration off ${path}`, () => expect(plainForms(path as Address) as readonly string[]).toEqual(expected));
}

const senders: [string, string | null, string, string[]][] = [
  ["the reverse-path, as it came and plain", "prvs=1=me@b.test", "From: x@y.test", ["prvs=1=me@b.test", "me@b.test", "x@y.test"]],
  ["nobody for the null path", null, "From: x@y.test", ["x@y.test"]],
  ["every mailbox of every From field", null, "From: a@b.test, C <c@d.test>\r\nFrom: e@f.test", ["a@b.test", "c@d.test", "e@f.test"]],
  ["Sender", null, "From: a@b.test\r\nSender: s@t.test", ["a@b.test", "s@t.test"]],
  ["each address once", "a@b.test", "From: a@b.test\r\nSender: <a@b.test>", ["a@b.test"]],
  ["an address behind an encoded word", null, "From: =?utf-8?Q?=3Ch=40x=2Etest=3E?= <a@b.test>", ["a@b.test", "h@x.test"]],
  ["an address that is an encoded word", null, "From: =?utf-8?B?aEB4LnRlc3Q=?=", ["h@x.test"]],
  ["a group", null, "From: Team: a@b.test, C <c@d.test>;", ["a@b.test", "c@d.test"]],
  ["an address with comments in it", null, "From: <a(x)@(y)b.test> (z)", ["a@b.test"]],
  ["an address in pieces", null, "From: a\r\n @ b . test", ["a@b.test"]],
  ["an address without its brackets", null, "From: Bob a@b.test", ["a@b.test"]],
  ["an address behind a bare CR", null, "From: a@b.test\rX-Evil: 1", ["a@b.test"]],
  ["no display name", null, 'From: "ceo@bank.test" <a@b.test>', ["a@b.test"]],
  ["no encoded display name", null, "From: =?utf-8?Q?ceo=40bank=2Etest?= <a@b.test>", ["a@b.test"]],
  ["nobody of To, Reply-To and Cc", null, "To: a@b.test\r\nReply-To: c@d.test\r\nCc: e@f.test", []],
];
for (const [what, path, header, expected] of senders) {
  test(`sendersOf() names ${what}`, () => expect(sendersOf(path as Address | null, mailOf(header)) as readonly string[]).toEqual(expected));
}

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
  ["a domain behind an @", "@spam.com", "useless", 'Write "*@spam.com"'],
  ["a local part alone", "user@", "useless", 'Write "user@*"'],
  ["an empty domain behind a star", "*@", "useless", 'Write "*@*"'],
  ["nothing", "", "useless", "must not be empty"],
  ["a space before it", " *@spam.com", "useless", 'Write "*@spam.com"'],
  ["a line end behind it", "*@spam.com\n", "useless", 'Write "*@spam.com"'],
  ["a display name with its address", "Bob <bob@spam.com>", "useless", 'Write "bob@spam.com"'],
  ["a display name", "Bob Spam", "useless", "display name"],
  ["two in one", "a@spam.com, b@spam.com", "useless", "Store each by itself"],
  ["a dot where a subdomain is meant", "*@.spam.com", "useless", 'Write "*@*.spam.com"'],
  ["everybody", "*", "broad", "matches every sender"],
  ["everybody with an @", "*@*", "broad", "matches every sender"],
  ["everybody in other words", "**?*@?*", "broad", "matches every sender"],
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
    expect(warnings).toEqual([
      { kind: "invalid", key: "a@x", text: expect.stringMatching(/must be a list or set of texts, is /) },
    ]);
  }
  const fine = [
    "a@x.test",
    "*@x.test",
    "*x.test",
    "spam*",
    "*spam*",
    "[!a]*@x.test",
    "*[@.]x.test",
    "a?c@x.test",
    '"a b"@x.test',
    "[",
    "*@[[]192.0.2.1]",
  ];
  expect(blocklistWarnings(compile([{ key: "a@x", patterns: new Set(fine) }]))).toEqual([]);
});

test("F84 findBlock() compares one by one only what no look-up finds, and no hostile sender makes that long", () => {
  const plain = Array.from({ length: 5000 }, (_, i) => (i % 2 === 0 ? `user${i}@x${i}.test` : `*@x${i}.test`));
  const wild = Array.from({ length: 6000 }, (_, i) => `*a*b*@*.x${i}.test`);
  const list = compile([
    { key: "a@x", patterns: plain },
    { key: "*@x", patterns: wild },
  ]);
  expect([...list.rows.values()].map(({ exact, domains, others }) => [exact.size, domains.size, others.length])).toEqual([
    [2500, 2500, 0],
    [0, 0, 5000],
  ]);
  expect(blocklistWarnings(list)).toMatchObject([{ kind: "invalid", text: expect.stringContaining("is 6000") }]);
  // Patterns whose ends do not fit are not even compared: of the row of wild ones none is, for this sender.
  expect(list.rows.get("*@x")?.others.filter(({ head, tail }) => "ab@y.test".startsWith(head) && "ab@y.test".endsWith(tail))).toEqual([]);
  const many = (count: number) => Array.from({ length: count }, (_, i) => `aabbaabb${i}@mail.y${i}.test` as Address);
  const began = performance.now();
  expect(findBlock(list, many(10))).toBeNull();
  expect(findBlock(list, [...many(1000), "user4998@x4998.test" as Address])?.pattern).toBe("user4998@x4998.test");
  expect(findBlock(list, [...many(1000), "z@x4999.test" as Address])?.pattern).toBe("*@x4999.test");
  expect(findBlock(list, [...many(99), "ab@m.x4999.test" as Address])?.pattern).toBe("*a*b*@*.x4999.test");
  expect(performance.now() - began).toBeLessThan(3000); // comparing everything with everything takes a minute
});

test("F84 findBlock() ends in time where a row and a sender are made for each other", () => {
  const costly = Array.from({ length: 5000 }, (_, i) => `*${"a".repeat(72)}b${i}*`);
  const list = compile([
    { key: "a@x", patterns: costly },
    { key: "*@x", patterns: ["*z*@*.test"] },
  ]);
  const senders = Array.from({ length: 1000 }, (_, i) => `${"a".repeat(240)}${i}@x.test` as Address);
  const began = performance.now();
  // The other rows are compared all the same, and what is found by look-up costs nothing.
  expect(findBlock(list, ["bob@x.test" as Address, ...senders, "z@y.test" as Address])?.pattern).toBe("*z*@*.test");
  expect(performance.now() - began).toBeLessThan(2000); // 200 s for a hundred of them without a limit
});

test("findBlock() compares a row of 5000 patterns with every address that a person's mail names", () => {
  const list = compile([{ key: "a@x", patterns: [...Array.from({ length: 4999 }, (_, i) => `*word${i}*`), "*last*"] }]);
  const senders = Array.from({ length: 5 }, (_, i) => `prvs=1234=some.longer.name${i}@mail.remote.test` as Address);
  expect(findBlock(list, [...senders, "last@x.test" as Address])?.pattern).toBe("*last*");
});

test("plan() blocks for one recipient and not for another, and says of a pattern that blocks everybody", async () => {
  const { courses } = await planOf({
    to: ["alice@example.com", "bob+t@example.com", "carol@example.com", "eve@example.com"],
    header: "From: s@remote.test\r\n",
    from: null,
    blocked: {
      "alice@example.com": ["*@other.test", "remote.test"],
      "bob@example.com": new Set(["s@*"]),
      "carol@example.com": ["*"],
      "eve@example.com": "s@remote.test",
    },
  });
  expect(courses).toMatchObject([
    { kind: "serve", recipient: "alice@example.com", warnings: [{ kind: "rule-invalid", table: "blocked", key: "alice@example.com" }] },
    { kind: "block", recipient: "bob+t@example.com", pattern: "s@*", row: "bob@example.com", matched: "s@remote.test", warnings: [] },
    { kind: "block", recipient: "carol@example.com", pattern: "*", warnings: [{ kind: "blocks-everybody", key: "carol@example.com" }] },
    { kind: "serve", recipient: "eve@example.com", warnings: [{ kind: "rule-invalid", table: "blocked", key: "eve@example.com" }] },
  ]);
});
