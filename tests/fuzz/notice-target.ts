// Notice target: what reads the bodies of queue entries.

import { decodeEntry, type EpochMs, parseAddress } from "@sesame/core";
import { envelope } from "../core/ses/notice-sample.ts";
import { entrySeeds } from "./seeds.ts";
import { asText, holds, holdsErrorText, type Target } from "./target.ts";

export const notice: Target = {
  name: "notice",
  seeds: entrySeeds,
  tokens: [
    ...([
      '{"Type":"Notification","Message":"',
      '"Records":[',
      '"notificationType":"Received"',
      '"recipients":[',
      '"a@example.com"',
      '"action":{"type":"S3"}',
    ] as const),
    ...[
      '"type":"SNS"',
      '"encoding":"BASE64"',
      '"content":',
      '"timestamp":',
      '"2026-01-05T12:00:00.000Z"',
      '"source":"<>"',
      "\\u0000",
      "\\ud800",
      "__proto__",
      "null",
      "[",
      "{",
      "}",
      "]",
      '"',
      ",",
      "\\",
      "AMAZON_SES_SETUP_NOTIFICATION",
      "\xef\xbb\xbf",
      "1e999",
      "Bounce",
      "Complaint",
    ],
  ],
  check(input) {
    const text = asText(input);
    const items = decodeEntry(text, 1 as EpochMs);
    if (!items.ok) {
      holdsErrorText(items.error);
      return items.error.split(":")[0]?.slice(0, 60) ?? "";
    }
    for (const item of items.value) {
      if (item.kind === "undecodable") holdsErrorText(item.error);
      if (item.kind !== "mail") continue;
      const { mailId, location, receivedAt, envelope: path } = item.notice;
      holds(
        path.recipients.length >= 1 && path.recipients.length <= 1000 && path.recipients.every((to) => typeof to === "string"),
        "recipients that are none",
      );
      holds(Number.isSafeInteger(receivedAt) && receivedAt >= 0, "a time that is none", receivedAt);
      holds(
        mailId.length > 4 && (location.kind === "object" ? mailId === `${location.bucket}/${location.key}` : mailId.startsWith("sns/")),
        "an id that is none",
        mailId,
      );
      holds(
        path.reversePath === null || path.reversePath === undefined || parseAddress(path.reversePath).ok,
        "a reverse-path that is none",
        path,
      );
    }
    const kinds = (list: typeof items.value) => list.map((item) => (item.kind === "ignored" ? item.reason : item.kind)).join();
    const wrapped = decodeEntry(JSON.stringify(envelope(text)), 1 as EpochMs);
    if (wrapped.ok)
      holds(kinds(wrapped.value) === kinds(items.value), "an envelope that changes what is inside", [
        kinds(wrapped.value),
        kinds(items.value),
      ]);
    else holds(/may have (?:4 envelopes|\d+ characters)/.test(wrapped.error), "an envelope that hides what is inside", wrapped.error);
    return kinds(items.value).slice(0, 80);
  },
};
