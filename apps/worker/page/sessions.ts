// Sessions: who has given the token. A session is 32 random octets in memory for 12 hours, with a second secret for its forms. A
// restart forgets them. Attempts with a wrong token are limited for all together, since the address of a peer proves nothing.

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

export type Session = Readonly<{ id: string; formToken: string; until: number }>;

export const sessionSeconds = 12 * 3600;
const mostSessions = 100;
const mostTries = 10;
const minuteMs = 60_000;

export class Sessions {
  readonly #token: string;
  readonly #now: () => number;
  readonly #sessions = new Map<string, Session>();
  #tries: number[] = [];

  constructor({ token, now }: Readonly<{ token: string; now(): number }>) {
    this.#token = token;
    this.#now = now;
  }

  /** Whether this is the token. "later": too many tries in this minute, so it was not compared. */
  check(given: string): "right" | "wrong" | "later" {
    const now = this.#now();
    this.#tries = this.#tries.filter((at) => now - at < minuteMs);
    if (this.#tries.length >= mostTries) return "later";
    if (isEqual(given, this.#token)) return "right";
    this.#tries.push(now);
    return "wrong";
  }

  /** Opens a session, for who has given the token. */
  open(): Session {
    const session = { id: secret(), formToken: secret(), until: this.#now() + sessionSeconds * 1000 };
    this.#sessions.set(session.id, session);
    if (this.#sessions.size > mostSessions) {
      const [oldest] = this.#sessions.keys();
      if (oldest !== undefined) this.#sessions.delete(oldest);
    }
    return session;
  }

  /** The session with this id; `null` if there is none, or its time is over. */
  of(id: string | undefined): Session | null {
    const session = id === undefined ? undefined : this.#sessions.get(id);
    if (session === undefined) return null;
    if (session.until > this.#now()) return session;
    this.#sessions.delete(session.id);
    return null;
  }

  end(id: string): void {
    this.#sessions.delete(id);
  }
}

/** 32 random octets as text. */
export function secret(): string {
  return randomBytes(32).toString("base64url");
}

/** Compares in a time that says nothing about where they differ, nor about their lengths. */
export function isEqual(one: string, other: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(one), hash(other));
}
