import { expect, test } from "bun:test";
import { type MailId, openMail } from "@sesame/core";
import fc from "fast-check";
import { loopMark, readLoopMark } from "../../../packages/core/mail/loop-mark.ts";
import { busyTime } from "../../busy-time.ts";

const key = new Uint8Array(32).fill(7);
const mailId = "bucket/1" as MailId;
const mark = loopMark(key, "alice@example.com", mailId);
const read = (...fields: readonly string[]) => {
  const octets = new TextEncoder().encode(`Subject: x\r\n${fields.map((field) => `X-Loop: ${field}\r\n`).join("")}\r\n`);
  return readLoopMark(key, openMail(octets, octets.length).block);
};

const ours: [string, string[]][] = [
  ["as it was written", [mark]],
  ["folded by a host on the way", [mark.replaceAll("; ", ";\r\n\t")]],
  ["without blanks", [mark.replaceAll("; ", ";")]],
  ["in capitals", [mark.toUpperCase().replace("ID=", "id=").replace("HOP=", "hop=").replace("MAC=", "mac=")]],
  ["among fields of other programs", ["list@other.test", mark, "x"]],
  ["beside a forged one", [mark.replace("hop=1", "hop=2"), mark]],
  ["of an address with a tag", [loopMark(key, "alice+x@example.com", mailId)]],
  ["of a quoted local part", [loopMark(key, '"a  b; c"@example.com', mailId)]],
  ["of a quoted local part whose blanks were folded", [loopMark(key, '"a  b"@example.com', mailId).replace("a  b", "a b")]],
];
for (const [why, fields] of ours) test(`readLoopMark() knows our mark ${why}`, () => expect(read(...fields)).toBe("ours"));

const others: [string, string[], string][] = [
  ["there is no X-Loop", [], "none"],
  ["it is of another program", ["alice@example.com"], "none"],
  ["it is empty", [""], "none"],
  ["another key made it", [loopMark(new Uint8Array(32), "alice@example.com", mailId)], "forged"],
  ["it was moved to another address", [mark.replace("alice", "carol")], "forged"],
  ["its id was changed", [mark.replace(/id=./, "id=z")], "forged"],
  ["its hop was changed", [mark.replace("hop=1", "hop=0")], "forged"],
  ["its mac is cut", [mark.slice(0, -1)], "forged"],
  ["its mac is empty", [mark.replace(/mac=.*/, "mac=")], "forged"],
  ["something follows it", [`${mark} and more`], "forged"],
];
for (const [why, fields, expected] of others)
  test(`readLoopMark() says ${expected} when ${why}`, () => expect(read(...fields)).toBe(expected as never));

test("loopMark() is the same in every attempt, and differs by mail, address and key", () => {
  expect(loopMark(key, "alice@example.com", mailId)).toBe(mark);
  const marks = [
    mark,
    loopMark(key, "carol@example.com", mailId),
    loopMark(key, "alice@example.com", "bucket/2" as MailId),
    loopMark(new Uint8Array(32), "alice@example.com", mailId),
  ];
  expect(new Set(marks.map((one) => one.replace(/.*mac=/, ""))).size).toBe(4);
});

test("F80 readLoopMark() believes no field that anybody could write", () => {
  const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(hex, fc.nat(999), hex, fc.constantFrom("alice@example.com", "", " ", "x"), (id, hop, mac, address) => {
      expect(read(`${address}; id=${id}; hop=${hop}; mac=${mac}`)).not.toBe("ours");
    }),
  );
});

test("readLoopMark() takes no longer for a field made to be slow", () => {
  const busyMs = busyTime();
  for (const field of [`${"x ".repeat(30_000)};`, `${" ;".repeat(30_000)}mac=`, `x${";id=".repeat(15_000)}`]) read(field);
  expect(busyMs()).toBeLessThan(500);
});
