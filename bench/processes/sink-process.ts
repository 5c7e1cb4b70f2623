// Sink process: a quick SMTP server that takes every mail, notes its checksum and forgets it. It waits for some milliseconds before
// it answers the final dot, as a mail server does that writes to its disk, and it may read slowly, all mails at once. `smtp-sink` of Postfix can do
// neither in milliseconds.

import { crc32 } from "node:zlib";
import type { Socket } from "bun";

/** What came since the last question: mails by their CRC-32, as the client wrote them. */
export type Taken = Readonly<Record<string, number>>;

export type SinkNews = { readonly kind: "started"; readonly port: number } | { readonly kind: "taken"; readonly mails: Taken };

/** Tells what came, and forgets it. `together`: no mail is read further until so many are on their way. */
export type SinkOrder = Readonly<{ together: number }>;

type Session = { tail: Buffer; inData: boolean; checksum: number; isReleased: boolean };

const [dotMs = 0, pauseMs = 0] = process.argv.slice(2).map(Number);
const tell = (news: SinkNews) => process.send?.(news);
const endOfData = Buffer.from("\r\n.\r\n");
const lineEnd = 2; // of the last line of a mail, which the end of data begins with
let taken: Record<string, number> = {};
let together = 0;
let gathered: Socket<Session>[] = [];

const server = Bun.listen<Session>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open: (socket) => {
      socket.data = { tail: Buffer.alloc(0), inData: false, checksum: 0, isReleased: false };
      socket.write("220 sink.test\r\n");
    },
    data: (socket, octets) => {
      take(socket, Buffer.from(octets.buffer, octets.byteOffset, octets.length));
      if (pauseMs > 0) pause(socket);
    },
    error: () => {},
  },
});

process.on("message", (order: SinkOrder) => {
  tell({ kind: "taken", mails: taken });
  taken = {};
  together = order.together;
});
process.on("disconnect", () => process.exit(0));
tell({ kind: "started", port: server.port });

/** Reads on later: the first time when enough mails are on their way. */
function pause(socket: Socket<Session>): void {
  socket.pause();
  if (!socket.data.inData || socket.data.isReleased) return void setTimeout(() => socket.resume(), pauseMs);
  gathered.push(socket);
  if (gathered.length < together) return;
  for (const each of gathered) {
    each.data.isReleased = true;
    each.resume();
  }
  gathered = [];
}

/** Takes octets of commands and of mails. Of a mail only as many are kept as the final dot may need. */
function take(socket: Socket<Session>, octets: Buffer): void {
  const session = socket.data;
  let left = session.tail.length === 0 ? octets : Buffer.concat([session.tail, octets]);
  session.tail = Buffer.alloc(0);
  let answers = "";
  while (left.length > 0) {
    const end = left.indexOf(session.inData ? endOfData : "\r\n");
    if (end < 0) {
      const kept = session.inData ? Math.min(left.length, endOfData.length - 1) : left.length;
      session.checksum = crc32(left.subarray(0, left.length - kept), session.checksum);
      session.tail = Buffer.from(left.subarray(left.length - kept));
      break;
    }
    if (session.inData) {
      session.inData = false;
      answers += acceptance(socket, crc32(left.subarray(0, end + lineEnd), session.checksum));
      left = left.subarray(end + endOfData.length);
    } else {
      answers += answerTo(left.toString("latin1", 0, end), session);
      left = left.subarray(end + 2);
    }
  }
  if (answers !== "") socket.write(answers);
}

function acceptance(socket: Socket<Session>, checksum: number): string {
  taken[checksum] = (taken[checksum] ?? 0) + 1;
  const answer = "250 2.0.0 taken\r\n";
  if (dotMs === 0) return answer;
  setTimeout(() => socket.write(answer), dotMs);
  return "";
}

function answerTo(line: string, session: Session): string {
  const verb = line.slice(0, 4).toUpperCase();
  if (verb === "EHLO")
    return "250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 52428800\r\n";
  if (verb === "DATA") {
    session.inData = true;
    session.checksum = 0;
    return "354 go on\r\n";
  }
  return verb === "QUIT" ? "221 2.0.0 bye\r\n" : "250 2.0.0 ok\r\n";
}
