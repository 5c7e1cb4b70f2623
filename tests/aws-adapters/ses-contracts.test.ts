// Contracts: SesCourier keeps the contract of Courier, against the SES stub.

import { SesCourier } from "@sesame/aws-adapters";
import { courierContract } from "../contracts/courier.ts";
import { testClients } from "./emulator.ts";
import { startSesStub } from "./ses-stub.ts";

courierContract(
  "SesCourier",
  async () => {
    const stub = await startSesStub();
    const clients = testClients(stub.endpoint);
    return {
      courier: new SesCourier({ ...clients, maxRate: 1000 }),
      route: "ses",
      mailsFor: async (address) => stub.sent.filter(({ destinations }) => destinations.includes(address)).map(({ raw }) => raw),
      close: async () => {
        clients.close();
        await stub.close();
      },
    };
  },
  { skip: { "send() takes the null reverse-path": "SES refuses it, so such a mail waits" } },
);
