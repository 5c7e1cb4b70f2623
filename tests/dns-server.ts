// DNS server: answers MX questions from a table on a UDP port of 127.0.0.1, so that no test asks the Internet.

import { createSocket } from "node:dgram";

/** The hosts of each domain with their priorities. A domain that is absent does not exist; "refused": the server does not answer for it. */
export type MxTable = Readonly<Record<string, readonly (readonly [priority: number, host: string])[] | "refused">>;

export type DnsServer = Readonly<{ address: string; close(): Promise<void> }>;

export async function dnsServer(table: MxTable): Promise<DnsServer> {
  const socket = createSocket("udp4");
  socket.on("message", (question, { port, address }) => socket.send(answerTo(question, table), port, address));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const close = () => new Promise<void>((resolve) => socket.close(() => resolve()));
  return { address: `127.0.0.1:${socket.address().port}`, close };
}

function answerTo(question: Buffer, table: MxTable): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
    labels.push(question.toString("latin1", at + 1, at + 1 + length));
    at += length + 1;
  }
  const asked = question.subarray(12, at + 5);
  const found = table[labels.join(".").toLowerCase()];
  const code = found === undefined ? 3 : found === "refused" ? 5 : 0;
  const records = Array.isArray(found) ? (found as readonly (readonly [number, string])[]) : [];
  const header = Buffer.alloc(12);
  question.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | code, 2); // an answer, with recursion
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, asked, ...records.map(recordOf)]);
}

function recordOf([priority, host]: readonly [number, string]): Buffer {
  const labels = host.split(".").filter((label) => label !== "");
  const name = Buffer.concat([
    ...labels.map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, "latin1")),
    Buffer.alloc(1),
  ]);
  const head = Buffer.alloc(14);
  head.writeUInt16BE(0xc00c, 0); // the name of the question
  head.writeUInt16BE(15, 2); // MX
  head.writeUInt16BE(1, 4); // IN
  head.writeUInt32BE(60, 6);
  head.writeUInt16BE(name.length + 2, 10);
  head.writeUInt16BE(priority, 12);
  return Buffer.concat([head, name]);
}
