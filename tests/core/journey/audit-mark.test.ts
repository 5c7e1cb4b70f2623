import { expect, test } from "bun:test";
import { auditRecord, auditTexts } from "../../../packages/core/journey/audit-mark.ts";

test("F20 auditRecord() stays within 2 KB of printable ASCII, however many inboxes are invalid", () => {
  const invalidInboxes = Array.from({ length: 500 }, (_, i) => `jörg${i}\r\n@example.com`);
  const record = auditRecord(
    { status: "partial", invalidInboxes, blockedSender: "ü@x.test" },
    Date.parse("2026-01-05T12:00:00Z") as never,
    "worker-example.com",
  );
  expect(record["invalid_inboxes"]).toHaveLength(500);
  const trail = auditTexts(record);
  expect(JSON.stringify(trail).length).toBeLessThan(2048);
  for (const value of Object.values(trail)) expect(value).toMatch(/^[ -~]+$/);
  expect(trail).toMatchObject({ processed: "true", processed_at: "1767614400", blocked_sender: "%C3%BC@x.test" });
  expect(trail["invalid_inboxes"]).toMatch(/,\+\d+ more$/);
});
