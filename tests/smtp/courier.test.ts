// Courier: its end, told from the server's side.

import { expect, test } from "bun:test";
import { SmtpCourier } from "@sesame/smtp";
import { inOrder, testOptions, transaction, words } from "./samples.ts";
import { scriptedServer } from "./scripted-server.ts";
import { bye, data } from "./scripts.ts";

const delivery = `${data}
  S: 250 ok`;

for (const how of ["close", "abort"] as const) {
  test(`${how}() waits until every idle session has said goodbye, on both routes`, async () => {
    const servers = [await scriptedServer(`${delivery}${bye}`), await scriptedServer(`${delivery}${bye}`)];
    const [mailbox, internal] = servers.map(({ port }) => ({ host: "127.0.0.1", port, protocol: "smtp" as const }));
    if (!mailbox || !internal) throw new Error("there are two servers");
    const courier = new SmtpCourier({ mailbox, internal }, testOptions);
    const sent = transaction(["alice@example.com"]);
    expect(inOrder(await courier.send("mailbox", sent)).map(words)).toEqual(["delivered"]);
    expect(inOrder(await courier.send("internal", sent)).map(words)).toEqual(["relayed"]);
    expect(courier.gauge).toEqual({ idle: 2, busy: 0 });
    await courier[how]();
    expect(servers.map((server) => server.received(0).endsWith("QUIT\r\n"))).toEqual([true, true]);
    expect(courier.gauge).toEqual({ idle: 0, busy: 0 });
    for (const server of servers) await server.played();
  });
}
