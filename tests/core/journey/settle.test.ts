import { expect, test } from "bun:test";
import { backOff, delayed, type Final, type MailId, parseSmtpReply, settle, type Verdict, verdictOfReply } from "@sesame/core";
import { auditMetadata } from "../../../packages/core/journey/audit-mark.ts";
import { planOf } from "../sample.ts";

const mailId = "b/k" as MailId;
const ok: Final = { action: "delivered", detail: "250" };
const failed = (status: string): Final => ({ action: "failed", status, reason: "no-such-mailbox", scope: "recipient", detail: "550" });
const to = ["a@example.com", "b@example.com"];

async function statusOf(verdicts: readonly (Verdict | undefined)[], more = {}): Promise<unknown> {
  const decided = await planOf({ to, ...more });
  const keys = decided.courses.flatMap((course) => (course.kind === "serve" ? course.effects.map(({ key }) => key) : []));
  const settlement = settle(decided, mailId, new Map(keys.flatMap((key, i) => (verdicts[i] ? [[key, verdicts[i]]] : []))), 1, "delete");
  return settlement.kind === "retry"
    ? settlement.reason
    : [settlement.mark?.status, settlement.mark?.invalidInboxes.join(), settlement.erase].join(" ").trim();
}

test("settle() says how a mail ended, or why it must come back", async () => {
  const blocked = { blocked: { "*@example.com": ["*"] } };
  expect(await statusOf([ok, ok])).toBe("delivered  false");
  expect(await statusOf([ok, failed("5.1.1")])).toBe("partial b@example.com false");
  expect(await statusOf([failed("5.1.1"), failed("5.1.1")])).toBe("all_invalid a@example.com,b@example.com false");
  expect(await statusOf([failed("5.1.1"), failed("5.2.2")])).toBe("rejected a@example.com false");
  expect(await statusOf([], blocked)).toBe("blocked  true");
  expect(await statusOf([failed("5.1.1")], { blocked: { "b@example.com": ["*"] } })).toBe("all_invalid a@example.com false");
  expect(await statusOf([ok, delayed("try-later", "recipient", "450")])).toBe("try-later");
  expect(await statusOf([ok, undefined])).toBe("stopped");
});

test("settle() backs off with every receive but for what was not begun: ten of them are a dead letter", async () => {
  const decided = await planOf({ to: ["a@example.com"] });
  const pause = (verdict: Verdict, receiveCount: number = 5) => {
    const key = decided.courses.flatMap((course) => (course.kind === "serve" ? course.effects.map((effect) => effect.key) : []))[0];
    const settlement = settle(decided, mailId, new Map(key ? [[key, verdict]] : []), receiveCount, "delete");
    return settlement.kind === "retry" ? settlement.afterSeconds : "closed";
  };
  expect(pause(delayed("try-later", "recipient", "450"))).toBe(backOff(mailId, 5));
  expect(pause(delayed("try-later", "mail", "451"))).toBe(backOff(mailId, 5));
  // The circuit stops the pollers for the server of the mailboxes alone, and not where only its probes succeed.
  expect(pause(delayed("unreachable", "host", "refused"))).toBe(backOff(mailId, 5));
  expect(pause(delayed("stopped", "mail", "not begun"))).toBe(0);
  expect(pause(delayed("no-room", "mail", "full"), 1)).toBe(10);
  expect(pause(delayed("no-room", "mail", "full"))).toBe(backOff(mailId, 4));
});

test("backOff() doubles up to an hour, the same for each attempt that is the same", () => {
  const seconds = [1, 2, 3, 20].map((count) => backOff(mailId, count));
  const expected = [30, 60, 120, 3600];
  expect(seconds.map((value, i) => Math.abs(value / (expected[i] ?? 0) - 1) <= 0.11)).toEqual([true, true, true, true]);
  expect(backOff(mailId, 3)).toBe(seconds[2] ?? 0);
});

test("F20 auditMetadata() stays within 2 KB of printable ASCII, however many inboxes are invalid", () => {
  const invalidInboxes = Array.from({ length: 500 }, (_, i) => `jörg${i}\r\n@example.com`);
  const trail = auditMetadata(
    { status: "partial", invalidInboxes, blockedSender: "ü@x.test" },
    Date.parse("2026-01-05T12:00:00Z") as never,
    "worker-example.com",
  );
  expect(JSON.stringify(trail).length).toBeLessThan(2048);
  for (const value of Object.values(trail)) expect(value).toMatch(/^[ -~]+$/);
  expect(trail).toMatchObject({ processed: "true", processed_at: "1767614400", blocked_sender: "%C3%BC@x.test" });
  expect(trail["invalid_inboxes"]).toMatch(/,\+\d+ more$/);
});

const replies: [string, "session" | "mail" | "rcpt" | "data" | "dot", string][] = [
  ["550 5.1.1 User unknown", "rcpt", "failed no-such-mailbox"],
  ["550 no", "rcpt", "failed no-such-mailbox"],
  ["552 5.2.2 full", "rcpt", "failed mailbox-full"],
  ["452 4.2.2 full", "rcpt", "delayed try-later"],
  ["552 too many recipients", "rcpt", "delayed try-later"],
  ["552 5.3.4 too big", "dot", "failed too-big"],
  ["552 5.3.4 too big", "mail", "failed too-big"],
  ["554 5.7.1 relay access denied", "rcpt", "delayed refused-us"],
  ["454 4.7.1 relay access denied", "rcpt", "delayed refused-us"],
  ["550 5.7.1 SPF", "mail", "delayed refused-us"],
  ["535 5.7.8 credentials", "session", "delayed refused-us"],
  ["554 go away", "session", "delayed refused-us"],
  ["550 5.7.1 spam", "dot", "failed policy-refused"],
  ["554 5.6.0 broken", "dot", "failed content-refused"],
  ["450 5.1.1 the basic code wins", "rcpt", "delayed try-later"],
  ["421 4.3.2 going down", "dot", "delayed try-later"],
];
for (const [line, phase, expected] of replies) {
  test(`verdictOfReply() is ${expected} when ${phase} is answered ${line}`, () => {
    const reply = parseSmtpReply(line);
    if (!reply) throw new Error("no reply");
    const verdict = verdictOfReply(reply, phase, "recipient");
    expect(`${verdict.action} ${"reason" in verdict ? verdict.reason : ""}`).toBe(expected);
  });
}
