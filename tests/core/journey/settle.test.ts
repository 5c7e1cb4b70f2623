import { expect, test } from "bun:test";
import { delayed, type Final, type MailId, settle, type Verdict } from "@sesame/core";
import { backOff } from "../../../packages/core/journey/retry-delay.ts";
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
  expect(await statusOf([ok, failed("5.7.1")])).toBe("partial  false"); // a failure that is not about the mailbox
  expect(await statusOf([failed("5.1.1"), failed("5.1.1")])).toBe("all_invalid a@example.com,b@example.com false");
  expect(await statusOf([failed("5.1.1"), failed("5.2.2")])).toBe("rejected a@example.com false");
  expect(await statusOf([], blocked)).toBe("blocked  true");
  expect(await statusOf([failed("5.1.1")], { blocked: { "b@example.com": ["*"] } })).toBe("all_invalid a@example.com false");
  expect(await statusOf([ok, delayed("try-later", "recipient", "450")])).toBe("try-later");
  expect(await statusOf([ok, undefined])).toBe("stopped");
});

test("settle() keeps a discarded mail, whatever becomes of one that all recipients block, and says that it was rejected", () => {
  for (const reason of ["spam-verdict", "virus-verdict"] as const) {
    for (const blockedMail of ["delete", "keep"] as const) {
      const settlement = settle({ kind: "discard", reason, bounce: "not-a-bounce" }, mailId, new Map(), 1, blockedMail);
      const mark = { status: "rejected" as const, invalidInboxes: [], blockedSender: null };
      expect(settlement).toEqual({ kind: "close", mark, erase: false });
    }
  }
});

test("settle() erases a mail only where all recipients block it and blocked mail is deleted", async () => {
  const decided = await planOf({ to, blocked: { "*@example.com": ["*"] } });
  const erases = (blockedMail: "delete" | "keep") => settle(decided, mailId, new Map(), 1, blockedMail);
  const mark = { status: "blocked" as const, invalidInboxes: [], blockedSender: "bob@remote.test" };
  expect(erases("delete")).toEqual({ kind: "close", mark, erase: true });
  expect(erases("keep")).toEqual({ kind: "close", mark, erase: false });
});

test("settle() counts a recipient who is refused as one who was not reached", async () => {
  expect(await statusOf([ok], { to: ["a@example.com", "x@elsewhere.test"] })).toBe("partial  false");
  expect(await statusOf([], { to: ["x@elsewhere.test"] })).toBe("rejected  false");
  expect(await statusOf([], { to: ["a@example.com", "x@elsewhere.test"], blocked: { "a@example.com": ["*"] } })).toBe("rejected  false");
});

test("settle() erases no mail of nobody", async () => {
  const settlement = settle({ ...(await planOf({})), courses: [] }, mailId, new Map(), 1, "delete");
  expect(settlement).toMatchObject({ kind: "close", mark: { status: "rejected" }, erase: false });
});

test("settle() waits for the first effect that is not final, in the order of the plan", async () => {
  const decided = await planOf({ to });
  const [a, b] = decided.courses.flatMap((course) => (course.kind === "serve" ? course.effects.map(({ key }) => key) : []));
  if (!a || !b) throw new Error("there are two effects");
  const verdicts = new Map<typeof a, Verdict>([
    [b, delayed("stopped", "mail", "not begun")],
    [a, delayed("try-later", "recipient", "450")],
  ]);
  expect(settle(decided, mailId, verdicts, 3, "delete")).toEqual({ kind: "retry", afterSeconds: backOff(mailId, 3), reason: "try-later" });
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
