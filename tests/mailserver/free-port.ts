// Free ports of the loopback, for servers that must be told their port before they start.

import { type AddressInfo, createServer } from "node:net";

/** So many ports that nobody listens on now. */
export async function freePorts(count: number, host = "127.0.0.1"): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve, reject) => {
        server.once("error", reject);
        server.listen(0, host, () => resolve(server));
      });
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}
