// Contracts: SmtpCourier keeps the contract of Courier, on both protocols and both routes.

import { courierContract } from "../contracts/courier.ts";
import { courierTo } from "./samples.ts";
import { sinkServer } from "./sink-server.ts";

for (const [protocol, route] of [
  ["smtp", "mailbox"],
  ["lmtp", "mailbox"],
  ["smtp", "internal"],
] as const) {
  courierContract(`SmtpCourier by ${protocol} to "${route}"`, async () => {
    const server = await sinkServer({ protocol });
    const courier = courierTo(server.port, protocol);
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
