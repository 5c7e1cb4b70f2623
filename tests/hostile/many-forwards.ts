// A process of its own: takes one mail with a header of 100 KB through the whole journey, to 100 recipients with 50 forwards
// each, on ports that keep nothing. It prints how many mails were sent and the most memory that the process had.

import { existsSync, readFileSync } from "node:fs";
import type { Courier } from "@sesame/core";
import { pauseEachTurn } from "../../apps/worker/turn-taking.ts";
import { TestWay } from "../journey/way.ts";

const recipients = Array.from({ length: 100 }, (_, i) => `a${i}@example.com`);
const received = `Received: from ${"h".repeat(900)}.x.test; Mon, 05 Jan 2026 12:00:00 +0000\r\n`.repeat(28);
const references = `References: ${Array.from({ length: 100 }, (_, i) => `<${"r".repeat(230)}${i}@x.test>`).join("\r\n ")}\r\n`;
const header = `From: Bob <bob@remote.test>\r\nTo: a0@example.com\r\n${received}${references}${`X-Long: ${"x".repeat(900)}\r\n`.repeat(60)}`;
const way = new TestWay(`${header}Subject: Hi\r\n\r\n${"Hello\r\n".repeat(6000)}`, { recipients });
const forwards = Array.from({ length: 50 }, (_, i) => `t${i}@remote.test`);
for (const recipient of recipients) way.directory.rule(recipient, { forwards });

let sent = 0;
const courier: Courier = {
  send: async (route, { recipients }) => {
    sent += recipients.length;
    return new Map(recipients.map(({ key }) => [key, { action: route === "mailbox" ? "delivered" : "relayed", detail: "250" }]));
  },
};
const outcome = await way.receive({ courier, pause: pauseEachTurn() });
// The operating system's `maxRSS` of a child includes what its parent had before it became another program.
const peak = existsSync("/proc/self/status") ? /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "latin1"))?.[1] : undefined;
const megabytes = Math.round(Number(peak ?? process.resourceUsage().maxRSS) / 1024);
process.stdout.write(JSON.stringify({ outcome, sent, header: header.length, megabytes }));
