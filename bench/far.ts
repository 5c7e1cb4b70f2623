// Far: a distance between a client and a server that both are on the loopback. What the client sends arrives a round trip
// later, and a new connection costs a round trip before that, as the handshake of TCP does. Answers come back at once, so
// that a question with its answer takes one round trip. The bandwidth is that of the loopback.

import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export type Far = Readonly<{ port: number; close(): void }>;

/** Puts a server that far away. 0: where it is. */
export async function far(port: number, roundTripMs: number): Promise<Far> {
  if (roundTripMs === 0) return { port, close: () => {} };
  const open = new Set<Socket>();
  const server = createServer((near) => {
    open.add(near);
    near.once("close", () => open.delete(near));
    relay(near, port, roundTripMs);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const close = () => {
    for (const socket of open) socket.destroy();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

/** The same for an endpoint of HTTP. */
export async function farEndpoint(endpoint: string, roundTripMs: number): Promise<Far & Readonly<{ endpoint: string }>> {
  const moved = await far(Number(new URL(endpoint).port), roundTripMs);
  return { ...moved, endpoint: `http://127.0.0.1:${moved.port}` };
}

function relay(near: Socket, port: number, roundTripMs: number): void {
  let server: Socket | null = null;
  const underWay: Buffer[] = [];
  near.setNoDelay(true);
  near.on("error", () => {});
  setTimeout(() => {
    server = connect(port, "127.0.0.1").setNoDelay(true);
    server.on("error", () => near.destroy());
    server.pipe(near);
  }, roundTripMs);
  near.on("data", (octets: Buffer) => {
    underWay.push(octets);
    setTimeout(() => server?.write(underWay.shift() ?? ""), roundTripMs);
  });
  near.on("end", () => setTimeout(() => server?.end(), roundTripMs));
  near.on("close", () => setTimeout(() => server?.destroy(), 2 * roundTripMs));
}
