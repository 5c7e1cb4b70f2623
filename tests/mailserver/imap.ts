// IMAP reader: logs in and fetches all mails of a mailbox, octet by octet (RFC 9051 §6.4.5, literals of §4.3). It only reads.

import { connect } from "node:net";

/** All mails of INBOX, in order, as they are stored, or a part of each. */
export async function fetchInbox(port: number, user: string, password: string, part: "" | "HEADER" = ""): Promise<readonly Buffer[]> {
  const session = new ImapSession(port);
  try {
    await session.greeting();
    await session.command(`LOGIN "${user}" "${password}"`);
    const selected = await session.command("SELECT INBOX");
    const count = Number(/\* (\d+) EXISTS/.exec(selected.text)?.[1] ?? 0);
    return count === 0 ? [] : (await session.command(`FETCH 1:* BODY.PEEK[${part}]`)).literals;
  } finally {
    session.end();
  }
}

type Answer = Readonly<{ text: string; literals: readonly Buffer[] }>;

class ImapSession {
  readonly #socket;
  #buffer = Buffer.alloc(0);
  #tag = 0;
  #wake: () => void = () => {};
  #failure: Error | null = null;

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.on("data", (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#wake();
    });
    const fail = (error: Error) => {
      this.#failure = error;
      this.#wake();
    };
    this.#socket.on("error", fail);
    this.#socket.on("close", () => fail(new Error("the IMAP session ended")));
  }

  async greeting(): Promise<void> {
    await this.#line();
  }

  async command(text: string): Promise<Answer> {
    const tag = `a${++this.#tag}`;
    this.#socket.write(`${tag} ${text}\r\n`);
    let said = "";
    const literals: Buffer[] = [];
    for (;;) {
      const line = await this.#line();
      said += `${line}\n`;
      if (line.startsWith(`${tag} `)) {
        if (!line.startsWith(`${tag} OK`)) throw new Error(`IMAP: ${text.split(" ")[0]}: ${line}`);
        return { text: said, literals };
      }
      const literal = /\{(\d+)\}$/.exec(line);
      if (literal) literals.push(await this.#octets(Number(literal[1])));
    }
  }

  end(): void {
    this.#socket.destroy();
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf("\r\n");
      if (end >= 0)
        return this.#take(end + 2)
          .toString("latin1")
          .slice(0, -2);
      await this.#more();
    }
  }

  async #octets(count: number): Promise<Buffer> {
    while (this.#buffer.length < count) await this.#more();
    return Buffer.from(this.#take(count));
  }

  #take(count: number): Buffer {
    const taken = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  async #more(): Promise<void> {
    if (this.#failure) throw this.#failure;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}
