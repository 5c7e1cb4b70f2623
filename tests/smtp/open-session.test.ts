// What the server offers in its answer to EHLO, and how an opening ends: read by SmtpCourier.probe().

import { expect, test } from "bun:test";
import { courierTo } from "./samples.ts";
import { scriptedServer } from "./scripted-server.ts";
import { bye } from "./scripts.ts";

type Offered = readonly [lines: readonly string[], smtpUtf8: boolean, sizeLimit: number | null];

const offers: readonly Offered[] = [
  [["mx.test"], false, null],
  [["mx.test", "SIZE 1000"], false, 1000],
  [["mx.test", "size 1000"], false, 1000],
  [["mx.test", "SIZE   1000"], false, 1000],
  [["mx.test", "SIZE 1000 "], false, 1000],
  [["mx.test", "SIZE 0"], false, null], // no fixed limit (RFC 1870 §4)
  [["mx.test", "SIZE"], false, null],
  [["mx.test", "SIZE many"], false, null],
  [["mx.test", "SIZE", "SIZE 1000"], false, 1000],
  [["mx.test", "SIZE1000"], false, null],
  [["mx.test", "XSIZE 1000"], false, null],
  [["SIZE 1000", "PIPELINING"], false, null], // the first line names the server
  [["mx.test", "SMTPUTF8"], true, null],
  [["mx.test", "smtputf8"], true, null],
  [["mx.test", "SMTPUTF8 and more"], true, null],
  [["mx.test", "SMTPUTF8X"], false, null],
  [["mx.test", "XSMTPUTF8"], false, null],
  [["SMTPUTF8 mx.test"], false, null],
  [["mx.test", "8BITMIME", "SIZE 1000", "SMTPUTF8"], true, 1000],
];

const ehloOf = (lines: readonly string[]) =>
  lines.map((line, index) => `\n S: 250${index === lines.length - 1 ? " " : "-"}${line}`).join("");

for (const [lines, smtpUtf8, sizeLimit] of offers) {
  test(`probe() sees ${smtpUtf8 ? "SMTPUTF8" : "no SMTPUTF8"} and ${sizeLimit ?? "no"} limit in ${JSON.stringify(lines)}`, async () => {
    const server = await scriptedServer(`S: 220 mx.test\n C: EHLO worker.test${ehloOf(lines)}${bye}`);
    const courier = courierTo(server.port, "smtp");
    expect(await courier.probe("mailbox")).toEqual({ kind: "reachable", capabilities: { smtpUtf8, sizeLimit, secure: false } });
    await courier.close();
    await server.played();
  });
}

test("probe() believes no extension of a server that refused EHLO and took HELO", async () => {
  const refused = `S: 220 mx.test\n C: EHLO worker.test\n S: 502-SMTPUTF8\n S: 502-SIZE 10\n S: 502 no`;
  const server = await scriptedServer(`${refused}\n C: HELO worker.test\n S: 250-mx.test\n S: 250-SMTPUTF8\n S: 250 SIZE 1000${bye}`);
  const courier = courierTo(server.port, "smtp");
  const capabilities = { smtpUtf8: false, sizeLimit: null, secure: false };
  expect(await courier.probe("mailbox")).toEqual({ kind: "reachable", capabilities });
  await courier.close();
  await server.played();
});

test("probe() reads the offers of LHLO as those of EHLO", async () => {
  const server = await scriptedServer(`S: 220 mx.test\n C: LHLO worker.test${ehloOf(["mx.test", "SIZE 1000", "SMTPUTF8"])}${bye}`);
  const courier = courierTo(server.port, "lmtp");
  expect(await courier.probe("mailbox")).toMatchObject({ capabilities: { smtpUtf8: true, sizeLimit: 1000 } });
  await courier.close();
  await server.played();
});
