// Scripted server: plays the server's side of a transcript on a loopback port and compares the client's side byte for byte.
// A script is lines, one connection each script:
//   S: text   the server sends the line          S~ text   the same without a line end
//   C: text   the client must send the line      X: close | reset   the server ends the connection
//   X: deaf   the server stops reading           X: mute   the server reads on and says nothing more
// Text is latin1. Neighbouring S lines leave in one write; what the client sends beyond its lines is a failure.

import { createServer, type Server, type Socket } from "node:net";

type Step = { kind: "say" | "expect" | "end"; text: string };

export type ScriptedServer = {
  port: number;
  /** Connections so far. */
  connections: () => number;
  /** All octets that a connection brought, as latin1. */
  received: (connection: number) => string;
  /** Throws unless every script was played to its end and nothing more was said. Closes the server. */
  played: () => Promise<void>;
};

export function parseScript(script: string): Step[] {
  const steps: Step[] = [];
  for (const line of script.split("\n").map((each) => each.trimStart())) {
    const [mark, text] = [line.slice(0, 2), line.slice(3)];
    if (mark === "S:") merge(steps, "say", `${text}\r\n`);
    else if (mark === "S~") merge(steps, "say", text);
    else if (mark === "C:") merge(steps, "expect", `${text}\r\n`);
    else if (mark === "X:") steps.push({ kind: "end", text });
    else if (line !== "") throw new Error(`not a script line: ${line}`);
  }
  return steps;
}

function merge(steps: Step[], kind: "say" | "expect", text: string): void {
  const last = steps.at(-1);
  if (last?.kind === kind) last.text += text;
  else steps.push({ kind, text });
}

class Play {
  received = "";
  failure: string | null = null;
  done = false;
  readonly #steps: Step[];
  readonly #socket: Socket;
  #at = 0;
  #left = false;
  #finish: () => void = () => {};
  readonly finished: Promise<void> = new Promise((resolve) => {
    this.#finish = resolve;
  });

  constructor(socket: Socket, script: string) {
    this.#socket = socket;
    this.#steps = parseScript(script);
    socket.on("data", (chunk) => {
      this.received += chunk.toString("latin1");
      this.#go();
    });
    socket.on("error", () => {});
    socket.on("close", () => this.#stop(this.#steps.length > 0 ? `the client left before: ${JSON.stringify(this.#steps[0])}` : null));
    this.#go();
  }

  #go(): void {
    for (let step = this.#steps[0]; step && !this.done; step = this.#steps[0]) {
      if (step.kind === "expect" && !this.#meets(step.text)) return;
      this.#steps.shift();
      if (step.kind === "expect") this.#at += step.text.length;
      if (step.kind === "say") this.#socket.write(Buffer.from(step.text, "latin1"));
      if (step.kind === "end") this.#end(step.text);
    }
    if (this.#steps.length === 0) this.#finish();
  }

  /** The whole of an expected text has come, and is the same. */
  #meets(text: string): boolean {
    const said = this.received.slice(this.#at, this.#at + text.length);
    if (said === text) return true;
    if (!text.startsWith(said)) {
      this.#stop(`expected ${JSON.stringify(text)}, got ${JSON.stringify(said)}`);
      this.#socket.destroy();
    }
    return false;
  }

  #end(how: string): void {
    this.#left = how === "close" || how === "reset";
    if (how === "close") this.#socket.end();
    if (how === "reset") this.#socket.resetAndDestroy();
    if (how === "deaf") this.#socket.pause();
  }

  #stop(failure: string | null): void {
    if (this.done) return;
    this.done = true;
    this.failure = failure ?? this.surplus();
    this.#finish();
  }

  surplus(): string | null {
    // A client may say QUIT before it notices that the server left.
    return this.received.length > this.#at && !this.#left ? `said too much: ${JSON.stringify(this.received.slice(this.#at))}` : null;
  }

  drop(): void {
    this.#socket.destroy();
  }
}

/** Starts a server on the loopback whose n-th connection plays the n-th script. */
export function scriptedServer(...scripts: readonly string[]): Promise<ScriptedServer> {
  return scriptedServerAt("127.0.0.1", ...scripts);
}

/** The same on an address of this machine. */
export async function scriptedServerAt(host: string, ...scripts: readonly string[]): Promise<ScriptedServer> {
  const plays: Play[] = [];
  let strangers = 0;
  const server = createServer((socket) => {
    const script = scripts[plays.length];
    if (script !== undefined) plays.push(new Play(socket, script));
    else {
      strangers++;
      socket.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: portOf(server),
    connections: () => plays.length + strangers,
    received: (connection) => plays[connection]?.received ?? "",
    played: async () => {
      await Promise.race([Promise.all(plays.map((play) => play.finished)), new Promise((resolve) => setTimeout(resolve, 1000))]);
      for (const play of plays) play.drop();
      server.close();
      const failures = plays.map((play) => play.failure ?? play.surplus()).filter((failure) => failure !== null);
      if (strangers > 0) failures.push(`${strangers} connections too many`);
      if (plays.length < scripts.length) failures.push(`${scripts.length - plays.length} scripts were not played`);
      if (failures.length > 0) throw new Error(failures.join("; "));
    },
  };
}

export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
