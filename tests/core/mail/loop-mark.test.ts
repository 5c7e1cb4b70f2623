import { expect, test } from "bun:test";
import { type Address, type EpochMs, openMail } from "@sesame/core";
import fc from "fast-check";
import { hasMarkOf, loopMark, loopMarksIn, type MarkedMail, readLoopMarks } from "../../../packages/core/mail/loop-mark.ts";
import { busyTime } from "../../busy-time.ts";

const key = new Uint8Array(32).fill(7);
const receivedAt = Date.parse("2026-01-05T12:00:00Z") as EpochMs;
const [alice, carol] = ["alice@example.com", "carol@example.com"] as [Address, Address];
const marked: MarkedMail = { address: alice, target: "x@other.test" as Address, mailId: "bucket/1", receivedAt };
const markOf = (more: Partial<Record<keyof MarkedMail, unknown>> = {}, by = key) => loopMark(by, { ...marked, ...more } as MarkedMail);
const mark = markOf();
/** As versions wrote it that named no target and no instant. */
const formerMark = "alice@example.com; id=683fd6a5b0a6775ab0f04ac26f0a5e30; hop=1; mac=cb77e8f1f366cc003474a796c8cf9d87";
const formerKey = new TextEncoder().encode("sesame explain: not a secret    ");
const blockOf = (...fields: readonly string[]) => {
  const octets = new TextEncoder().encode(`Subject: x\r\n${fields.map((field) => `X-Loop: ${field}\r\n`).join("")}\r\n`);
  return openMail(octets, octets.length).block;
};
const read = (...fields: readonly string[]) => {
  const { valid, forged } = readLoopMarks(key, blockOf(...fields));
  return valid.length > 0 ? "ours" : forged ? "forged" : "none";
};
const caps = (text: string) => text.toUpperCase().replace(/(ID|HOP|TO|AT|MAC)=/g, (name) => name.toLowerCase());

const ours: [string, string[]][] = [
  ["as it was written", [mark]],
  ["folded by a host on the way", [mark.replaceAll("; ", ";\r\n\t")]],
  ["without blanks", [mark.replaceAll("; ", ";")]],
  ["with many blanks", [mark.replaceAll("; ", `${" ".repeat(50)};\t`)]],
  ["in capitals", [caps(mark)]],
  ["among fields of other programs", ["list@other.test", mark, "x"]],
  ["beside a forged one", [mark.replace("hop=1", "hop=2"), mark]],
  ["of an address with a tag", [markOf({ address: "alice+x@example.com" })]],
  ["of a quoted local part", [markOf({ address: '"a  b; c"@example.com' })]],
  ["of a quoted local part whose blanks were folded", [markOf({ address: '"a  b"@example.com' }).replace("a  b", "a b")]],
  ["to a quoted local part", [markOf({ target: '"a; to=b; at=1"@other.test' })]],
];
for (const [why, fields] of ours) test(`readLoopMarks() knows our mark ${why}`, () => expect(read(...fields)).toBe("ours"));

test("X15 readLoopMarks() says who sent the mail and when, to the second", () => {
  const at = receivedAt + 1_234;
  const { valid, forged } = readLoopMarks(key, blockOf(markOf({ receivedAt: at })));
  expect([valid, forged]).toEqual([[{ address: alice, at: (receivedAt + 1000) as EpochMs }], false]);
});

test("X15 readLoopMarks() reads the marks of earlier versions, which name no target and no instant", () => {
  expect(readLoopMarks(formerKey, blockOf(formerMark)).valid).toEqual([{ address: alice, at: null }]);
  expect(readLoopMarks(key, blockOf(formerMark))).toEqual({ valid: [], forged: true });
});

const day = 86_400_000;
const concerned: readonly (readonly [why: string, field: string, address: Address, after: number, expected: boolean])[] = [
  ["it names the address", mark, alice, 0, true],
  ["it names the mailbox of a tag", mark, "Alice+shop@example.com" as Address, 0, true],
  ["it names a tag of the mailbox", markOf({ address: "alice+shop@example.com" }), alice, 0, true],
  ["it names another address", mark, carol, 0, false],
  ["it names the address as the target", markOf({ target: carol }), carol, 0, false],
  ["it is 14 days old", mark, alice, 14 * day, true],
  ["it is older", mark, alice, 14 * day + 1, false],
  ["it is of a clock that is ahead", mark, alice, -day, true],
];
for (const [why, field, address, after, expected] of concerned) {
  test(`X15 hasMarkOf() says ${expected} when ${why}`, () =>
    expect(hasMarkOf(address, readLoopMarks(key, blockOf(field)), (receivedAt + after) as EpochMs)).toBe(expected));
}

test("X15 hasMarkOf() takes a mark of an earlier version at any age, and for its address alone", () => {
  const marks = readLoopMarks(formerKey, blockOf(formerMark));
  const late = (receivedAt + 1000 * day) as EpochMs;
  expect([hasMarkOf(alice, marks, late), hasMarkOf(carol, marks, late)]).toEqual([true, false]);
});

test("loopMarksIn() keeps marks of both forms, whoever made them, and nothing else", () => {
  const foreign = markOf({}, new Uint8Array(32));
  const block = blockOf("list@other.test", mark.replaceAll("; ", ";\r\n "), formerMark, foreign, mark, "x; mac=1");
  expect(loopMarksIn(block)).toEqual([mark, formerMark, foreign]);
});

const others: [string, string[], string][] = [
  ["there is no X-Loop", [], "none"],
  ["it is of another program", ["alice@example.com"], "none"],
  ["it is empty", [""], "none"],
  ["another key made it", [markOf({}, new Uint8Array(32))], "forged"],
  ["it was moved to another address", [mark.replace("alice", "carol")], "forged"],
  ["its id was changed", [mark.replace(/id=./, "id=z")], "forged"],
  ["its hop was changed", [mark.replace("hop=1", "hop=0")], "forged"],
  ["its target was changed", [mark.replace(/ to=[0-9a-f]/, (text) => (text.endsWith("0") ? " to=1" : " to=0"))], "forged"],
  ["its instant was changed", [mark.replace(/at=\d/, "at=2")], "forged"],
  ["target and instant were left out", [mark.replace(/ to=.*at=\d+;/, "")], "forged"],
  ["its mac is cut", [mark.slice(0, -1)], "forged"],
  ["its mac is empty", [mark.replace(/mac=.*/, "mac=")], "forged"],
  ["something follows it", [`${mark} and more`], "forged"],
];
for (const [why, fields, expected] of others)
  test(`readLoopMarks() says ${expected} when ${why}`, () => expect(read(...fields)).toBe(expected as never));

test("loopMark() is the same in every attempt, and differs by address, target, mail, instant and key", () => {
  expect(markOf()).toBe(mark);
  const others = [{ address: carol }, { target: carol }, { mailId: "bucket/2" }, { receivedAt: receivedAt + 1000 }].map((more) =>
    markOf(more),
  );
  const marks = [mark, ...others, markOf({}, new Uint8Array(32))];
  expect(new Set(marks.map((one) => one.replace(/.*mac=/, ""))).size).toBe(6);
});

test("X15 loopMark() does not show the target, which may be a private address", () => {
  expect(mark).not.toMatch(/x@|other\.test/);
});

test("F80 readLoopMarks() believes no field that anybody could write", () => {
  const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(hex, fc.nat(999), hex, fc.constantFrom("alice@example.com", "", " ", "x"), (id, hop, mac, address) => {
      expect(read(`${address}; id=${id}; hop=${hop}; mac=${mac}`)).not.toBe("ours");
      expect(read(`${address}; id=${id}; hop=${hop}; to=0123456789abcdef; at=1767614400; mac=${mac}`)).not.toBe("ours");
    }),
  );
});

test("readLoopMarks() takes no longer for a field made to be slow", () => {
  const busyMs = busyTime();
  for (const field of [`${"x ".repeat(30_000)};`, `${" ;".repeat(30_000)}mac=`, `x${";id=".repeat(15_000)}`]) read(field);
  read(...Array(900).fill(`x${" ".repeat(60)};${" mac=".repeat(20)}`));
  expect(busyMs()).toBeLessThan(500);
});
