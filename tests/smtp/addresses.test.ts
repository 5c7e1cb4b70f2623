// Addresses: a host may have several, and one that is silent must not take all the time that there is for a connection.

import { afterEach, expect, spyOn, test } from "bun:test";
import dns from "node:dns";
import net, { createServer } from "node:net";
import { courierTo } from "./samples.ts";
import { portOf } from "./scripted-server.ts";
import { sinkServer } from "./sink-server.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

type Asked = (error: Error | null, addresses?: readonly string[]) => void;

/** The host `name` has these IPv4 addresses, and no others. */
function resolveTo(name: string, addresses: readonly string[]): void {
  const answer = (of: readonly string[]) => (host: string, asked: Asked) =>
    setImmediate(() => (host === name && of.length > 0 ? asked(null, of) : asked(Object.assign(new Error("none"), { code: "ENODATA" }))));
  for (const [method, of] of [["resolve4", addresses] as const, ["resolve6", []] as const]) {
    const spy = spyOn(dns.Resolver.prototype, method).mockImplementation(answer(of) as never);
    ends.push(() => spy.mockRestore());
  }
}

test("a connection divides its time among the addresses of the host", async () => {
  const server = await sinkServer();
  ends.push(server.close);
  resolveTo("two-addresses.test", ["127.0.0.1", "127.0.0.2"]);
  const connect = spyOn(net, "connect");
  ends.push(() => connect.mockRestore());
  const courier = courierTo(server.port, "smtp", { connectTimeoutMs: 3000 }, "two-addresses.test");
  ends.push(() => courier.close());
  expect((await courier.probe("mailbox")).kind).toBe("reachable");
  const [options] = connect.mock.calls.at(-1) as unknown as [{ autoSelectFamilyAttemptTimeout: number }];
  expect(options.autoSelectFamilyAttemptTimeout).toBeGreaterThan(1000);
  expect(options.autoSelectFamilyAttemptTimeout).toBeLessThan(2000);
});

test("a greeting may take longer than the connection", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => socket.write(chunk.toString().startsWith("QUIT") ? "221 bye\r\n" : "250 ok\r\n"));
    setTimeout(() => socket.write("220 at last\r\n"), 1300);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => server.close());
  const courier = courierTo(portOf(server), "smtp", { connectTimeoutMs: 1000, greetingTimeoutMs: 5000 });
  ends.push(() => courier.close());
  expect((await courier.probe("mailbox")).kind).toBe("reachable");
});
