// SMTP client for tests: a plain socket that sends and receives octets unchanged.

import { connect, type Socket } from "node:net";

/** A session with a server. */
export class SmtpClient {
  readonly #socket: Socket;
  #text = "";
  #ended = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => {
      this.#text += chunk.toString("latin1");
      this.#wake();
    });
    socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
    socket.on("error", () => {});
  }

  /** Connects, reads the greeting and says EHLO. */
  static async open(port: number): Promise<SmtpClient> {
    const client = new SmtpClient(connect(port, "127.0.0.1"));
    await client.answer();
    await client.say("EHLO client.test");
    return client;
  }

  /** Sends a command and reads its answer, the last line of it. */
  async say(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return this.answer();
  }

  /** Sends octets as they are. */
  write(octets: string | Uint8Array): void {
    this.#socket.write(typeof octets === "string" ? Buffer.from(octets, "latin1") : octets);
  }

  /** The next answer: all its lines, each without its line end. "" when the server went away. */
  async answer(): Promise<string> {
    for (;;) {
      const match = /^(?:\d\d\d-.*\r\n)*\d\d\d(?: .*)?\r\n/.exec(this.#text);
      if (match) {
        this.#text = this.#text.slice(match[0].length);
        return match[0].trimEnd();
      }
      if (this.#ended) return "";
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** One whole transaction; the answer to the final dot, or to what was refused. */
  async send(from: string, recipients: readonly string[], mail: Uint8Array): Promise<string> {
    await this.say(`MAIL FROM:<${from}> BODY=8BITMIME`);
    for (const recipient of recipients) await this.say(`RCPT TO:<${recipient}>`);
    const go = await this.say("DATA");
    if (!go.startsWith("354")) return go;
    this.write(stuffed(mail));
    this.write(".\r\n");
    return this.answer();
  }

  /** Closes the connection without QUIT. */
  hangUp(): void {
    this.#socket.destroy();
  }
}

/** Adds a dot to each line that begins with one (RFC 5321 §4.5.2). A mail must end with a line end. */
export function stuffed(mail: Uint8Array): Uint8Array {
  return Buffer.from(
    Buffer.from(mail)
      .toString("latin1")
      .replace(/(^|\r\n)\./g, "$1.."),
    "latin1",
  );
}
