// Access: what a request may see and change. `summary` shows no address and changes nothing. `full` on the loopback is open to
// this machine; elsewhere it asks for the token, in a form or as a bearer token (RFC 6750 §2.1), never in an address.

import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { refuseForeignHost, refuseForeignOrigin } from "./guards.ts";
import { isEqual, type Sessions, secret, sessionSeconds } from "./sessions.ts";

export type AccessOptions = Readonly<{
  page: "full" | "summary";
  /** `null` on the loopback without a token. */
  sessions: Sessions | null;
  /** Where the page is served. */
  port(): number;
  /** Whether addresses are masked for all. */
  masked: boolean;
}>;

/** What a request may do. `formToken`: what its forms must bring; `null` where nothing may be changed by a form. */
export type Access =
  | Readonly<{ kind: "summary" }>
  | Readonly<{ kind: "full"; formToken: string | null; sessionId: string | null; masked: boolean }>
  | Readonly<{ kind: "login" }>
  | Readonly<{ kind: "refused"; status: 403 | 421 | 429; text: string }>;

const sessionCookie = "sesame-session";
const maskCookie = "sesame-mask";

export class AccessControl {
  readonly #options: AccessOptions;
  /** Of the forms of a page without sessions: no other page can read it. */
  readonly #formToken: string = secret();

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** What this request may see. */
  of(context: Context): Access {
    const { page, sessions, port, masked } = this.#options;
    if (page === "summary") return { kind: "summary" };
    const isMasked = masked || getCookie(context, maskCookie) === "1";
    if (sessions === null) {
      const refusal = refuseForeignHost(context.req.raw.headers, port());
      if (refusal !== null) return { kind: "refused", ...refusal };
      return { kind: "full", formToken: this.#formToken, sessionId: null, masked: isMasked };
    }
    const bearer = /^Bearer +([\x21-\x7e]+)$/i.exec(context.req.header("Authorization") ?? "")?.[1];
    if (bearer !== undefined) return this.#ofBearer(sessions, bearer, isMasked);
    const session = sessions.of(getCookie(context, sessionCookie));
    if (session === null) return { kind: "login" };
    return { kind: "full", formToken: session.formToken, sessionId: session.id, masked: isMasked };
  }

  #ofBearer(sessions: Sessions, token: string, masked: boolean): Access {
    const checked = sessions.check(token);
    if (checked === "right") return { kind: "full", formToken: null, sessionId: null, masked };
    if (checked === "later") return { kind: "refused", status: 429, text: tooManyTries };
    return { kind: "refused", status: 403, text: "Cannot show the page: the token is wrong" };
  }

  /** Whether a form may change something: from this page, with its form token. A bearer needs none: no browser sends it by itself. */
  mayChange(context: Context, given: unknown): boolean {
    const access = this.of(context);
    if (access.kind !== "full") return false;
    if (access.formToken === null) return true;
    if (refuseForeignOrigin(context.req.raw.headers) !== null) return false;
    return typeof given === "string" && isEqual(given, access.formToken);
  }

  /** Takes the token of the login form. The error is for the form. */
  logIn(context: Context, token: unknown): string | null {
    const { sessions } = this.#options;
    if (sessions === null) return null;
    if (refuseForeignOrigin(context.req.raw.headers) !== null)
      return "The form came from another page, or not over HTTPS. Open this page with HTTPS, or on the same machine.";
    const checked = sessions.check(typeof token === "string" ? token : "");
    if (checked === "later") return tooManyTries;
    if (checked === "wrong") return "This is not the token.";
    const secure = context.req.header("X-Forwarded-Proto") === "https";
    const options = { httpOnly: true, sameSite: "Strict", path: "/", maxAge: sessionSeconds, secure } as const;
    setCookie(context, sessionCookie, sessions.open().id, options);
    return null;
  }

  logOut(context: Context, access: Access): void {
    if (access.kind === "full" && access.sessionId !== null) this.#options.sessions?.end(access.sessionId);
    deleteCookie(context, sessionCookie, { path: "/" });
  }

  mask(context: Context, on: boolean): void {
    if (on) setCookie(context, maskCookie, "1", { httpOnly: true, sameSite: "Strict", path: "/", maxAge: 30 * 86_400 });
    else deleteCookie(context, maskCookie, { path: "/" });
  }
}

const tooManyTries = "Too many tries with a wrong token. Wait a minute.";
