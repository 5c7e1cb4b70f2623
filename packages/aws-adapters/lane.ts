// Lane: sends hot calls without the SDK, at a tenth of its cost. It repeats what the SDK's last successful call of the same
// route showed: endpoint, region and scheme. Everything that is no plain success goes to the SDK, which asks again: redirects,
// retries, credentials and the reading of errors stay the SDK's. A failure costs one request more; nothing else differs.

import { performance } from "node:perf_hooks";
import type { AwsClock } from "./aws-clock.ts";
import type { OnAttempt } from "./hot-calls.ts";
import { type Route, type RouteName, Routes, type SdkRequest } from "./lane-routes.ts";
import { Scouts } from "./lane-scouts.ts";
import { amzDate, Signer, sha256 } from "./lane-sign.ts";
import type { Middleware, SdkClient } from "./middleware.ts";
import { withDeadline } from "./timers.ts";
import { nothingDone, type TroubleKind, troubleOf } from "./trouble.ts";

/** A request as it is sent. `host` and the fields of a connection are for the exchange to add. */
export type SignedRequest = Readonly<{ method: string; url: string; headers: Readonly<Record<string, string>>; body?: string }>;

/** The part of `Response` that the lane reads. */
export type ExchangeAnswer = Readonly<{
  status: number;
  headers: Readonly<{ get(name: string): string | null; forEach(visit: (value: string, name: string) => void): void }>;
  body: Readonly<{ getReader(): PieceReader }> | null;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
}>;

export type PieceReader = Readonly<{
  read(): Promise<Readonly<{ done: boolean; value?: Uint8Array | undefined }>>;
  cancel(): Promise<void>;
}>;

/**
 * Sends one request, and resolves with the head of its answer whatever its status is. It follows no redirect, uses no proxy,
 * accepts and decodes no content coding, and verifies certificates. It rejects if no answer came.
 */
export type Exchange = (request: SignedRequest, signal: AbortSignal) => Promise<ExchangeAnswer>;

export type LaneOptions = Readonly<{
  exchange: Exchange;
  clock: AwsClock;
  /** Monotonic clock, in milliseconds. */
  now?: () => number;
}>;

/** The part of a request that belongs to the call. */
export type LaneRequest = Readonly<{
  method: "GET" | "PUT" | "POST";
  path: string;
  query: string;
  fields: Readonly<Record<string, string>>;
  body?: string;
}>;

export type LaneCall<T> = Readonly<{
  route: RouteName;
  client: SdkClient;
  /** Milliseconds to wait for the head of the answer before the SDK asks again; `null`: until the signal. */
  patienceMs: number | null;
  /** The request, or `null` if only the SDK can send it. */
  request(route: Route): LaneRequest | null;
  /** Reads an answer with a status of 200 to 299. Throws if it is no plain success. `abort` closes the connection. */
  read(answer: ExchangeAnswer, abort: () => void): Promise<T>;
  /** The same call through the SDK. `isAgain`: because the lane had no success. */
  viaSdk(isAgain: boolean): Promise<T>;
  /** The error for the caller if this refusal is the answer to the call; then the SDK is not asked. */
  refusal?(refused: RefusedError): Error | null;
  /** The SDK does not ask again if AWS may have executed the request. */
  isOnce?: boolean;
  onAttempt?: OnAttempt | undefined;
}>;

/** AWS answered with another status than 200 to 299. It has the same code and text as the SDK's error. */
export class RefusedError extends Error {
  readonly $metadata: Readonly<{ httpStatusCode: number; requestId?: string }>;
  /** The body of the answer. */
  readonly body: string;

  constructor({ status, headers }: ExchangeAnswer, body: string) {
    const [, message = ""] = /"[Mm]essage"\s*:\s*"([^"\\]*)"/.exec(body) ?? /<Message>([^<]*)<\/Message>/.exec(body) ?? [];
    super(message);
    const [, type] = /"__type"\s*:\s*"([^"]{1,200})"/.exec(body) ?? /<Code>([^<]{1,200})<\/Code>/.exec(body) ?? [];
    const requestId = headers.get("x-amzn-requestid") ?? headers.get("x-amz-request-id");
    this.name = type?.replace(/^.*#/, "") ?? "unknown";
    this.$metadata = { httpStatusCode: status, ...(requestId !== null && { requestId }) };
    this.body = body;
  }
}

const restMs = 1000;
const emptyHash = sha256("");
const overload: ReadonlySet<TroubleKind> = new Set(["throttled", "unavailable"]);

export class Lane {
  readonly #options: Required<LaneOptions>;
  readonly #routes: Routes;
  readonly #scouts = new Scouts();
  readonly #signer = new Signer();
  /** Until when a client has no lane. While AWS throttles or fails, it meets exactly the SDK's own restraint. */
  readonly #restsUntil = new Map<SdkClient, number>();

  constructor(options: LaneOptions) {
    this.#options = { now: () => performance.now(), ...options };
    this.#routes = new Routes(this.#options.now);
  }

  /** Learns routes from the calls of this client. */
  observe(client: SdkClient): void {
    const middleware: Middleware =
      (next, { commandName = "" }) =>
      async (args) => {
        const result = await next(args);
        const { input, request } = args as Readonly<{ input: Readonly<Record<string, unknown>>; request: SdkRequest }>;
        this.#routes.learn(commandName, input, request, statusOf(result));
        return result;
      };
    client.middlewareStack.add(middleware, { step: "deserialize", priority: "low", name: "sesameLane", override: true });
  }

  async run<T>(call: LaneCall<T>, signal: AbortSignal): Promise<T> {
    if (this.#isResting(call.client)) return call.viaSdk(false);
    const scout = call.patienceMs === null ? null : this.#scouts.awaited(call.route);
    if (scout !== null) await scout;
    const route = this.#routes.find(call.route);
    if (route === null) return this.#scout(call);
    const request = requestOf(call, route);
    if (request === null) return call.viaSdk(false);
    let error: unknown;
    try {
      return await this.#attempt(call, route, request, signal);
    } catch (failure) {
      error = failure;
    }
    call.onAttempt?.(error);
    this.#learnFrom(call, error);
    const refusal = error instanceof RefusedError ? call.refusal?.(error) : null;
    if (refusal) throw refusal;
    if (signal.aborted || (call.isOnce && mayBeDone(error))) throw error;
    const value = await call.viaSdk(true);
    // The lane failed at what the SDK can do, and not for a reason that passes: it would fail again.
    if (isLanesFault(error)) this.#routes.close(call.route);
    return value;
  }

  /** A call whose route is not known goes through the SDK, and shows it. */
  #scout<T>(call: LaneCall<T>): Promise<T> {
    const answer = call.viaSdk(false);
    if (!this.#routes.isClosed(call.route)) this.#scouts.follow(call.route, answer, () => this.#routes.find(call.route) !== null);
    return answer;
  }

  async #attempt<T>(call: LaneCall<T>, route: Route, request: LaneRequest, signal: AbortSignal): Promise<T> {
    const { exchange, clock, now } = this.#options;
    const signed = await this.#sign(call.client, route, request);
    const controller = new AbortController();
    const abort = () => controller.abort(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener("abort", abort);
    try {
      const began = now();
      const head = exchange(signed, controller.signal);
      const answer = await (call.patienceMs === null ? head : withDeadline(head, call.patienceMs, abort));
      if (answer.headers.get("age") === null) clock.hear(answer.headers.get("date") ?? undefined, now() - began); // RFC 9111 §5.1
      if (answer.status < 200 || answer.status > 299) throw new RefusedError(answer, await answer.text());
      return await call.read(answer, abort);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  async #sign(client: SdkClient, { origin, host, scope, userAgent }: Route, request: LaneRequest): Promise<SignedRequest> {
    const credentials = await client.config.credentials();
    const { method, path, query, body } = request;
    const payloadHash = body === undefined ? emptyHash : sha256(body);
    const headers: Record<string, string> = { ...request.fields };
    headers["x-amz-date"] = amzDate(this.#options.clock.now());
    headers["x-amz-content-sha256"] = payloadHash;
    if (credentials.sessionToken !== undefined) headers["x-amz-security-token"] = credentials.sessionToken;
    const signable = { method, path, query, fields: { ...headers, host }, payloadHash };
    headers["authorization"] = this.#signer.authorization(signable, credentials, scope);
    headers["accept-encoding"] = "identity";
    headers["user-agent"] = userAgent;
    const url = query === "" ? origin + path : `${origin}${path}?${query}`;
    return body === undefined ? { method, url, headers } : { method, url, headers, body };
  }

  #isResting(client: SdkClient): boolean {
    return (this.#restsUntil.get(client) ?? 0) > this.#options.now();
  }

  #learnFrom({ client, route }: LaneCall<unknown>, error: unknown): void {
    const status = error instanceof RefusedError ? error.$metadata.httpStatusCode : 0;
    if (status >= 300 && status < 400) this.#routes.forget(route);
    if (status >= 500 || overload.has(troubleOf(error).kind) || (status === 0 && nothingDone(error)))
      this.#restsUntil.set(client, this.#options.now() + restMs);
  }
}

/** `null` also if the request cannot be written, such as a key with an unpaired surrogate: the SDK says what is wrong. */
function requestOf(call: LaneCall<unknown>, route: Route): LaneRequest | null {
  try {
    return call.request(route);
  } catch {
    return null;
  }
}

/** After a 5xx of a poll nobody knows, and the SDK's poll would not be tried again either. */
function mayBeDone(error: unknown): boolean {
  return error instanceof RefusedError ? error.$metadata.httpStatusCode >= 500 : !nothingDone(error);
}

function isLanesFault(error: unknown): boolean {
  const { kind } = troubleOf(error);
  if (!(error instanceof RefusedError)) return kind === "garbled" || kind === "damaged";
  return error.$metadata.httpStatusCode < 500 && !overload.has(kind) && kind !== "expired-credentials";
}

function statusOf(result: unknown): number {
  const { response } = result as Readonly<{ response?: Readonly<{ statusCode?: number }> }>;
  return response?.statusCode ?? 0;
}
