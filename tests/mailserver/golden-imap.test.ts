// Golden mails the whole way: from SNS through a worker and the real mail server to IMAP, once by SMTP to Postfix and once
// by LMTP straight to Dovecot. What is read there is what the golden folder says, but for the changes that kept.ts names;
// which mail meets which of them is said below. What leaves by SES is the golden folder's to the octet.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Golden, type Leaving, mailboxOf, makeGolden, readGoldens } from "./golden.ts";
import { GoldenRun, needsUtf8 } from "./golden-run.ts";
import { asKept, type Change, type OpenedMail, openStored, type Way } from "./kept.ts";
import { missingPrograms } from "./programs.ts";

const missing = missingPrograms();
if (missing) console.warn(`SKIPPED tests/mailserver/golden-imap: ${missing}`);

const ways: readonly Way[] = ["smtp", "lmtp"];
const ours: Readonly<Record<string, readonly Change[]>> = {
  "mail-with-a-nul": ["nul"],
  "mail-with-a-bare-cr-in-its-header": ["line-ends"],
  "mail-with-lf-alone": ["line-ends"],
  "no line end at its end": ["line-ends"],
};
/** Every change that is made on the way, by the name of the mail. */
const expectedChanges: Readonly<Record<Way, Readonly<Record<string, readonly Change[]>>>> = {
  smtp: {
    ...ours,
    "reply-to-a-mail-without-subject-and-id": ["missing-fields"],
    "forward-drops-what-only-the-first-way-needed": ["dropped-fields"],
    "mail-without-a-header": ["header-end", "missing-fields"],
    "mail-below-a-mailbox-line": ["mailbox-line", "dropped-fields"],
    "mail-with-a-line-without-colon": ["header-end"],
    "a line of 5000 octets": ["long-lines"],
  },
  lmtp: ours,
};

const goldens = [...(await readGoldens()), ...(await moreMails())];

/** What no folder shows: the limits of the wire, and a mail that does not fit into its head. */
function moreMails(): Promise<readonly Golden[]> {
  const source = {
    receivedAt: "2026-01-05T12:00:00Z",
    domains: ["example.com"],
    envelope: { from: "bob@remote.test", recipients: ["alice@example.com"] },
  };
  const head = "From: bob@remote.test\r\nTo: alice@example.com\r\nDate: Mon, 05 Jan 2026 12:00:00 +0000\r\n";
  const mail = (name: string, body: string) =>
    makeGolden(name, Buffer.from(`${head}Message-ID: <${name.replaceAll(" ", "-")}@remote.test>\r\n\r\n${body}`), source);
  return Promise.all([
    mail("a line of 5000 octets", `${"0123456789".repeat(500)}\r\nthe end\r\n`),
    mail("a megabyte of eight bits", ".Grüße\r\n..\r\n".repeat(100_000)),
    mail("no line end at its end", "the end"),
  ]);
}

const runs = new Map<Way, GoldenRun>();

async function runAll(way: Way): Promise<void> {
  const run = await GoldenRun.start(goldens, way);
  runs.set(way, run);
  await run.send(goldens);
}

beforeAll(async () => {
  if (missing === null) await Promise.all(ways.map(runAll));
}, 120_000);
afterAll(async () => {
  await Promise.all([...runs.values()].map((run) => run.stop()));
}, 120_000);

for (const way of ways) {
  describe.skipIf(missing !== null)(`golden mails by ${way} to IMAP`, () => {
    let run: GoldenRun;
    const found = new Map<string, readonly Buffer[]>();
    const changed = new Map<string, readonly Change[]>();
    const read = new Set<Buffer>();

    beforeAll(async () => {
      run = runs.get(way) as GoldenRun;
      for (const { address } of run.mailboxes) found.set(address, await run.server.inbox(address));
    }, 120_000);

    for (const golden of goldens) {
      test(golden.name, () => {
        if (needsUtf8(golden)) return expectUtf8Refused(golden);
        const { settlement, courses } = endOf(golden);
        expect(settlement.kind).toBe("close");
        expect(courses.map(decisionOf)).toEqual(coursesOf(golden).map(decisionOf));
        const verdicts = courses.flatMap(({ effects = [] }) => effects.map(({ verdict }) => verdict));
        for (const [index, mail] of golden.leaving.entries()) if (mail !== null) expectArrived(golden, mail, verdicts[index]?.detail ?? "");
      });
    }

    test("nothing else is in a mailbox, has left by SES or lies in a dead-letter queue", async () => {
      expect([...found.values()].flat().filter((mail) => !read.has(mail))).toEqual([]);
      const bySes = goldens.flatMap(({ leaving }) => leaving.filter((mail) => mail?.door === "ses"));
      expect(run.cloud.ses.sent.length).toBe(bySes.length);
      expect(await run.cloud.queued("example.com", "-dlq")).toBe(0);
      expect(run.asides.filter(({ level, event }) => level === "error" && event !== "deed")).toEqual([]);
    });

    test("the changes on the way are those that are named, and no others", () => {
      expect(Object.fromEntries(changed)).toEqual(expectedChanges[way]);
    });

    type Line = Readonly<{
      settlement: Readonly<{ kind: string; reason?: string }>;
      courses: readonly (Decided & Readonly<{ effects?: readonly Readonly<{ verdict: Readonly<{ detail?: string }> }>[] }>)[];
    }>;

    const endOf = (golden: Golden) => run.ends.get(golden) as unknown as Line;

    function expectArrived(golden: Golden, mail: Leaving, detail: string): void {
      if (mail.door === "ses") {
        const sent = run.cloud.ses.sent.find(({ id }) => id === detail);
        expect([sent?.source, sent?.destinations]).toEqual([mail.from, [mail.to]]);
        expect(textOf(sent?.raw)).toBe(textOf(mail.octets));
        return;
      }
      const route = mail.door === "internal" ? "smtp" : way; // Postfix's other port
      const mailbox = mailboxOf(mail.to);
      const copies = golden.leaving.filter((each) => each?.door === mail.door && mailboxOf(each.to) === mailbox).length;
      const opened = inMailbox(mailbox, idIn(detail), route, copies);
      const kept = asKept(mail.octets, route, opened.octets);
      expect(opened.returnPath).toBe(mail.from);
      expect(textOf(opened.octets)).toBe(textOf(kept.octets));
      if (kept.changes.length > 0) changed.set(golden.name, kept.changes);
    }

    /** The mail that the server took under this id: one for each recipient, and tags of one mailbox are several. */
    function inMailbox(address: string, id: string, route: Way, copies: number): OpenedMail {
      const candidates = (found.get(address) ?? []).map((mail) => ({ mail, opened: openStored(mail, route) }));
      const taken = candidates.filter(({ opened }) => opened?.id === id);
      const next = taken.find(({ mail }) => !read.has(mail));
      if (!next?.opened || taken.length > copies) throw new Error(`${taken.length} of ${copies} mails of ${id} in ${address}`);
      read.add(next.mail);
      return next.opened;
    }

    /** Postfix takes it and gives it back to its sender; where nobody stands between, the worker keeps it and says so. */
    function expectUtf8Refused(golden: Golden): void {
      const { settlement, courses } = endOf(golden);
      const id = idIn(courses[0]?.effects?.[0]?.verdict.detail ?? "");
      if (way === "lmtp") expect(settlement).toMatchObject({ kind: "retry", reason: "refused-us" });
      else expect(run.server.postfixLog()).toMatch(new RegExp(`${id}: .*status=bounced \\(SMTPUTF8 is required`));
    }
  });
}

type Decided = Readonly<{ kind: string; recipient?: string; reason?: string; withheld?: readonly unknown[] }>;

/** What the log and the plan say alike of a course. */
function decisionOf({ kind, recipient, reason, withheld }: Decided): unknown {
  return { kind, recipient, reason, withheld };
}

function coursesOf({ plan }: Golden): readonly Decided[] {
  return plan.kind === "discard" ? [plan] : plan.courses;
}

/** Under which id the server says that it took a mail: Postfix's of the queue, or Dovecot's of the transaction. */
function idIn(detail: string): string {
  return (
    /queued as (\w+)|> (\S+?)(?::R\d+)? Saved/
      .exec(detail)
      ?.slice(1)
      .find((id) => id !== undefined) ?? ""
  );
}

function textOf(octets: Uint8Array | undefined): string {
  return Buffer.from(octets ?? []).toString("latin1");
}
