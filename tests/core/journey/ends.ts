// One mail on its whole way, and how its effects ended.

import type { Address, Final } from "@sesame/core";
import type { TestWay } from "../../journey/way.ts";

export const mail = "From: Bob <bob@remote.test>\r\nTo: alice@example.com\r\nSubject: Hi\r\n\r\nHello\r\n";
export const [alice, bob] = ["alice@example.com" as Address, "bob@remote.test" as Address];

export const good: Final = { action: "delivered", detail: "250" };

/** What the journal tells of replies, or forwards, in one receive. */
export async function endsOf(effect: "forward" | "reply", way: TestWay): Promise<readonly string[]> {
  way.journal.events.length = 0;
  await way.receive();
  return way.journal.events.flatMap((event) => {
    if (event.kind !== "deed" || event.effect !== effect) return [];
    const { verdict } = event;
    return ["reason" in verdict ? `${verdict.action} ${verdict.reason}` : verdict.action];
  });
}
