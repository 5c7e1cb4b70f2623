// Who may be meant by the sender: what is inside a decorated path, who is blocked, and whom the reply memory knows.

import { expect, test } from "bun:test";
import { type Address, type AddressKey, openMail, parseAddress, sendersOf } from "@sesame/core";
import { countedSenderOf, embeddedAddresses, rememberedSenderOf } from "../../../packages/core/rules/sender.ts";

const mailOf = (header: string) => {
  const head = new TextEncoder().encode(`${header}\r\n\r\n`);
  return openMail(head, head.length);
};

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
  test(`embeddedAddresses() takes the decoration off ${path}`, () =>
    expect(embeddedAddresses(path as Address) as readonly string[]).toEqual(expected));
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

const remembered: readonly (readonly [why: string, path: string, from: string, key: string])[] = [
  ["it is an ordinary path", "Bob@Remote.TEST", "x@y.test", "bob@remote.test"],
  ["it has a tag, which may be another person's", "bob+news@remote.test", "bob@remote.test", "bob+news@remote.test"],
  ["it is signed with BATV", "prvs=1234abcdef=bob@remote.test", "x@y.test", "bob@remote.test"],
  ["it is signed with BATV of the next day", "prvs=2234fedcba=bob@remote.test", "x@y.test", "bob@remote.test"],
  ["it is rewritten by SRS", "SRS0=hmc8=v7=remote.test=bob@forwarder.test", "x@y.test", "bob@remote.test"],
  [
    "SES made it",
    "0101019b8e3f0000-11111111-2222-3333-4444-555555555555-000000@eu-west-1.amazonses.com",
    "Bob <bob@remote.test>",
    "bob@remote.test",
  ],
  [
    "X13 it has SES's form on another domain, so that anybody may have written it",
    "0101019b8e3f0000-11111111-2222-3333-4444-555555555555-000000@bounce.remote.test",
    "bob@remote.test",
    "0101019b8e3f0000-11111111-2222-3333-4444-555555555555-000000@bounce.remote.test",
  ],
  [
    "X13 it has SES's form on a look-alike of SES's domain",
    "0101019b8e3f0000-11111111-2222-3333-4444-555555555555-000000@amazonses.com.evil.test",
    "bob@remote.test",
    "0101019b8e3f0000-11111111-2222-3333-4444-555555555555-000000@amazonses.com.evil.test",
  ],
  [
    "SES made it and several people wrote",
    "0101019b8e3f0000-11111111-2222-3333-4444-555555555555-000000@amazonses.com",
    "a@x.test, b@x.test",
    "0101019b8e3f0000-11111111-2222-3333-4444-555555555555-000000@amazonses.com",
  ],
];
for (const [why, path, from, key] of remembered) {
  test(`rememberedSenderOf() gives ${key.slice(0, 40)} when ${why}`, () => {
    const octets = new TextEncoder().encode(`From: ${from}\r\n\r\n`);
    const parsed = parseAddress(path);
    if (!parsed.ok) throw new Error(parsed.error);
    expect(rememberedSenderOf(parsed.value, openMail(octets, octets.length))).toBe(key as AddressKey);
  });
}

const counted: readonly (readonly [why: string, path: string, key: string])[] = [
  ["of an ordinary path", "Bob@Remote.TEST", "bob@remote.test"],
  ["without the tag", "bob+news@remote.test", "bob@remote.test"],
  ["of a path that is signed anew each day", "prvs=1234abcdef=bob+x@remote.test", "bob@remote.test"],
  ["of a path that two hosts rewrote", "SRS0=hmc8=v7=remote.test=bob@forwarder.test", "bob@remote.test"],
  [
    "of a path of SES, whatever From says",
    "0101019b8e3f0000-11111111-2222-3333-4444-555555555555-000000@amazonses.com",
    "0101019b8e3f0000-11111111-2222-3333-4444-555555555555-000000@amazonses.com",
  ],
];
for (const [why, path, key] of counted) {
  test(`X13 countedSenderOf() gives ${key.slice(0, 40)} ${why}`, () => {
    const parsed = parseAddress(path);
    if (!parsed.ok) throw new Error(parsed.error);
    expect(countedSenderOf(parsed.value)).toBe(key as AddressKey);
  });
}
