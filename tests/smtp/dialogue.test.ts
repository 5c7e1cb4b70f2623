// Dialogue: which commands leave in one write, and when the mail may follow. Each way is a conversation: what the client sends, a
// line for each write, and what the server replies to it.

import { describe, expect, test } from "bun:test";
import { Dialogue, type Manner } from "../../packages/smtp/dialogue.ts";
import { ExchangeLog } from "../../packages/smtp/exchange.ts";
import { mailCommand, type Offers, offersOf } from "../../packages/smtp/smtp-commands.ts";
import { replyOf } from "../../packages/smtp/smtp-reply.ts";
import { Random } from "../mutation/random.ts";
import { contentOf } from "./samples.ts";

const none = offersOf([]);
const piped = offersOf(["PIPELINING"]);

/** `answer`: the code for a command. The writes, each as its commands in short, and how it ended. */
function converse(count: number, manner: Partial<Manner>, answer: (command: string) => number): readonly string[] {
  const recipients = Array.from({ length: count }, (_, index) => `r${index}`);
  const full: Manner = { protocol: "smtp", offers: piped, maxRefusals: 5, isCareful: false, trusted: 0, ...manner };
  const log = new ExchangeLog(full.protocol, count);
  const dialogue = new Dialogue({ from: "", recipients }, contentOf("x"), full);
  const said: string[] = [];
  for (;;) {
    const step = dialogue.next(log);
    if (step.kind !== "write") return [...said, step.kind === "end" ? step.ending.kind : step.kind];
    const commands = step.text.split("\r\n").slice(0, -1);
    said.push(commands.map((command) => /<(r\d+)>/.exec(command)?.[1] ?? command.split(" ", 1)[0]).join(" "));
    expect(commands.filter((command) => command !== ".").length).toBe(step.commands);
    for (const command of commands) log.record(replyOf([`${answer(command)} text`]));
  }
}

const accepts = (command: string) => (command === "DATA" ? 354 : 250);
const refusing =
  (code: number, ...names: readonly string[]) =>
  (command: string) =>
    names.some((name) => command.includes(name)) ? code : accepts(command);
const names = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `r${from + index}`).join(" ");

describe("Dialogue", () => {
  const ways: readonly (readonly [what: string, count: number, Partial<Manner>, (command: string) => number, readonly string[]])[] = [
    ["one command at a time without PIPELINING", 2, { offers: none }, accepts, ["MAIL", "r0", "r1", "DATA", "content"]],
    ["all at once with PIPELINING", 2, {}, accepts, ["MAIL r0 r1 DATA", "content"]],
    ["as many at once as may be refused", 5, {}, accepts, ["MAIL r0 r1 r2 r3 r4 DATA", "content"]],
    [
      "four times as many in each write while nothing is refused",
      100,
      {},
      accepts,
      [`MAIL ${names(0, 5)}`, names(5, 25), `${names(25, 100)} DATA`, "content"],
    ],
    [
      "not more than a hundred at once",
      250,
      {},
      accepts,
      [`MAIL ${names(0, 5)}`, names(5, 25), names(25, 105), names(105, 205), `${names(205, 250)} DATA`, "content"],
    ],
    ["as many at once as the server accepted in a row", 40, { trusted: 40 }, accepts, [`MAIL ${names(0, 40)} DATA`, "content"]],
    [
      "not more than a hundred at once, whatever it accepted",
      101,
      { trusted: 5000 },
      accepts,
      [`MAIL ${names(0, 100)}`, `${names(100, 101)} DATA`, "content"],
    ],
    ["no smaller group because it accepted few", 5, { trusted: 2 }, accepts, [`MAIL ${names(0, 5)} DATA`, "content"]],
    [
      "no larger groups after a refusal, although the server is trusted",
      34,
      { trusted: 20 },
      refusing(550, "<r7>"),
      [`MAIL ${names(0, 20)}`, names(20, 24), names(24, 28), names(28, 32), `${names(32, 34)} DATA`, "content"],
    ],
    [
      "no large group in a session with refusals, although the server is trusted",
      12,
      { isCareful: true, trusted: 100 },
      accepts,
      [`MAIL ${names(0, 5)}`, names(5, 10), "r10 r11 DATA", "content"],
    ],
    ["all at once by LMTP", 40, { protocol: "lmtp" }, accepts, [`MAIL ${names(0, 40)} DATA`, "content"]],
    [
      "no larger groups after a refusal, whatever its kind",
      34,
      {},
      refusing(450, "<r7>"),
      [`MAIL ${names(0, 5)}`, names(5, 25), names(25, 30), `${names(30, 34)} DATA`, "content"],
    ],
    ["as few as may still be refused", 9, {}, refusing(550, "<r0>", "<r1>"), [`MAIL ${names(0, 5)}`, "r5 r6 r7", "r8 DATA", "content"]],
    [
      "no large group in a session with refusals",
      12,
      { isCareful: true },
      accepts,
      [`MAIL ${names(0, 5)}`, names(5, 10), "r10 r11 DATA", "content"],
    ],
    ["no more after too many refusals", 9, { maxRefusals: 2 }, refusing(550, "<r0>", "<r1>"), ["MAIL r0 r1", "retired"]],
    ["at least one recipient", 3, { maxRefusals: 0, isCareful: true, protocol: "smtp" }, accepts, ["MAIL r0", "retired"]],
    ["no DATA when nobody was accepted", 1, { offers: none }, refusing(550, "<r0>"), ["MAIL", "r0", "over"]],
    ["no recipient when MAIL was refused", 1, { offers: none }, refusing(550, "MAIL"), ["MAIL", "over"]],
    ["nothing after a pipelined refusal", 1, {}, () => 550, ["MAIL r0 DATA", "over"]],
    ["an empty mail when DATA is taken for nobody", 1, {}, refusing(550, "<r0>"), ["MAIL r0 DATA", ".", "over"]],
    ["no mail at all when DATA is taken after a refused MAIL", 1, {}, refusing(550, "MAIL"), ["MAIL r0 DATA", "lost"]],
    ["no mail when DATA is refused", 1, {}, refusing(451, "DATA"), ["MAIL r0 DATA", "over"]],
  ];
  for (const [what, count, manner, answer, expected] of ways) {
    test(`next() sends ${what}`, () => {
      expect(converse(count, manner, answer)).toEqual([...expected]);
    });
  }

  test("X05 next() asks for the mail behind 354 alone, and no session gets more than nine refusals unless a group had grown", () => {
    for (let seed = 1; seed <= 400; seed++) {
      const random = new Random(seed);
      const earlier = random.below(5); // refusals of the session
      const count = 1 + random.below(60);
      const [refused, isMailRefused] = [Array.from({ length: count }, () => random.below(3) === 0), random.below(6) === 0];
      let [dataSaid, refusals] = [0, earlier];
      const said = converse(count, { isCareful: earlier > 0, offers: random.below(2) === 0 ? none : piped }, (command) => {
        const at = /<r(\d+)>/.exec(command)?.[1];
        if (command.startsWith("MAIL") && isMailRefused) return 550;
        if (command === "DATA") dataSaid = isMailRefused ? 503 : 354;
        if (command === "DATA") return dataSaid;
        if (at === undefined) return 250;
        if (!refused[Number(at)]) return 250;
        refusals++;
        return 550;
      });
      const isContent = said.at(-1) === "content";
      expect({ seed, isContent: isContent && dataSaid !== 354 }).toEqual({ seed, isContent: false });
      const hasGrown = said.some((write) => write.split(" ").filter((word) => word.startsWith("r")).length > 5);
      if (!hasGrown) expect({ seed, refusals: Math.min(refusals, 9) }).toEqual({ seed, refusals });
      const asked = said.flatMap((write) => write.split(" ")).filter((word) => /^r\d/.test(word));
      expect({ seed, asked }).toEqual({ seed, asked: Array.from({ length: asked.length }, (_, index) => `r${index}`) });
    }
  });
});

describe("mailCommand()", () => {
  const all: Offers = offersOf(["pipelining", "8bitmime", "SIZE 1000", "SMTPUTF8"]);
  const mails: readonly (readonly [
    from: string,
    to: string,
    eightBit: boolean | "unknown",
    size: number,
    offers: Offers,
    expected: string,
  ])[] = [
    ["a@b.test", "c@d.test", false, 3, none, "MAIL FROM:<a@b.test>"],
    ["", "c@d.test", false, 3, all, "MAIL FROM:<> SIZE=3"],
    ["", "c@d.test", false, 0, all, "MAIL FROM:<>"],
    ["", "c@d.test", true, 3, all, "MAIL FROM:<> BODY=8BITMIME SIZE=3"],
    ["", "c@d.test", "unknown", 3, all, "MAIL FROM:<> BODY=8BITMIME SIZE=3"],
    ["", "j\xfc@d.test", true, 3, all, "MAIL FROM:<> SMTPUTF8 BODY=8BITMIME SIZE=3"],
    ["j\xfc@b.test", "c@d.test", false, 3, all, "MAIL FROM:<j\xfc@b.test> SMTPUTF8 SIZE=3"],
    ["j\xfc@b.test", "c@d.test", true, 3, none, "MAIL FROM:<j\xfc@b.test>"],
  ];
  for (const [from, to, eightBit, size, offers, expected] of mails) {
    test(`mailCommand() is ${expected} for <${to}>, ${eightBit} and ${size} octets`, () => {
      expect(mailCommand({ from, recipients: [to] }, { size, eightBit }, offers)).toBe(`${expected}\r\n`);
    });
  }

  test("offersOf() takes whole words at the start of a line", () => {
    expect(offersOf(["XPIPELINING", "8BITMIMEX", "MAXSIZE 3", "X SMTPUTF8"])).toEqual(none);
    expect(offersOf(["PIPELINING now", "8BitMIME", "size", "smtputf8"])).toEqual(all);
  });
});
