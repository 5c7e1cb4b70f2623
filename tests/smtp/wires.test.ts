// Wires: Bun's socket and the stream around it do the same with octets, with a slow reader and with each end of a connection.

import { afterEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { connect, createServer, Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { HandleWire, StreamWire, type Wire, wireOf } from "../../packages/smtp/wire.ts";
import { until } from "../until.ts";
import { selfSigned } from "./certificate.ts";
import { wires } from "./samples.ts";

const certificate = selfSigned();
const ends: (() => unknown)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

/** A connection on the loopback: the end with the wire, and the other one. */
async function connection(secure: boolean): Promise<Readonly<{ socket: Socket; server: Socket }>> {
  const accepted = Promise.withResolvers<Socket>();
  const accept = (socket: Socket) => accepted.resolve(socket.on("error", () => {}));
  const listener = secure ? createTlsServer({ ...certificate }, accept) : createServer(accept);
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as { port: number };
  const socket = secure ? connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }) : connect(port, "127.0.0.1");
  await new Promise<void>((resolve) => socket.once(secure ? "secureConnect" : "connect", () => resolve()));
  const server = await accepted.promise;
  ends.push(
    () => listener.close(),
    () => server.destroy(),
    () => socket.destroy(),
  );
  return { socket, server };
}

const drained = (wire: Wire) => new Promise<void>((resolve) => wire.drained(resolve));

test("wireOf() takes the socket inside where Bun has one, and the stream of any other", async () => {
  const { socket } = await connection(false);
  expect(wireOf(socket)).toBeInstanceOf(HandleWire);
  expect(wireOf(new Socket())).toBeInstanceOf(StreamWire);
  expect(wireOf(Object.assign(new Socket(), { _handle: { write: () => 0 } }))).toBeInstanceOf(StreamWire);
});

for (const secure of [false, true]) {
  for (const [name, maker] of wires) {
    const wireTo = async () => {
      const { socket, server } = await connection(secure);
      return { socket, server, wire: maker(socket) };
    };
    describe.skipIf(secure && certificate === null)(`Wire over ${name}${secure ? " with TLS" : ""}`, () => {
      test("write() keeps order when the socket takes a part, and drained() calls once, when it has the rest", async () => {
        const { server, wire } = await wireTo();
        server.pause();
        wire.listen(() => {});
        const [got, sent] = [createHash("sha256"), createHash("sha256")];
        let received = 0;
        const octets = Buffer.alloc(24_000_000, "0123456789abcdefghijklm");
        for (const each of ["RCPT TO:<j\u00fcrgen@example.com>\r\n", octets, "NOOP\r\n", octets.subarray(7, 90), "\u2713\r\n"]) {
          wire.write(each);
          sent.update(each);
        }
        expect(wire.isDrained).toBe(false);
        let calls = 0;
        wire.drained(() => calls++);
        server.on("data", (chunk: Buffer) => {
          got.update(chunk);
          received += chunk.length;
        });
        server.resume();
        const size = octets.length + Buffer.byteLength("RCPT TO:<j\u00fcrgen@example.com>\r\nNOOP\r\n\u2713\r\n") + 83;
        await until(() => received >= size && wire.isDrained, "octets are missing", 1);
        expect([received, calls]).toEqual([size, 1]);
        if (!wire.write("NOOP\r\n")) await drained(wire);
        await until(() => received === size + 6, "octets are missing", 1);
        expect([calls, got.digest("hex")]).toEqual([1, sent.update("NOOP\r\n").digest("hex")]);
      });

      test("listen() hands over what comes, and what came in the same turn", async () => {
        const { server, wire } = await wireTo();
        let text = "";
        server.write("250-a\r\n");
        wire.listen((octets) => (text += octets.toString()));
        server.write("250 b\r\n");
        await until(() => text === "250-a\r\n250 b\r\n", "octets are missing", 1);
      });

      test("the socket reports that the server ended the connection", async () => {
        const { socket, server, wire } = await wireTo();
        const events: string[] = [];
        for (const event of ["error", "close"]) socket.on(event, () => events.push(event));
        wire.listen(() => {});
        server.end("221 bye\r\n");
        socket.on("end", () => socket.end()); // as nodemailer does
        await until(() => events.length > 0, "no event", 1);
        expect(events).toEqual(["close"]);
      });

      test("the socket reports that the server reset the connection, and a wait for it never ends well", async () => {
        const { socket, server, wire } = await wireTo();
        const errors: string[] = [];
        let isDrained = false;
        socket.on("error", ({ message }) => errors.push(message));
        wire.listen(() => {});
        server.pause();
        wire.write(Buffer.alloc(24_000_000));
        wire.drained(() => (isDrained = true));
        server.resetAndDestroy();
        await until(() => socket.destroyed, "the connection is still there", 1);
        await new Promise<void>((resolve) => setImmediate(resolve));
        expect(errors.length).toBe(1);
        expect(errors[0]).toContain("ECONNRESET");
        if (name === "Bun's socket") expect(isDrained).toBe(false);
      });

      test("what the socket has not taken is not sent when this side closes", async () => {
        const { socket, server, wire } = await wireTo();
        let [received, isClosed] = [0, false];
        server.pause();
        wire.listen(() => {});
        wire.write(Buffer.alloc(24_000_000));
        wire.write("\r\n.\r\n");
        socket.destroy();
        server.on("data", (chunk: Buffer) => (received += chunk.length)).on("close", () => (isClosed = true));
        server.resume();
        await until(() => isClosed, "the connection is still there", 1);
        expect(received).toBeLessThan(24_000_000);
      });
    });
  }
}
