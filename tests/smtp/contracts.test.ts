// Contracts: SmtpCourier keeps the contract of Courier, on both protocols, both routes and both wires.

import { courierContract } from "../contracts/courier.ts";
import { courierTo, wires } from "./samples.ts";
import { sinkServer } from "./sink-server.ts";

for (const [name, wireOf] of wires) {
  for (const [protocol, route] of [
    ["smtp", "mailbox"],
    ["lmtp", "mailbox"],
    ["smtp", "internal"],
  ] as const) {
    courierContract(`SmtpCourier by ${protocol} to "${route}" over ${name}`, async () => {
      const server = await sinkServer({ protocol });
      const courier = courierTo(server.port, protocol, {}, "127.0.0.1", wireOf);
      return {
        courier,
        route,
        mailsFor: async (address) =>
          server.mails.filter(({ recipients }) => recipients.includes(address)).map(({ data }) => new Uint8Array(data)),
        close: async () => {
          await courier.close();
          server.close();
        },
      };
    });
  }
}
