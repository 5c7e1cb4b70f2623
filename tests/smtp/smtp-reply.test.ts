// Replies and options: what is a reply, however the network cuts it, and what is a name to greet with.

import { describe, expect, test } from "bun:test";
import { defaultEhloName, isEhloName } from "@sesame/smtp";
import { ReplyReader, replyOf } from "../../packages/smtp/smtp-reply.ts";

describe("replyOf()", () => {
  const good: [string, number, string][] = [
    ["250 ok", 250, "250 ok"],
    ["250", 250, "250"],
    ["250-a\n250 b", 250, "250 a b"],
    ["550-5.1.1 <a@b> unknown\n550 5.1.1 really", 550, "550 5.1.1 <a@b> unknown really"],
    ["550-5.1.1 a\n550 5.7.1 b", 550, "550 5.1.1 a 5.7.1 b"],
    ["354 go", 354, "354 go"],
    ["550 a\tb\x07c", 550, "550 a b c"],
    [`550 ${"x".repeat(9000)}`, 550, `550 ${"x".repeat(495)}…`],
  ];
  for (const [lines, code, line] of good) {
    test(`replyOf() reads ${JSON.stringify(lines.slice(0, 40))}`, () => {
      expect(replyOf(lines.split("\n"))).toEqual({ code, line });
    });
  }

  const bad = [
    "",
    "2500 ok",
    "25 ok",
    "ok",
    "250_ok",
    "150 early",
    "650 what",
    "250-a\n251 b",
    "250 a\n250 b",
    "250-a\n250-b",
    "SSH-2.0-OpenSSH_9.2",
    " 250 ok",
  ];
  for (const lines of bad) {
    test(`replyOf() understands nothing of ${JSON.stringify(lines)}`, () => {
      expect(replyOf(lines.split("\n")).code).toBe(0);
    });
  }
});

describe("ReplyReader.read()", () => {
  test("read() gives the same replies however the octets are cut", () => {
    const wire = Buffer.from("250-mx\r\n250-SIZE 5\r\n250 HELP\r\n550 5.1.1 j\xc3\xbcrgen\r\n250 lf only\n354\r\n", "latin1");
    const whole = new ReplyReader(1000).read(wire);
    expect(whole.map(({ line }) => line)).toEqual(["250 mx SIZE 5 HELP", "550 5.1.1 jürgen", "250 lf only", "354"]);
    for (let size = 1; size < 20; size++) {
      const reader = new ReplyReader(1000);
      const replies = [];
      for (let at = 0; at < wire.length; at += size) replies.push(...reader.read(wire.subarray(at, at + size)));
      expect(replies).toEqual([...whole]);
    }
  });

  test("read() gives each recipient its reply when a server says the same to many, and words of a longer reply are none of them", () => {
    const wire = `${"250 2.1.5 Ok\r\n".repeat(3)}550 5.1.1 no\r\n250 2.1.5 Ok\r\n250-2.1.5 Ok\r\n250 2.1.5 Ok\r\n250 2.1.5 Ok\r\n`;
    const [ok, no] = ["250 2.1.5 Ok", "550 5.1.1 no"];
    const expected = [ok, ok, ok, no, ok, "250 2.1.5 Ok Ok", ok];
    expect(new ReplyReader(1000).read(Buffer.from(wire)).map(({ line }) => line)).toEqual(expected);
    const reader = new ReplyReader(1000);
    expect([...wire].flatMap((octet) => reader.read(Buffer.from(octet))).map(({ line }) => line)).toEqual(expected);
  });

  test("F73 read() gives up when a line or a reply never ends", () => {
    expect(new ReplyReader(100).read(Buffer.from("x".repeat(101))).map(({ code }) => code)).toEqual([0]);
    expect(new ReplyReader(100).read(Buffer.from("250-x\r\n".repeat(21))).map(({ code }) => code)).toEqual([0]);
    const reader = new ReplyReader(100);
    const codes = Array.from({ length: 30 }, () => reader.read(Buffer.from("250-xxxx"))).flat();
    expect(codes.length).toBeGreaterThan(0);
    expect(codes.every(({ code }) => code === 0)).toBe(true);
  });

  test("read() keeps octets that are no UTF-8", () => {
    expect(new ReplyReader(100).read(Buffer.from("550 \xfc\r\n", "latin1"))).toEqual([{ code: 550, line: "550 ü" }]);
  });
});

describe("isEhloName()", () => {
  const good = ["mx.example.com", "a.b", "[127.0.0.1]", "[IPv6:::1]", "x-1.example.com"];
  const bad = [
    "",
    "localhost",
    "3f2a9c1b77d0",
    "127.0.0.1",
    "-a.example.com",
    "a_b.example.com",
    "mx.example.com.",
    "a b.example.com",
    "a.b\r\nQUIT",
    "[]",
  ];
  test("isEhloName() takes fully qualified names and address literals only", () => {
    expect(good.filter((name) => !isEhloName(name))).toEqual([]);
    expect(bad.filter(isEhloName)).toEqual([]);
  });

  test("defaultEhloName() is a literal when the machine has no full name", () => {
    expect(defaultEhloName("3f2a9c1b77d0")).toBe("[127.0.0.1]");
    expect(defaultEhloName("10.0.0.7")).toBe("[127.0.0.1]");
    expect(defaultEhloName("worker.example.com")).toBe("worker.example.com");
  });
});
