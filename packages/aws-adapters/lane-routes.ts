// Lane routes: what the SDK's last successful call of a kind showed of its endpoint, region and scheme. A route is used for
// five minutes, so that a change of endpoint or account is noticed. A request that the lane could not repeat gives no route:
// another scheme than SigV4, a token of an express session, or a signed field that the lane does not know.

import { type Scope, uriEncoded } from "./lane-sign.ts";

/** Calls with the same name have the same route: `GetObject bucket`, `ReceiveMessage https://…`. */
export type RouteName = string;

export type Route = Readonly<{
  /** `https://host`, or with a port. */
  origin: string;
  host: string;
  /** The path of a call of SQS or DynamoDB, or what stands before the key in a path of S3. */
  prefix: string;
  scope: Scope;
  /** The SDK's `user-agent`, for AWS's logs. */
  userAgent: string;
}>;

type Entry = Readonly<{ route: Route | null; until: number }>;
type Input = Readonly<Record<string, unknown>>;
type Fields = Readonly<Record<string, string>>;

/** The SDK's own form of a request. */
export type SdkRequest = Readonly<{
  protocol: string;
  hostname: string;
  port?: number | undefined;
  path: string;
  query: Readonly<Record<string, unknown>>;
  headers: Fields;
}>;

const routeMs = 300_000;
const mostRoutes = 1000; // a route for each call, and for each queue, bucket or set of tables

const services: ReadonlySet<string> = new Set(["s3", "sqs", "dynamodb"]);
const knownFields =
  /^(?:host|range|if-match|expires|cache-control|content-(?:type|length|disposition|encoding|language)|amz-sdk-(?:invocation-id|request)|x-amzn-query-mode|x-amz-(?:date|security-token|user-agent|target|content-sha256|checksum-mode|copy-source(?:-if-match)?|metadata-directive|storage-class|website-redirect-location|meta-.+|server-side-encryption(?:-aws-kms-key-id|-bucket-key-enabled)?))$/;

export class Routes {
  readonly #now: () => number;
  readonly #entries = new Map<RouteName, Entry>();

  /** `now`: a monotonic clock, in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  find(name: RouteName): Route | null {
    return this.#entry(name)?.route ?? null;
  }

  /** Whether the calls of this name are left to the SDK. */
  isClosed(name: RouteName): boolean {
    return this.#entry(name)?.route === null;
  }

  forget(name: RouteName): void {
    this.#entries.delete(name);
  }

  /** Leaves the calls of this name to the SDK for five minutes. */
  close(name: RouteName): void {
    this.#set(name, null);
  }

  /** Takes the route from a call of the SDK that AWS answered with `status`. */
  learn(commandName: string, input: Input, request: SdkRequest, status: number): void {
    const name = routeName(commandName.replace(/Command$/, ""), input);
    if (name === null) return;
    if (this.isClosed(name)) return;
    if (status >= 400) return; // says nothing of the way
    const route = status >= 200 && status < 300 ? routeOf(request, input) : null;
    if (route === null) this.forget(name);
    else this.#set(name, route);
  }

  #entry(name: RouteName): Entry | null {
    const entry = this.#entries.get(name);
    return entry === undefined || entry.until <= this.#now() ? null : entry;
  }

  #set(name: RouteName, route: Route | null): void {
    this.#entries.delete(name);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= mostRoutes && oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(name, { route, until: this.#now() + routeMs });
  }
}

/** The route of a call, or `null` if it is none of the hot calls. */
export function routeName(call: string, input: Input): RouteName | null {
  switch (call) {
    case "GetObject":
    case "CopyObject":
      return `${call} ${input["Bucket"]}`;
    case "ReceiveMessage":
    case "DeleteMessageBatch":
    case "ChangeMessageVisibilityBatch":
      return `${call} ${input["QueueUrl"]}`;
    case "UpdateItem":
      return `${call} ${input["TableName"]}`;
    case "BatchGetItem":
      return `${call} ${Object.keys((input["RequestItems"] ?? {}) as object)
        .sort()
        .join(" ")}`;
    default:
      return null;
  }
}

function routeOf({ protocol, hostname, port, path, query, headers }: SdkRequest, input: Input): Route | null {
  const signed = /^AWS4-HMAC-SHA256 Credential=[^ ]+\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), /.exec(
    headers["authorization"] ?? "",
  );
  const [, region = "", service = "", names = ""] = signed ?? [];
  if (!services.has(service) || !names.split(";").every((name) => knownFields.test(name))) return null;
  if (Object.keys(query).some((name) => name !== "x-id")) return null;
  const prefix = service === "s3" ? beforeKey(path, String(input["Key"])) : path;
  const { origin, host, pathname } = new URL(`${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${prefix}`);
  if (prefix !== pathname || host !== headers["host"] || (service !== "s3" && prefix !== "/")) return null;
  return { origin, host, prefix, scope: { region, service }, userAgent: headers["user-agent"] ?? "" };
}

function beforeKey(path: string, key: string): string {
  const encoded = encodedKey(key);
  return path.endsWith(encoded) ? path.slice(0, path.length - encoded.length) : "";
}

/** A key in the path of a request. */
export function encodedKey(key: string): string {
  return key.split("/").map(uriEncoded).join("/");
}
