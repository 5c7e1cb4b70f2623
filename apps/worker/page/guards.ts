// Guards: which requests the page answers at all. On the loopback without a token, a page of the web must not reach it through a
// name of its own (DNS rebinding), and no proxy may open it to others. A change must come from the page itself.

/** A request that is refused, with the reason for whoever set the proxy up. */
export type Refusal = Readonly<{ status: 403 | 421; text: string }>;

type Headers = Readonly<{ get(name: string): string | null }>;

const proxyFields = ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"];

/** For a page without a token: only this machine's own names, and no proxy. `port`: where the page is served. */
export function refuseForeignHost(headers: Headers, port: number): Refusal | null {
  if (proxyFields.some((name) => headers.get(name) !== null))
    return { status: 403, text: "Cannot show the page: the request came through a proxy; behind a proxy set PAGE_TOKEN" };
  const host = headers.get("Host") ?? "";
  const allowed = ["localhost", "127.0.0.1", "[::1]"].map((name) => `${name}:${port}`);
  const names = port === 80 ? [...allowed, "localhost", "127.0.0.1", "[::1]"] : allowed;
  if (names.includes(host.toLowerCase())) return null;
  return { status: 421, text: `Cannot show the page: the Host must be ${allowed[0]} or ${allowed[1]}; for another name set PAGE_TOKEN` };
}

/**
 * For a change: it must come from a page of this host. A browser says so in Sec-Fetch-Site, where it trusts the connection (TLS or
 * the loopback), and in Origin, which is "null" on a form of a page that sends no referrer (Fetch Standard, "Origin header").
 */
export function refuseForeignOrigin(headers: Headers): Refusal | null {
  const refused: Refusal = { status: 403, text: "Cannot change anything: the request comes from another page" };
  const site = headers.get("Sec-Fetch-Site");
  if (site !== null && site !== "same-origin") return refused;
  const origin = headers.get("Origin");
  if (origin === "null" && site === "same-origin") return null;
  return isOwn(origin, headers.get("Host")) ? null : refused;
}

/** Whether an origin is of this host. A proxy that ends TLS changes the scheme, so that is not compared. */
function isOwn(origin: string | null, host: string | null): boolean {
  try {
    const from = new URL(origin ?? "");
    return from.host !== "" && from.host === new URL(`${from.protocol}//${host}`).host; // without the scheme's own port
  } catch {
    return false;
  }
}
