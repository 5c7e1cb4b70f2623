// Wire: the connection of a session after EHLO and AUTH, as octets that go out and octets that come in. A node:net socket is one.
// Under Bun it is the socket inside: without the streams around it a mail takes half of the processor time.
// It does not open, end or encrypt a connection: nodemailer does, and its socket reports how the connection ended.

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Writable } from "node:stream";

/** Takes the octets of the server. */
export type Receiver = (octets: Buffer) => void;

/** The octets of one connection. A text is sent as UTF-8. */
export interface Wire {
  /**
   * Sends octets behind those before. True: the socket has taken everything. False: the octets of this call must stay as they
   * are until `drained` calls.
   */
  write(octets: Uint8Array | string): boolean;
  /** Whether the socket has taken everything. */
  readonly isDrained: boolean;
  /** Calls `run` once, when the socket has taken everything. A later call replaces it. Never called if the connection ends before. */
  drained(run: () => void): void;
  /** Hands over what the server sends from now on. Nobody else gets it afterwards. */
  listen(receiver: Receiver): void;
}

/** How a session gets its wire. */
export type WireMaker = (socket: Socket) => Wire;

/** The wire of a socket: `HandleWire` where the runtime has such a socket, otherwise `StreamWire`. */
export const wireOf: WireMaker = (socket) => {
  const handle: unknown = Reflect.get(socket, "_handle");
  return isHandle(handle) ? new HandleWire(socket, handle) : new StreamWire(socket);
};

/** A stream of node:net or node:tls. */
export class StreamWire implements Wire {
  readonly #socket: Writable;
  #waiting = 0;
  #drained: () => void = () => {};

  constructor(socket: Writable) {
    this.#socket = socket;
  }

  get isDrained(): boolean {
    return this.#waiting === 0;
  }

  write(octets: Uint8Array | string): boolean {
    this.#waiting++;
    this.#socket.write(octets, this.#taken); // if it failed, the connection ends
    return this.isDrained;
  }

  drained(run: () => void): void {
    this.#drained = run;
  }

  listen(receiver: Receiver): void {
    this.#socket.removeAllListeners("data");
    this.#socket.on("data", receiver);
  }

  readonly #taken = (): void => {
    this.#waiting--;
    if (this.isDrained) callOnce(this.#drained, () => (this.#drained = () => {}));
  };
}

/** What Bun calls a TCP or TLS socket (Bun's guide "TCP"), as far as a wire uses it. */
type Handle = {
  /** Returns how many octets the socket took. It does not keep the others. Negative: it is closed. */
  write(octets: Uint8Array | string): number;
  /** Replaces all handlers. */
  reload(options: { socket: HandleEvents }): void;
};

type HandleEvents = Readonly<{
  binaryType: "buffer";
  data(handle: Handle, octets: Buffer): void;
  drain(): void;
  end(): void;
  close(handle: Handle, error?: SystemError | null): void;
  error(handle: Handle, error: SystemError): void;
}>;

type SystemError = Error & { readonly code?: string; readonly syscall?: string };

function isHandle(value: unknown): value is Handle {
  const has = (method: string) => typeof (value as Record<string, unknown>)[method] === "function";
  return typeof value === "object" && value !== null && has("reload") && has("write") && has("upgradeTLS");
}

/** The socket that Bun keeps in a socket of node:net or node:tls. Its handlers are replaced, so octets skip the stream. */
export class HandleWire implements Wire {
  readonly #socket: Socket;
  readonly #handle: Handle;
  #rest: Uint8Array[] = [];
  #receiver: Receiver = () => {};
  #drained: () => void = () => {};

  constructor(socket: Socket, handle: Handle) {
    this.#socket = socket;
    this.#handle = handle;
  }

  get isDrained(): boolean {
    return this.#rest.length === 0;
  }

  write(octets: Uint8Array | string): boolean {
    if (this.#rest.length > 0) return this.#keep(octets, 0);
    const taken = this.#handle.write(octets);
    const size = typeof octets === "string" ? Buffer.byteLength(octets) : octets.length;
    return taken === size || this.#keep(octets, taken);
  }

  drained(run: () => void): void {
    this.#drained = run;
  }

  listen(receiver: Receiver): void {
    this.#receiver = receiver;
    this.#handle.reload({
      socket: {
        binaryType: "buffer",
        data: (_, octets) => this.#receiver(octets),
        drain: () => this.#sendRest(),
        // The socket tells nodemailer how the connection ended, as it would have done itself.
        end: () => void this.#socket.destroy(),
        close: (_, error) => this.#closed(error),
        error: (_, error) => this.#closed(error),
      },
    });
  }

  /** Negative: the socket is closed, and its handler says so. */
  #keep(octets: Uint8Array | string, taken: number): false {
    const all = typeof octets === "string" ? Buffer.from(octets) : octets;
    this.#rest.push(all.subarray(Math.max(0, taken)));
    return false;
  }

  #sendRest(): void {
    for (let first = this.#rest[0]; first; first = this.#rest[0]) {
      const taken = this.#handle.write(first);
      if (taken < first.length) {
        this.#rest[0] = first.subarray(Math.max(0, taken));
        return;
      }
      this.#rest.shift();
    }
    callOnce(this.#drained, () => (this.#drained = () => {}));
  }

  #closed(error: SystemError | null | undefined): void {
    this.#socket.destroy(error ? asNodeSays(error) : undefined);
  }
}

/** `read ECONNRESET`, as node:net words it. */
function asNodeSays({ code, syscall, message }: SystemError): Error {
  return Object.assign(new Error(code && syscall ? `${syscall} ${code}` : message), { code });
}

function callOnce(run: () => void, forget: () => void): void {
  forget();
  run();
}
