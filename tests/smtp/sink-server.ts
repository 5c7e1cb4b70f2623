// Sink server: an SMTP or LMTP server on a loopback port that takes every mail and keeps it, as its own side of the wire
// saw it. For what a script cannot say: many sessions, large mails, slow readers.

import { createServer, type Socket } from "node:net";
import { portOf } from "./scripted-server.ts";

export type SinkMail = { from: string; recipients: string[]; data: Buffer };

export type SinkOptions = {
  protocol?: "smtp" | "lmtp";
  /** Answers to EHLO after the first line. */
  extensions?: readonly string[];
  /** Processes of the server: further connections wait without a greeting until one of these has ended, as with Postfix. */
  processes?: number;
  /** The greeting of a connection. */
  greeting?: (connection: number) => string;
  /** False: the octets are counted and forgotten. */
  keep?: boolean;
  /** Called for each line of a command; an answer replaces the usual one. */
  answer?: (line: string, connection: number) => string | null;
  /** Waited for before the final dot of a mail that is taken is answered. */
  hold?: (connection: number) => Promise<void>;
  /** Called for each chunk. */
  onData?: (socket: Socket, chunk: Buffer) => void;
};

export type SinkServer = {
  port: number;
  mails: SinkMail[];
  /** Commands of all connections, each with the number of its connection. */
  commands: string[];
  octets: () => number;
  open: () => number;
  /** Connections that wait for a process. */
  queued: () => number;
  connections: () => number;
  /** Says a line on every connection without being asked. */
  say: (line: string) => void;
  /** Drops all connections, as a server that is restarted does. */
  drop: () => void;
  close: () => void;
};

export async function sinkServer(options: SinkOptions = {}): Promise<SinkServer> {
  const state = { mails: [] as SinkMail[], commands: [] as string[], octets: 0, connections: 0 };
  const sockets = new Set<Socket>();
  const queue: Socket[] = [];
  const served = new Set<Socket>();
  const serve = () => {
    while (queue.length > 0 && served.size < (options.processes ?? Number.POSITIVE_INFINITY)) {
      const socket = queue.shift() as Socket;
      served.add(socket);
      greet(socket);
    }
  };
  const greet = (socket: Socket) => {
    const greeting = options.greeting?.(state.connections) ?? "220 sink";
    const talk = new Talk(socket, state.connections++, options, state);
    socket.on("data", (chunk: Buffer) => {
      state.octets += chunk.length;
      options.onData?.(socket, chunk);
      talk.take(chunk);
    });
    socket.write(`${greeting}\r\n`);
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      served.delete(socket);
      if (queue.includes(socket)) queue.splice(queue.indexOf(socket), 1);
      serve();
    });
    queue.push(socket);
    serve();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: portOf(server),
    mails: state.mails,
    commands: state.commands,
    octets: () => state.octets,
    open: () => sockets.size,
    queued: () => queue.length,
    connections: () => state.connections,
    say: (line) => {
      for (const socket of sockets) socket.write(`${line}\r\n`);
    },
    drop,
    close: () => {
      drop();
      server.close();
    },
  };
}

/** For `onData`: reads a mail when so many are on their way at once, and then slowly, with a pause after each chunk. */
export function readTogether(mails: number, pauseMs: number): NonNullable<SinkOptions["onData"]> {
  const gathered = new Set<Socket>();
  const released = new WeakSet<Socket>();
  const isCommand = (chunk: Buffer) => chunk.length < 1000;
  return (socket, chunk) => {
    socket.pause();
    if (isCommand(chunk) || released.has(socket)) return void setTimeout(() => socket.resume(), pauseMs);
    gathered.add(socket);
    if (gathered.size < mails) return;
    for (const each of gathered) {
      released.add(each);
      each.resume();
    }
    gathered.clear();
  };
}

class Talk {
  readonly #socket: Socket;
  readonly #number: number;
  readonly #options: SinkOptions;
  readonly #state: { mails: SinkMail[]; commands: string[] };
  #chunks: Buffer[] = [];
  #tail = Buffer.alloc(0);
  #inData = false;
  #mail: SinkMail = { from: "", recipients: [], data: Buffer.alloc(0) };

  constructor(socket: Socket, number: number, options: SinkOptions, state: { mails: SinkMail[]; commands: string[] }) {
    this.#socket = socket;
    this.#number = number;
    this.#options = options;
    this.#state = state;
  }

  take(chunk: Buffer): void {
    let left = Buffer.concat([this.#tail, chunk]);
    this.#tail = Buffer.alloc(0);
    while (left.length > 0) {
      const next = this.#inData ? this.#takeData(left) : this.#takeLine(left);
      if (next === null) return;
      left = next;
    }
  }

  #takeLine(left: Buffer): Buffer<ArrayBuffer> | null {
    const end = left.indexOf("\r\n");
    if (end < 0) {
      this.#tail = Buffer.from(left);
      return null;
    }
    this.#command(left.subarray(0, end).toString("latin1"));
    return Buffer.from(left.subarray(end + 2));
  }

  #takeData(left: Buffer): Buffer<ArrayBuffer> | null {
    if (this.#chunks.length === 0 && left.toString("latin1") === ".\r\n") {
      this.#finish(); // for nobody
      return null;
    }
    const end = left.indexOf("\r\n.\r\n");
    if (end < 0) {
      const keep = Math.min(4, left.length);
      if (this.#options.keep !== false) this.#chunks.push(Buffer.from(left.subarray(0, left.length - keep)));
      this.#tail = Buffer.from(left.subarray(left.length - keep));
      return null;
    }
    this.#chunks.push(Buffer.from(left.subarray(0, end + 2)));
    this.#finish();
    return Buffer.from(left.subarray(end + 5));
  }

  #finish(): void {
    const wire = Buffer.concat(this.#chunks).toString("latin1");
    this.#mail.data = Buffer.from(wire.replace(/(^|\r\n)\./g, "$1"), "latin1");
    this.#state.mails.push(this.#mail);
    const answers = this.#options.protocol === "lmtp" ? this.#mail.recipients.length : 1;
    const say = () => {
      for (let at = 0; at < answers; at++) this.#say(this.#options.answer?.(".", this.#number) ?? "250 2.0.0 taken");
    };
    if (this.#options.hold) void this.#options.hold(this.#number).then(say);
    else say();
    this.#chunks = [];
    this.#inData = false;
  }

  #command(line: string): void {
    this.#state.commands.push(`${this.#number} ${line}`);
    const own = this.#options.answer?.(line, this.#number) ?? null;
    const path = /<(.*)>/.exec(line)?.[1] ?? "";
    if (own !== null) this.#say(own);
    else if (/^(EHLO|LHLO)/.test(line))
      this.#say(
        ["sink", ...(this.#options.extensions ?? ["PIPELINING", "8BITMIME"])]
          .map((each, index, all) => `250${index < all.length - 1 ? "-" : " "}${each}`)
          .join("\r\n"),
      );
    else if (/^MAIL/.test(line)) this.#begin(path);
    else if (/^RCPT/.test(line)) this.#recipient(path);
    else if (line === "DATA") this.#data();
    else if (line === "QUIT") this.#socket.end("221 bye\r\n");
    else this.#say("250 ok");
  }

  #begin(from: string): void {
    this.#mail = { from, recipients: [], data: Buffer.alloc(0) };
    this.#say("250 ok");
  }

  #recipient(path: string): void {
    this.#mail.recipients.push(path);
    this.#say("250 ok");
  }

  #data(): void {
    this.#inData = true;
    this.#say("354 go");
  }

  #say(text: string): void {
    this.#socket.write(`${text}\r\n`);
  }
}
