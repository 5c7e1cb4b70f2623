// Goals: when a goal is met, how its lines look, and that a mail that is missing or altered makes a run void.

import { expect, test } from "bun:test";
import { crc32 } from "node:zlib";
import { type Goal, linesOf, verdictOf } from "../../bench/goals/goal.ts";
import { lowestOfEach, slopeOf } from "../../bench/goals/long.ts";
import { sharesIn } from "../../bench/goals/profile.ts";
import { difference } from "../../bench/goals/run.ts";
import { Helper } from "../../bench/processes/helper.ts";
import type { SinkNews } from "../../bench/processes/sink-process.ts";

const most: Goal = { id: "a", what: "CPU of one mail", settings: "defaults", unit: "ms", better: "less", wanted: 0.5 };
const least: Goal = { ...most, better: "more", wanted: 200 };
const figures = (...values: number[]) => values.map((value) => ({ value, beside: `from ${value}` }));

test("a goal is met if every round meets it", () => {
  expect(verdictOf(most, figures(0.4, 0.5))).toBe("met");
  expect(verdictOf(most, figures(0.4, 0.51))).toBe("not met");
  expect(verdictOf(least, figures(200, 300))).toBe("met");
  expect(verdictOf(least, figures(199, 300))).toBe("not met");
  expect(verdictOf({ ...most, wanted: null }, figures(9))).toBe("");
  expect(verdictOf(most, [])).toBe("skipped");
});

test("linesOf() prints median, spread, goal and verdict, then the settings and what the median was made from", () => {
  const [first = "", ...others] = linesOf(most, figures(0.6, 0.4, 0.45));
  expect(first.replace(/ +/g, " ")).toBe("CPU of one mail 0.45 (0.4–0.6) ms goal ≤ 0.5 ms not met");
  expect(others).toEqual(["    defaults", "    from 0.45"]);
});

test("linesOf() says aloud why there is no figure", () => {
  expect(linesOf(most, ["no Postfix"])).toEqual([expect.stringMatching(/skipped$/), "    defaults", "    SKIPPED: no Postfix"]);
});

test("difference() finds mails that are missing or altered", () => {
  expect(difference({ "7": 3 }, { checksum: 7, total: 3 })).toBeNull();
  expect(difference({ "7": 2 }, { checksum: 7, total: 3 })).toMatch(/2 of 3 mails, and 0/);
  expect(difference({ "7": 3, "8": 1 }, { checksum: 7, total: 3 })).toMatch(/3 of 3 mails, and 1/);
});

test("lowestOfEach() keeps the lowest point of each stretch of time", () => {
  const points: [number, number][] = [
    [0, 5],
    [400, 3],
    [999, 4],
    [1000, 9],
    [1500, 8],
    [3000, 1],
  ];
  expect(lowestOfEach(1000, points)).toEqual([
    [400, 3],
    [1500, 8],
    [3000, 1],
  ]);
  expect(lowestOfEach(1000, [])).toEqual([]);
});

test("slopeOf() gives the slope of the line through points", () => {
  const slope = slopeOf([0, 1, 2, 3].map((x) => [x, 5 + 2 * x]));
  expect(slope).toBeCloseTo(2);
});

test("the sink takes pipelined mails in any pieces and notes their checksums", async () => {
  const helper = new Helper<string, SinkNews>("sink-process.ts");
  const { port } = await helper.next("started");
  const mails = ["Subject: a\r\n\r\nbody\r\n", "Subject: b\r\n\r\n..\r\n"];
  const talk = mails.map((mail) => `MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n${mail}.\r\n`);
  const wire = `EHLO x.test\r\n${talk.join("")}QUIT\r\n`;
  for (const size of [1, 3, 7, wire.length]) {
    const { promise, resolve } = Promise.withResolvers<string>();
    let said = "";
    const data = (_: unknown, octets: Uint8Array) => {
      said += Buffer.from(octets).toString();
      if (said.includes("221")) resolve(said);
    };
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data } });
    socket.setNoDelay(true);
    for (let at = 0; at < wire.length; at += size) {
      socket.write(wire.slice(at, at + size));
      if (size < 10) await new Promise(setImmediate);
    }
    expect((await promise).match(/^\d{3} /gm)?.join("")).toBe("220 250 250 250 354 250 250 250 354 250 221 ");
    socket.end();
  }
  helper.tell("taken");
  const expected = Object.fromEntries(mails.map((mail) => [String(crc32(mail)), 4]));
  expect((await helper.next("taken")).mails).toEqual(expected);
  helper.close();
});

test("sharesIn() sums samples by function, and by the package that called the runtime", () => {
  const node = (id: number, functionName: string, url: string, children: readonly number[] = []) => ({
    id,
    callFrame: { functionName, url },
    children,
  });
  const nodes = [
    node(1, "(root)", "", [2, 6]),
    node(2, "send", "/x/packages/smtp/pool.ts", [3, 4]),
    node(3, "write", "node:net", [5]),
    node(4, "stuff", "/x/packages/smtp/node_modules/nodemailer/a.js"),
    node(5, "writeBuffered", ""),
    node(6, "gc", ""),
  ];
  const { functions, packages } = sharesIn({ nodes, samples: [5, 5, 5, 5, 4, 4, 4, 2, 6, 6] });
  expect(functions.map(([name, percent]) => `${name} ${Math.round(percent)}`)).toEqual([
    "writeBuffered   40",
    "stuff  node_modules/nodemailer/a.js 30",
    "gc   20",
    "send  packages/smtp/pool.ts 10",
  ]);
  expect(packages.map(([name, percent]) => `${name} ${Math.round(percent)}`)).toEqual([
    "packages/smtp 50",
    "nodemailer 30",
    "runtime, for nobody 20",
  ]);
});
