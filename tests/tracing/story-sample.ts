// Stories for tests: what the places say of mails, to be varied.

import type { EpochMs, Final, MailId } from "@sesame/core";
import type { LedgerEntry } from "@sesame/core/journey";
import type { Story, StoryEnd, StoryObject } from "../../apps/worker/tracing/story.ts";

export const id = "example-com-emails/5m0qbgf3fq190qxz2vfxnbs5qp2mm3ijgnfy4mhz" as MailId;
export const at = (time: string): EpochMs => Date.parse(`2026-11-24T${time}Z`) as EpochMs;

const delivered = (detail: string): Final => ({ action: "delivered", detail });

export const entry = (more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  mailId: id,
  state: "closed",
  until: null,
  since: at("03:12:31.602"),
  expires: Date.parse("2026-12-29T03:13:33Z") as EpochMs,
  crashes: 0,
  waiting: 0,
  ends: [],
  ...more,
});

export const end = (kind: StoryEnd["kind"], of: string, final: Final, time: string, more: Partial<StoryEnd> = {}): StoryEnd => ({
  kind,
  of,
  to: null,
  final,
  at: at(time),
  sent: null,
  ...more,
});

export const object: StoryObject = {
  size: 14_000,
  stamp: {
    id: "5m0qbgf3fq190qxz2vfxnbs5qp2mm3ijgnfy4mhz",
    recipient: "alice@example.com" as NonNullable<StoryObject["stamp"]>["recipient"],
    receivedAt: at("03:12:31"),
    reversePath: "bob@remote.test" as NonNullable<NonNullable<StoryObject["stamp"]>["reversePath"]>,
    verdicts: { spam: "PASS", virus: "PASS", spf: "PASS", dkim: "PASS", dmarc: "PASS", dmarcPolicy: null },
  },
  messageId: "<1@remote.test>",
  mark: { status: "delivered", by: "worker-example.com", at: at("03:13:33") },
};

const [alice, carol, dave] = ["alice@example.com", "carol@example.com", "dave@example.com"];

/** A mail for three: one has it at once, one a minute later, and one blocks its sender. */
export const story: Story = {
  mailId: id,
  state: "done",
  entry: entry(),
  object,
  ends: [
    end("deliver", alice, delivered("250 2.0.0 Ok: queued as 4XyZ12ab34z1K"), "03:12:31.900"),
    end("forward", alice, { action: "relayed", detail: "0100db01ee4316d6-56325f40-5760-ad7b-7fc3-ec2f902764d0-000000" }, "03:12:32.100", {
      to: "me@private.test",
      sent: { row: "present", bounced: [] },
    }),
    end("reply", alice, { action: "skipped", reason: "already-answered" }, "03:12:32.100"),
    end("deliver", carol, { action: "skipped", reason: "blocked", detail: "bob@remote.test" }, "03:12:32.110"),
    end("deliver", dave, delivered("250 2.0.0 Ok: queued as 4XyZ5Q0jTnz1M"), "03:13:33.020"),
  ],
  queues: [],
};
