// Exchange load: a program that makes 4,000 calls, 128 at once, to three TLS servers of its own, and prints how many
// connections they took. For exchange.test.ts, because the CA certificates of a process are read at its start.

import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { troubleOf } from "@sesame/aws-adapters";
import { fetchExchange } from "../../apps/worker/exchange.ts";

const [keyFile = "", certFile = ""] = process.argv.slice(2);
const [key, cert] = [readFileSync(keyFile), readFileSync(certFile)];
const [window, total, delaysMs] = [128, 4000, [12, 3, 5]];
const exchange = fetchExchange();
if (exchange === undefined) throw new Error("Cannot make calls: Bun has no sessions");

let handshakes = 0;
const ports = await Promise.all(delaysMs.map(serve));

/** Answers each request after some time, as AWS does. */
async function serve(delayMs: number): Promise<number> {
  const server = createTlsServer({ key, cert }, (socket: TLSSocket) => {
    handshakes++;
    let held = "";
    socket.on("error", () => {}); // the program ends with open connections
    socket.on("data", (octets) => {
      held += octets.toString("latin1");
      for (let end = held.indexOf("\r\n\r\n"); end >= 0; end = held.indexOf("\r\n\r\n")) {
        held = held.slice(end + 4);
        setTimeout(() => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), delayMs);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

let calls = 0;
try {
  const signal = new AbortController().signal;
  const worker = async () => {
    while (calls < total) {
      const url = `https://localhost:${ports[calls++ % ports.length]}/`;
      await (await exchange({ method: "GET", url, headers: {} }, signal)).text();
    }
  };
  await Promise.all(Array.from({ length: window }, worker));
  console.log(JSON.stringify({ handshakes, calls }));
} catch (error) {
  console.log(JSON.stringify({ trouble: troubleOf(error).kind }));
}
process.exit(0);
