// Fresh session: what a session leaves without an answer goes over another one at once, and which trouble concerns the whole
// host. A server counts errors and ends the session after some (Postfix smtpd_hard_error_limit).

import { afterEach, describe, expect, test } from "bun:test";
import type { SmtpCourier, SmtpOptions } from "@sesame/smtp";
import { Random } from "../mutation/random.ts";
import { until } from "../until.ts";
import { contentOf, courierTo, inOrder, octets, transaction, words } from "./samples.ts";
import { scriptedServer } from "./scripted-server.ts";
import { body, bye, data, hello, lhlo, play, resetAndBye, three } from "./scripts.ts";
import { type SinkOptions, type SinkServer, sinkServer } from "./sink-server.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const no = "failed no-such-mailbox recipient 5.1.1";

/** A session up to the replies: all commands in one go (RFC 2920 §3.1). */
const piped = (names: string, replies: string) => `
  S: 220 mx.test
  C: EHLO worker.test
  S: 250-mx.test
  S: 250 PIPELINING
  C: MAIL FROM:<carol@remote.test>
  ${[...names].map((name) => `C: RCPT TO:<${name}@example.com>`).join("\n")}
  C: DATA
  ${replies}`;
const tooMany = "S: 421 4.7.0 mx.test Error: too many errors";
const deliversTo = (names: string) => piped(names, `S: 250 ok\n ${"S: 250 ok\n ".repeat(names.length)} S: 354 go${body}\n S: 250 ok${bye}`);

const carried: readonly (readonly [what: string, scripts: readonly string[], verdicts: readonly string[]])[] = [
  [
    "421 comes behind a refusal",
    [piped("abc", `S: 250 ok\n S: 550 5.1.1 no\n ${tooMany}`), deliversTo("bc")],
    [no, "delivered", "delivered"],
  ],
  [
    "421 comes behind an accepted recipient and a refusal",
    [piped("abc", `S: 250 ok\n S: 250 ok\n S: 550 5.1.1 no\n ${tooMany}`), deliversTo("ac")],
    ["delivered", no, "delivered"],
  ],
  [
    "421 answers DATA",
    [piped("abc", `S: 250 ok\n S: 250 ok\n S: 550 5.1.1 no\n S: 250 ok\n ${tooMany}`), deliversTo("ac")],
    ["delivered", no, "delivered"],
  ],
  [
    "421 comes instead of the mail",
    [piped("abc", `S: 250 ok\n S: 250 ok\n S: 550 5.1.1 no\n S: 250 ok\n S: 354 go\n ${tooMany}`), deliversTo("ac")],
    ["delivered", no, "delivered"],
  ],
  [
    "each session refuses one and leaves",
    [piped("abc", `S: 250 ok\n S: 550 5.1.1 no\n ${tooMany}`), piped("bc", `S: 250 ok\n S: 450 4.2.1 later\n ${tooMany}`), deliversTo("c")],
    [no, "delayed try-later recipient", "delivered"],
  ],
  [
    "the server drops the connection behind a refusal",
    [piped("abc", "S: 250 ok\n S: 250 ok\n S: 550 5.1.1 no\n X: close"), deliversTo("ac")],
    ["delivered", no, "delivered"],
  ],
  [
    "the server resets the connection behind a refusal",
    [piped("abc", "S: 250 ok\n S: 250 ok\n S: 550 5.1.1 no\n X: reset"), deliversTo("ac")],
    ["delivered", no, "delivered"],
  ],
];

const notCarried: readonly (readonly [what: string, scripts: readonly string[], verdicts: readonly string[]])[] = [
  [
    "a fresh session answers nobody",
    [piped("abc", `S: 250 ok\n S: 550 5.1.1 no\n ${tooMany}`), piped("bc", `S: 250 ok\n ${tooMany}`)],
    [no, "delayed try-later mail", "delayed try-later mail"],
  ],
  [
    "a fresh session says nothing but 421",
    [piped("abc", `S: 250 ok\n S: 550 5.1.1 no\n ${tooMany}`), piped("bc", tooMany)],
    [no, "delayed try-later host", "delayed try-later host"],
  ],
  [
    "a fresh connection is refused",
    [piped("abc", `S: 250 ok\n S: 550 5.1.1 no\n ${tooMany}`), "S: 554 5.7.1 go away"],
    [no, "delayed refused-us host", "delayed refused-us host"],
  ],
  ["all are refused", [piped("abc", `S: 250 ok\n S: 550 5.1.1 no\n S: 550 5.1.1 no\n S: 550 5.1.1 no\n ${tooMany}`)], [no, no, no]],
  [
    "the whole mail was sent before 421, so the server may have it",
    [piped("abc", `S: 250 ok\n S: 250 ok\n S: 550 5.1.1 no\n S: 250 ok\n S: 354 go${body}\n ${tooMany}`)],
    ["delayed try-later mail twice?", no, "delayed try-later mail twice?"],
  ],
  [
    "the whole mail was sent before the drop",
    [piped("abc", `S: 250 ok\n S: 250 ok\n S: 550 5.1.1 no\n S: 250 ok\n S: 354 go${body}\n X: close`)],
    ["delayed in-doubt mail twice?", no, "delayed in-doubt mail twice?"],
  ],
  [
    "the connection drops and nobody was refused",
    [piped("abc", "S: 250 ok\n S: 250 ok\n X: close")],
    Array(3).fill("delayed session-lost mail"),
  ],
  ["MAIL is refused before 421", [piped("abc", `S: 550 5.7.1 no\n ${tooMany}`)], Array(3).fill("delayed refused-us mail")],
];

describe("SmtpCourier.send() over a fresh session", () => {
  for (const [what, scripts, verdicts] of carried) {
    test(`X05 send() carries on at once with those who have no answer when ${what}`, async () => {
      expect(await play({ to: three, script: scripts })).toEqual([...verdicts]);
    });
  }
  for (const [what, scripts, verdicts] of notCarried) {
    test(`X05 send() opens no more sessions when ${what}`, async () => {
      expect(await play({ to: three, script: scripts })).toEqual([...verdicts]);
    });
  }

  test("X05 send() opens no more sessions when the connection drops behind a refusal and in the middle of the mail", async () => {
    const rest = async function* () {
      yield octets("b\r\n");
      await new Promise(() => {}); // the drop comes first
    };
    const script = piped("abc", "S: 250 ok\n S: 250 ok\n S: 550 5.1.1 no\n S: 250 ok\n S: 354 go\n X: close");
    const verdicts = await play({ to: three, script, content: contentOf("a\r\n", { rest, size: 100 }) });
    expect(verdicts).toEqual(["delayed session-lost mail", no, "delayed session-lost mail"]);
  });

  test("X05 send() carries on by LMTP too", async () => {
    const first = piped("abc", `S: 250 ok\n S: 550 5.1.1 no\n ${tooMany}`).replace("EHLO", "LHLO");
    const second = `${lhlo}
      C: MAIL FROM:<carol@remote.test>
      C: RCPT TO:<b@example.com>
      C: RCPT TO:<c@example.com>
      C: DATA
      S: 250 ok
      S: 250 ok
      S: 250 ok
      S: 354 go${body}
      S: 250 b
      S: 452 4.2.2 c${bye}`;
    expect(await play({ protocol: "lmtp", to: three, script: [first, second] })).toEqual([no, "delivered", "delayed try-later recipient"]);
  });

  test("X05 send() reads the mail anew for a fresh session when 421 came in the middle of it", async () => {
    const [piece, count] = [octets(`${"0123456789".repeat(7)}\r\n`.repeat(1000)), 170]; // more than the system's buffers hold
    let opened = 0;
    const rest = async function* () {
      opened++;
      for (let i = 0; i < count; i++) yield piece;
    };
    let left = false;
    const server = await sink({
      answer: (command) => (command.includes("<a@") ? "550 5.1.1 no" : null),
      onData: (socket) => {
        if (left || server.octets() < 300_000) return;
        left = true;
        socket.pause();
        socket.write("421 4.3.2 bye\r\n");
      },
    });
    const content = { pieces: [octets("a: b\r\n\r\n")], rest, size: piece.length * count + 8, eightBit: false };
    const verdicts = await courier(server).send("mailbox", transaction(["a@example.com", "b@example.com"], { content }));
    expect(inOrder(verdicts).map(words)).toEqual([no, "delivered"]);
    expect([server.connections(), opened, server.mails.map((mail) => mail.data.length)]).toEqual([2, 2, [content.size]]);
  });
});

test("X05 send() asks at once for as many recipients as the server accepted in a row, for one mail at a time, until it refuses one", async () => {
  const groups: number[] = [];
  const server = await sink({
    answer: (command) => (command.includes("<unknown") ? "550 5.1.1 no" : null),
    onData: (_, chunk) => {
      const named = chunk.toString("latin1").match(/^RCPT /gm)?.length ?? 0;
      if (named > 0) groups.push(named);
    },
  });
  const sender = courier(server);
  const names = (count: number, name = "known") => Array.from({ length: count }, (_, index) => `${name}${index}@example.com`);
  const groupsOf = async (...mails: readonly (readonly string[])[]) => {
    groups.length = 0;
    await Promise.all(mails.map((to) => sender.send("mailbox", transaction(to))));
    return [...groups].sort((one, other) => one - other);
  };
  expect(await groupsOf(names(40))).toEqual([5, 15, 20]);
  expect(await groupsOf(names(40))).toEqual([40]);
  expect(await groupsOf(names(40), names(30))).toEqual([5, 5, 20, 40]);
  expect(await groupsOf(names(30, "unknown"))).toEqual([30]);
  expect(await groupsOf(names(40), names(40))).toEqual(Array(16).fill(5)); // and so for ten minutes
});

describe("SmtpCourier and a session that worked", () => {
  const used = `${data}\n S: 250 ok`;
  const delivers = `${used}${bye}`;
  const next = `${used}\n C: MAIL FROM:<carol@remote.test>`;

  async function twice(...scripts: string[]): Promise<string[]> {
    const server = await scriptedServer(...scripts);
    const made = courierTo(server.port, "smtp", { poolSize: 1 });
    const verdicts: (string | undefined)[] = [];
    for (let i = 0; i < 2; i++) verdicts.push(inOrder(await made.send("mailbox", transaction(["alice@example.com"]))).map(words)[0]);
    await made.close();
    await server.played();
    return verdicts.map(String);
  }

  const odd: readonly (readonly [what: string, first: string])[] = [
    ["421 at RCPT", `${next}\n S: 250 ok\n C: RCPT TO:<alice@example.com>\n ${tooMany}`],
    ["421 at DATA", `${next}\n S: 250 ok\n C: RCPT TO:<alice@example.com>\n S: 250 ok\n C: DATA\n ${tooMany}`],
    ["an answer to MAIL that is none", `${next}\n S: banana`],
    ["an answer to MAIL that does not fit", `${next}\n S: 354 go`],
    ["a refusal that asks for a login", `${next}\n S: 530 5.7.0 log in first${bye}`],
    ["a disk that is full", `${next}\n S: 452 4.3.1 insufficient system storage${bye}`],
  ];
  for (const [what, first] of odd) {
    test(`X05 send() asks a fresh session before it believes ${what}`, async () => {
      expect(await twice(first, delivers)).toEqual(["delivered", "delivered"]);
    });
  }

  test("X05 send() believes a fresh session that says the same of the whole host", async () => {
    const full = "S: 452 4.3.1 insufficient system storage";
    expect(await twice(`${next}\n ${full}${bye}`, `${hello}\n C: MAIL FROM:<carol@remote.test>\n ${full}${resetAndBye}`)).toEqual([
      "delivered",
      "delayed try-later host",
    ]);
  });

  test("X05 send() leaves the idle sessions of others open when one ends with 421", async () => {
    const server = await sink({ answer: (command) => (command.includes("<bad") ? `550 5.1.1 no\r\n${tooMany.slice(3)}` : null) });
    const made = courier(server);
    await Promise.all([one(made, "a"), one(made, "b"), one(made, "c")]);
    expect(await one(made, "bad")).toBe(no);
    expect(made.gauge.idle).toBe(2);
    expect(server.commands.filter((line) => line.includes("QUIT"))).toEqual([]);
  });

  test("X05 send() waits for a session of another mail when the server wants no more connections", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const server = await sink({
      greeting: (connection) => (connection < 2 ? "220 sink" : "421 4.7.0 too many connections"),
      answer: (command) => (command.includes("<bad") ? `550 5.1.1 no\r\n${tooMany.slice(3)}` : null),
      hold: () => held,
    });
    const made = courier(server);
    const holding = one(made, "held");
    await until(() => server.mails.length === 1, "the first mail does not come", 1);
    const attacked = made.send("mailbox", transaction(["bad@example.com", "good@example.com"]));
    await until(() => server.connections() === 3, "no third connection", 1);
    release();
    expect(await holding).toBe("delivered");
    expect(inOrder(await attacked).map(words)).toEqual([no, "delivered"]);
  });
});

describe("SmtpCourier and a session with refusals", () => {
  test("X05 a session retires after five refusals", async () => {
    const server = await sink({ answer: (command) => (command.includes("<bad") ? "550 5.1.1 no" : null) });
    const made = courier(server, { poolSize: 1 });
    for (let i = 0; i < 5; i++) expect(await one(made, `bad${i}`)).toBe(no);
    expect(await one(made, "good")).toBe("delivered");
    expect(server.connections()).toBe(2);
    expect(server.commands.filter((line) => /QUIT|RSET/.test(line))).toEqual(["0 QUIT"]);
  });

  test("X05 a session retires after five refusals of any kind, with mails delivered between them", async () => {
    const server = await sink({ answer: (command) => (command.includes("<grey") ? "450 4.2.1 later" : null) });
    const made = courier(server, { poolSize: 1 });
    for (let i = 0; i < 5; i++) await Promise.all([one(made, "good"), one(made, "grey")]);
    await one(made, "good");
    expect(server.connections()).toBe(2);
  });

  test("X05 send() leaves a session in the middle of a mail after five refusals, before the server slows down", async () => {
    const server = await sink({ answer: (command) => (command.includes("<bad") ? "550 5.1.1 no" : null) });
    const to = ["good@example.com", ...Array.from({ length: 12 }, (_, index) => `bad${index}@example.com`)];
    expect(inOrder(await courier(server).send("mailbox", transaction(to))).map(words)).toEqual(["delivered", ...Array(12).fill(no)]);
    expect(server.connections()).toBe(3);
    expect(server.mails.map(({ recipients }) => recipients)).toEqual([["good@example.com"]]);
    expect(server.commands.filter((line) => line.includes("QUIT"))).toEqual(["0 QUIT", "1 QUIT"]);
  });

  test("X05 send() stays in the session when the server puts all recipients off", async () => {
    const server = await sink({ answer: (command) => (command.startsWith("RCPT") ? "450 4.7.1 greylisted" : null) });
    const to = Array.from({ length: 12 }, (_, index) => `r${index}@example.com`);
    const verdicts = inOrder(await courier(server).send("mailbox", transaction(to))).map(words);
    expect([verdicts, server.connections()]).toEqual([Array(12).fill("delayed try-later recipient"), 1]);
  });
});

describe("SmtpCourier and large groups of recipients", () => {
  const [known, unknown] = [(at: number) => `good${at}@example.com`, (at: number) => `bad${at}@example.com`];
  const listOf = (count: number, name: (at: number) => string) => Array.from({ length: count }, (_, at) => name(at));
  /** RCPT commands in each session, refused ones only. */
  const refusalsOf = (server: SinkServer) => {
    const counts: number[] = [];
    for (const line of server.commands) {
      const session = /^(\d+) RCPT TO:<bad/.exec(line)?.[1];
      if (session !== undefined) counts[Number(session)] = (counts[Number(session)] ?? 0) + 1;
    }
    return counts.map((count) => count ?? 0);
  };

  test("X05 a mail that hides unknown recipients behind known ones meets a large group once, and the next such mail never", async () => {
    const server = await sink({ answer: (command) => (command.includes("<bad") ? "550 5.1.1 no" : null) });
    const made = courier(server, { poolSize: 1 });
    const to = [...listOf(5, known), ...listOf(30, unknown)];
    const expected = [...Array(5).fill("delivered"), ...Array(30).fill(no)];
    expect(inOrder(await made.send("mailbox", transaction(to))).map(words)).toEqual(expected);
    const first = refusalsOf(server);
    expect(first[0]).toBe(20); // five known ones, then a group of 20
    expect(Math.max(...first.slice(1))).toBeLessThanOrEqual(5);
    expect(inOrder(await made.send("mailbox", transaction(to))).map(words)).toEqual(expected);
    expect(Math.max(...refusalsOf(server).slice(first.length))).toBeLessThanOrEqual(5);
  });
});

/** A server that knows the recipients with a k, and ends a session with 421 after so many errors, as Postfix does. */
function counting(limit: number): SinkOptions {
  const errors = new Map<number, number>();
  return {
    answer: (command, connection) => {
      if (!/^RCPT TO:<u/.test(command)) return null;
      const count = (errors.get(connection) ?? 0) + 1;
      errors.set(connection, count);
      if (count > limit) return ""; // it has left
      return count === limit ? `550 5.1.1 unknown\r\n${tooMany.slice(3)}` : "550 5.1.1 unknown";
    },
  };
}

test("X05 whoever is known gets each mail once and whoever is not is refused, whatever the error limit of the server", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const next = (limit: number) => random.below(limit);
    const server = await sink({ ...counting(1 + next(8)), extensions: next(2) === 0 ? [] : ["PIPELINING"] });
    const made = courierTo(server.port, "smtp", { poolSize: 1 + next(3), maxRefusals: 1 + next(9) });
    const mails = Array.from({ length: 4 }, () => Array.from({ length: 1 + next(9) }, (_, at) => `${"kuu"[next(3)]}${at}@example.com`));
    const sent = await Promise.all(mails.map((to) => made.send("mailbox", transaction(to))));
    const expected = mails.map((to) => to.map((address) => (address.startsWith("k") ? "delivered" : no)));
    expect({ seed, verdicts: sent.map((verdicts) => inOrder(verdicts).map(words)) }).toEqual({ seed, verdicts: expected });
    const known = mails.flatMap((to) => to.filter((address) => address.startsWith("k"))).sort();
    expect({ seed, got: server.mails.flatMap(({ recipients }) => recipients).sort() }).toEqual({ seed, got: known });
    await made.close();
    server.close();
  }
});

async function sink(options: SinkOptions): Promise<SinkServer> {
  const server = await sinkServer({ extensions: ["PIPELINING"], ...options });
  ends.push(() => server.close());
  return server;
}

function courier(server: SinkServer, options: Partial<SmtpOptions> = {}): SmtpCourier {
  const made = courierTo(server.port, "smtp", options);
  ends.push(() => made.close());
  return made;
}

async function one(made: SmtpCourier, name: string): Promise<string> {
  return words(inOrder(await made.send("mailbox", transaction([`${name}@example.com`], { content: contentOf("Subject: x\r\n\r\n") })))[0]);
}
