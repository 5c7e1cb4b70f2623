// Faults of a session's timing: a socket that times out first and breaks afterwards, when nobody waits for it any more. What is
// thrown then must end nowhere but in a verdict.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { courierTo, inOrder, transaction, words } from "../smtp/samples.ts";
import { portOf } from "../smtp/scripted-server.ts";
import { until } from "../until.ts";

const servers: Server[] = [];
const thrown: unknown[] = [];
const hear = (error: unknown) => void thrown.push(error);
const kinds = ["uncaughtException", "unhandledRejection"] as const;
beforeAll(() => {
  for (const kind of kinds) process.on(kind, hear);
});
afterAll(() => {
  for (const kind of kinds) process.off(kind, hear);
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

type Stage = "greeting" | "EHLO" | "MAIL" | "RCPT" | "DATA" | ".";
const stages: readonly Stage[] = ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "."];

/** Falls silent at a stage; when told, it still says something there, breaks off with an error, or both. */
async function silentAt(stage: Stage): Promise<{ port: number; late: (line: string | null) => void; open: () => number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    let [inData, text] = [false, ""];
    if (stage !== "greeting") socket.write("220 mx.test\r\n");
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      for (let end = text.indexOf("\r\n"); end >= 0; end = text.indexOf("\r\n")) {
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        if (inData && line !== ".") continue;
        if (line.startsWith(stage)) return;
        inData = line === "DATA";
        socket.write(inData ? "354 go\r\n" : "250 ok\r\n");
      }
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const late = (line: string | null) => {
    for (const socket of sockets) {
      if (line !== null) socket.write(`${line}\r\n`);
      socket.resetAndDestroy();
    }
  };
  return { port: portOf(server), late, open: () => sockets.size };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

for (const stage of stages) {
  for (const line of [null, "250 ok", "\0garbage", "421 bye"]) {
    test(`F53 a time-out and then ${line === null ? "a reset" : `${JSON.stringify(line)} and a reset`} at ${stage} throw nowhere`, async () => {
      const { port, late } = await silentAt(stage);
      const times = { greetingTimeoutMs: 40, commandTimeoutMs: 40, dataTimeoutMs: 40, dotTimeoutMs: 40, chunkTimeoutMs: 40 };
      const courier = courierTo(port, "smtp", times);
      const sending = courier.send("mailbox", transaction(["a@example.com"]));
      const early = await Promise.race([sending, new Promise<"late">((resolve) => setTimeout(resolve, 38, "late"))]);
      late(line); // about when the deadline passes
      const verdicts = early === "late" ? await sending : early;
      const [verdict] = inOrder(verdicts).map(words);
      expect(verdict).toMatch(
        stage === "." ? /^delayed (?:in-doubt|session-lost|try-later|protocol-error) \w+( twice\?)?$|^delivered$/ : /^delayed /,
      );
      late(line);
      await courier.close();
      for (let i = 0; i < 20; i++) await turn();
      expect(thrown).toEqual([]);
    });
  }
}

test("F53 a mail after twenty time-outs is delivered", async () => {
  const silent = await silentAt("MAIL");
  const courier = courierTo(silent.port, "smtp", { commandTimeoutMs: 20 });
  const all = await Promise.all(Array.from({ length: 20 }, () => courier.send("mailbox", transaction(["a@example.com"]))));
  expect(
    all
      .flatMap(inOrder)
      .map(words)
      .filter((each) => !each.startsWith("delayed ")),
  ).toEqual([]);
  silent.late(null);
  await courier.close();
  await until(() => silent.open() === 0, "a socket is left");
  const good = courierTo((await silentAt("nothing" as Stage)).port, "smtp");
  expect(inOrder(await good.send("mailbox", transaction(["a@example.com"]))).map(words)).toEqual(["delivered"]);
  await good.close();
  expect(thrown).toEqual([]);
});
