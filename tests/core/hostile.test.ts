// Hostile mails: each is decided on within a second, delivered octet by octet, and has the one answer that its row says.

import { describe, expect, test } from "bun:test";
import { headLimit, openMail, plan } from "@sesame/core";
import type { Serve } from "../../packages/core/plan/types.ts";
import { busyTime } from "../busy-time.ts";
import { TestWay } from "../journey/way.ts";
import { hostileMails } from "./hostile-mails.ts";
import { away, factsOf } from "./sample.ts";

const alice = "alice@example.com";
const rule = { ...away, forwards: ["x@other.test"] };
const patterns = Array.from({ length: 1000 }, (_, index) => `*a*b*${index}*@[a-m]*.test`);

/** The plan as the worker makes it, from the first octets alone, and how long it took in milliseconds. */
async function decide(octets: Uint8Array, blocked: readonly string[], recipients: readonly string[] = [alice]) {
  const rows = { rules: Object.fromEntries(recipients.map((recipient) => [recipient, rule])), blocked: { "*@example.com": blocked } };
  const facts = factsOf({ ...rows, to: recipients });
  const head = octets.slice(0, headLimit);
  const busyMs = busyTime();
  const mail = openMail(head, octets.length);
  const decided = await plan({ ...facts, mail });
  const took = busyMs();
  if (decided.kind !== "carry") throw new Error(`the plan is ${decided.kind}`);
  return { courses: decided.courses, mail, took };
}

/** What becomes of an effect: its kind, or the word why not. */
function answer(course: Serve, kind: "reply" | "forward"): string {
  return course.effects.some((effect) => effect.kind === kind)
    ? kind
    : (course.withheld.find((each) => each.kind === kind)?.reason ?? "none");
}

/** Octets that compare. */
function stored(octets: Uint8Array): string {
  return Buffer.from(octets).toString("latin1");
}

describe("plan()", () => {
  for (const { why, octets: make, defects, reply, forward } of hostileMails) {
    test(`F77 plan() gives its one answer within a second when a mail has ${why}`, async () => {
      const { courses, mail, took } = await decide(make(), patterns);
      const [course] = courses;
      if (course?.kind !== "serve") throw new Error(`the course is ${course?.kind}`);
      expect([...mail.defects] as string[]).toEqual([...defects]);
      expect([answer(course, "reply"), answer(course, "forward")]).toEqual([reply, forward]);
      expect(course.warnings.filter(({ kind }) => kind === "mail-defect").length).toBe(defects.length);
      expect(took).toBeLessThan(1000);
    });

    test(`plan() blocks by the envelope, whatever the header, when a mail has ${why}`, async () => {
      const { courses } = await decide(make(), [...patterns, "bob@*"]);
      expect(courses.map(({ kind }) => kind)).toEqual(["block"]);
    });
  }

  test("plan() reads the mail once for fifty recipients that ask for everything", async () => {
    const recipients = Array.from({ length: 50 }, (_, index) => `alice${index}@example.com`);
    const costly = ["15,000 authors", "10,000 parts", "60,000 open groups", "a line of 60,000 spaces"];
    for (const { why, octets } of hostileMails.filter((each) => costly.includes(each.why))) {
      const addressed = Buffer.concat([Buffer.from(`Cc: ${recipients.join(", ")}\r\n`), octets()]);
      const { courses, took } = await decide(new Uint8Array(addressed), [], recipients);
      expect(`${why}: ${courses.every((course) => course.kind === "serve" && course.effects.length === 3)}`).toBe(`${why}: true`);
      expect(took).toBeLessThan(1000);
    }
  });

  const senders: [string, string, string][] = [
    ["the second From field", "From: bob@remote.test\r\nFrom: eve@evil.test\r\n", "eve@evil.test"],
    ["an address that an encoded word hides", "From: =?utf-8?Q?x=3A_eve=40evil=2Etest=3B?= <bob@remote.test>\r\n", "eve@evil.test"],
    ["an address before a bare CR", "From: eve@evil.test\rX-Evil: 1\r\n", "eve@evil.test"],
    ["a From field behind a bare CR", "X: 1\rFrom: eve@evil.test\r\n", "eve@evil.test"],
    ["a From field with space before its colon", "From : eve@evil.test\r\n", "eve@evil.test"],
    ["a From field below a line without colon", "X: 1\r\nnonsense\r\nFrom: eve@evil.test\r\n", "eve@evil.test"],
    ["Sender", "From: bob@remote.test\r\nSender: eve@evil.test\r\n", "eve@evil.test"],
  ];
  for (const [what, header, matched] of senders) {
    test(`F79 plan() blocks by ${what}`, async () => {
      const { courses } = await decide(new Uint8Array(Buffer.from(`${header}To: ${alice}\r\n\r\nbody`)), ["eve@evil.test"]);
      expect(courses).toMatchObject([{ kind: "block", matched }]);
    });
  }
});

describe("handleEntry()", () => {
  const way = async (octets: Uint8Array) => {
    const one = new TestWay(octets);
    one.directory.rule(alice, rule);
    await one.untilDone();
    return one;
  };

  for (const { why, octets: make } of hostileMails) {
    test(`F79 handleEntry() delivers the stored octets when a mail has ${why}`, async () => {
      const octets = make();
      const { courier, store } = await way(octets);
      const delivered = courier.sent.filter(({ route }) => route === "mailbox").map((sent) => stored(sent.octets));
      expect(delivered.length).toBe(1);
      expect(delivered[0] === stored(octets)).toBe(true); // not toBe: a failure would print 40 MB
      // The head, and the rest once for each copy that holds it: never the whole mail in one piece.
      const copies = courier.sent.length;
      expect(store.octetsRead).toBeLessThanOrEqual(headLimit + copies * Math.max(0, octets.length - headLimit));
    });
  }

  test("handleEntry() says that a mail with NUL is 8-bit, since NUL leaves as an octet above 127", async () => {
    for (const [body, eightBit] of [
      ["plain", false],
      ["\0", true],
      ["\xfc", true],
    ] as const) {
      const one = new TestWay(new Uint8Array(Buffer.from(`From: bob@remote.test\r\n\r\n${body}`, "latin1")));
      const said: unknown[] = [];
      const { courier } = one;
      const send = courier.send.bind(courier);
      courier.send = (route, transaction) => {
        said.push(transaction.content.eightBit);
        return send(route, transaction);
      };
      await one.untilDone();
      expect(said).toEqual([eightBit]);
    }
  });

  test("handleEntry() takes away a topmost Return-Path, and nothing else, of every mail that can be edited", async () => {
    const top = Buffer.from("Return-Path: <a@x>\r\n b\r\n");
    for (const { why, octets: make, defects } of hostileMails) {
      if (defects.includes("no-header-block") || defects.includes("mbox-line") || why === "40 MB") continue;
      const octets = make();
      const { courier } = await way(new Uint8Array(Buffer.concat([top, octets])));
      const [sent] = courier.sent;
      expect(`${why}: ${sent !== undefined && stored(sent.octets) === stored(octets)}`).toBe(`${why}: true`);
    }
  });
});
