// Misbehaving servers: the 22 that Dovecot tests its client with, mox's 16, and 6 that only LMTP knows, as scripts. What
// becomes of the mail, and whether its session may be used again.

import { describe, expect, spyOn, test } from "bun:test";
import dns from "node:dns";
import { SmtpCourier } from "@sesame/smtp";
import { inOrder, testOptions, transaction, words } from "../smtp/samples.ts";
import { type ScriptedServer, scriptedServer } from "../smtp/scripted-server.ts";
import { until } from "../until.ts";
import { misbehaving, misbehavingTable } from "./misbehaving.ts";
import { pageSection, writtenSection } from "./page.ts";
import type { Row } from "./server-row.ts";

for (const [source, servers, count] of misbehaving) {
  describe(`SmtpCourier against ${source}'s misbehaving servers`, () => {
    test(`there are ${count}, each with a name of its own`, () => {
      expect(new Set(servers.map(({ name }) => name)).size).toBe(count);
      expect(servers.length).toBe(count);
    });
    for (const row of servers) {
      const number = row.number === undefined ? "" : `${row.number} `;
      test(`${number}send() is ${row.verdicts.join(", ")}, session ${row.session}, when the server is "${row.name}"`, () => play(row));
    }
  });
}

test("docs/reliability.md shows the misbehaving servers as they are played", () => {
  expect(writtenSection("misbehaving", misbehavingTable())).toBe(pageSection("misbehaving"));
});

let names = 0;

async function play(row: Row): Promise<void> {
  const { scripts, protocol = "smtp", to = ["alice@example.com"], options = {}, content, dns: resolver } = row;
  const server = await scriptedServer(...scripts);
  if (scripts.length === 0) await server.played(); // nobody listens any more
  const host = resolver === undefined ? "127.0.0.1" : `mail-${++names}.example.invalid`;
  const target = { host, port: server.port, protocol };
  const courier = new SmtpCourier({ mailbox: target, internal: target }, { ...testOptions, poolSize: 1, ...options });
  const restore = resolver === undefined ? () => {} : misresolve(resolver);
  const sending = courier.send("mailbox", transaction(to, content === undefined ? {} : { content }));
  if (row.ours !== undefined) await spoken(server, scripts[0] ?? "");
  if (row.ours === "abort") await courier.abort();
  const closing = row.ours === "close" ? courier.close() : null;
  const verdicts = inOrder(await sending).map(words);
  restore();
  await until(() => courier.gauge.busy === 0, "a session stays busy", 5);
  expect({ verdicts, sessions: courier.gauge.idle }).toEqual({ verdicts: [...row.verdicts], sessions: row.session === "kept" ? 1 : 0 });
  await closing;
  await courier.close();
  if (scripts.length > 0) await server.played();
}

/** Until the client has connected, and said its last line where the script waits for one. */
async function spoken(server: ScriptedServer, script: string): Promise<void> {
  const hasSpoken = () => server.connections() > 0 && (!script.includes("MAIL") || server.received(0).includes("MAIL"));
  await until(hasSpoken, "the client does not come", 5);
}

type Failed = (error: Error & { code: string }) => void;

/** Lets every look-up of a name end badly, or never. */
function misresolve(how: NonNullable<Row["dns"]>): () => void {
  const code = how === "unknown" ? "ENOTFOUND" : "ESERVFAIL";
  const fail = (...args: unknown[]) => {
    const done = args.at(-1) as Failed;
    if (how !== "silent") setImmediate(() => done(Object.assign(new Error(`query ${code}`), { code })));
  };
  class Resolver {
    resolve4 = fail;
    resolve6 = fail;
    cancel(): void {}
  }
  const spy = spyOn(dns, "lookup").mockImplementation(fail as never);
  const { Resolver: real } = dns;
  dns.Resolver = Resolver as never;
  return () => {
    spy.mockRestore();
    dns.Resolver = real;
  };
}
