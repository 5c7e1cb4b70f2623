// SES stub: as much of SES v1 (query protocol) and v2 (REST) as Sesame uses, with what the emulators lose: the envelope
// and the very octets. It does as it is told: throttles, refuses, breaks off behind the request, drips, never answers.
// In a test: `startSesStub()`. Alone: `bun tests/aws-adapters/ses-stub.ts --port N`; then GET /_stub/sent lists what was sent,
// POST /_stub/next takes a JSON list of behaviours for the coming sends, POST /_stub/clear forgets both.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One accepted send. */
export type Sent = Readonly<{
  /** In SES's form, with a number that counts up. */
  id: string;
  api: "v1" | "v2";
  /** Source or FromEmailAddress, as it was given. */
  source: string | null;
  /** FeedbackForwardingEmailAddress of v2. */
  feedback: string | null;
  destinations: readonly string[];
  raw: Uint8Array;
}>;

/** What a send meets instead of success. */
export type Behaviour =
  | { readonly kind: "accept" }
  | { readonly kind: "refuse"; readonly status?: number; readonly code: string; readonly text: string }
  | { readonly kind: "reset" } // the connection ends behind the request; nothing was accepted
  | { readonly kind: "accept-and-reset" } // the same, but the mail is on its way
  | { readonly kind: "hang" }
  | { readonly kind: "drip"; readonly everyMs: number } // the answer comes octet by octet
  | { readonly kind: "garble" }; // 200, and the mail is on its way

export type StubAccount = {
  maxSendRate: number;
  max24HourSend: number;
  sentLast24Hours: number;
  production: boolean;
  sendingEnabled: boolean;
  /** Domains and addresses that may send; `null` lets everybody. */
  verified: readonly string[] | null;
  /** The active receipt rules, as XML; `null`: access is denied, as for the role of a worker. */
  receiptRules: string | null;
};

export type SesStub = Readonly<{
  endpoint: string;
  sent: readonly Sent[];
  /** Names of all API calls so far, such as `SendRawEmail`. */
  calls: readonly string[];
  account: StubAccount;
  /** Queues behaviours for the coming sends, one for each. */
  next(...behaviours: readonly Behaviour[]): void;
  close(): Promise<void>;
}>;

type Api = "v1" | "v2";
type Mail = Omit<Sent, "id">;
type Refusal = Extract<Behaviour, { readonly kind: "refuse" }>;
type Reply = Readonly<{ status?: number; headers: Readonly<Record<string, string>>; body: string; everyMs?: number }> | "reset" | "hang";

const limits = { v1: 10 * 1024 * 1024, v2: 40 * 1024 * 1024, destinations: 50 };

/** Starts a stub on a free port of 127.0.0.1, or on the one given. */
export async function startSesStub(port: number = 0): Promise<SesStub> {
  const stub = new Stub();
  const server = createServer((request, response) => void converse(stub, request, response));
  await new Promise<void>((resolve) => {
    server.listen(port, "127.0.0.1", resolve);
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const { sent, calls, account } = stub;
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { endpoint, sent, calls, account, next: (...behaviours) => void stub.behaviours.push(...behaviours), close };
}

class Stub {
  readonly sent: Sent[] = [];
  readonly calls: string[] = [];
  readonly behaviours: Behaviour[] = [];
  readonly account: StubAccount = {
    maxSendRate: 1000,
    max24HourSend: 50_000,
    sentLast24Hours: 0,
    production: true,
    sendingEnabled: true,
    verified: null,
    receiptRules: "",
  };
  #count = 0;

  reply(method: string, path: string, body: Buffer): Reply {
    if (path.startsWith("/_stub/")) return this.#control(path, body);
    return path.startsWith("/v2/") ? this.#v2(method, path, body) : this.#v1(new URLSearchParams(body.toString("latin1")));
  }

  #v1(form: URLSearchParams): Reply {
    const action = form.get("Action") ?? "";
    this.calls.push(action);
    const many = (name: string) => [...form].filter(([key]) => key.startsWith(`${name}.member.`)).map(([, value]) => value);
    if (action === "SendRawEmail") {
      const raw = new Uint8Array(Buffer.from(form.get("RawMessage.Data") ?? "", "base64"));
      return this.#send({ api: "v1", source: form.get("Source"), feedback: null, destinations: many("Destinations"), raw });
    }
    if (action === "GetSendQuota") {
      const { maxSendRate, max24HourSend, sentLast24Hours } = this.account;
      const fields = { Max24HourSend: max24HourSend, MaxSendRate: maxSendRate, SentLast24Hours: sentLast24Hours };
      return xml(
        action,
        Object.entries(fields)
          .map(([name, value]) => element(name, String(value)))
          .join(""),
      );
    }
    if (action === "DescribeActiveReceiptRuleSet") {
      const { receiptRules } = this.account;
      const text = `User: arn:aws:sts::000000000000:assumed-role/worker/1 is not authorized to perform: ses:${action}`;
      if (receiptRules === null) return refusal("v1", { kind: "refuse", status: 403, code: "AccessDenied", text });
      return xml(action, receiptRules);
    }
    if (action === "GetIdentityVerificationAttributes") {
      const state = (name: string) => element("VerificationStatus", this.#isVerified(name) ? "Success" : "Pending");
      const entries = many("Identities").map((name) => element("entry", element("key", escaped(name)) + element("value", state(name))));
      return xml(action, element("VerificationAttributes", entries.join("")));
    }
    return refusal("v1", { kind: "refuse", code: "InvalidAction", text: `Could not find operation ${action}` });
  }

  #v2(method: string, path: string, body: Buffer): Reply {
    const identity = /^\/v2\/email\/identities\/([^/]+)$/.exec(path)?.[1];
    if (method === "POST" && path === "/v2/email/outbound-emails") {
      this.calls.push("SendEmail");
      const {
        Content,
        Destination = {},
        FromEmailAddress = null,
        FeedbackForwardingEmailAddress = null,
      } = JSON.parse(body.toString("utf8"));
      const destinations = [Destination.ToAddresses, Destination.CcAddresses, Destination.BccAddresses].flatMap((list) => list ?? []);
      const raw = new Uint8Array(Buffer.from(Content?.Raw?.Data ?? "", "base64"));
      return this.#send({ api: "v2", source: FromEmailAddress, feedback: FeedbackForwardingEmailAddress, destinations, raw });
    }
    if (method === "GET" && path === "/v2/email/account") return this.#getAccount();
    if (method === "GET" && identity !== undefined) return this.#getIdentity(decodeURIComponent(identity));
    this.calls.push(`${method} ${path}`);
    return refusal("v2", { kind: "refuse", status: 404, code: "NotFoundException", text: "no such resource" });
  }

  #getAccount(): Reply {
    this.calls.push("GetAccount");
    const { production, sendingEnabled, maxSendRate, max24HourSend, sentLast24Hours } = this.account;
    const SendQuota = { MaxSendRate: maxSendRate, Max24HourSend: max24HourSend, SentLast24Hours: sentLast24Hours };
    return json({ ProductionAccessEnabled: production, SendingEnabled: sendingEnabled, EnforcementStatus: "HEALTHY", SendQuota });
  }

  #getIdentity(name: string): Reply {
    this.calls.push("GetEmailIdentity");
    const text = `Email identity ${name} does not exist.`;
    if (!this.#isVerified(name)) return refusal("v2", { kind: "refuse", status: 404, code: "NotFoundException", text });
    const DkimAttributes = { SigningEnabled: true, Status: "SUCCESS" };
    return json({ IdentityType: "DOMAIN", VerifiedForSendingStatus: true, FeedbackForwardingStatus: true, DkimAttributes });
  }

  #send(mail: Mail): Reply {
    const behaviour = this.behaviours.shift() ?? { kind: "accept" };
    if (behaviour.kind === "hang" || behaviour.kind === "reset") return behaviour.kind;
    const refused = behaviour.kind === "refuse" ? behaviour : this.#refusalOf(mail);
    if (refused !== null) return refusal(mail.api, refused);
    const id = sesId(++this.#count);
    this.sent.push({ id, ...mail });
    if (behaviour.kind === "accept-and-reset") return "reset";
    if (behaviour.kind === "garble") return { headers: {}, body: "\u0000 no answer of SES <" };
    const answer = mail.api === "v1" ? xml("SendRawEmail", element("MessageId", id)) : json({ MessageId: id });
    return behaviour.kind === "drip" ? { ...answer, everyMs: behaviour.everyMs } : answer;
  }

  /** The refusals that SES gives by itself, in its words. */
  #refusalOf({ api, raw, source, destinations }: Mail): Refusal | null {
    const invalid = (text: string): Refusal => ({
      kind: "refuse",
      code: api === "v1" ? "InvalidParameterValue" : "BadRequestException",
      text,
    });
    const limit = limits[api];
    if (raw.length > limit) return invalid(`Message length is more than ${limit} bytes long: '${raw.length}'.`);
    if (destinations.length === 0) return invalid("Missing required header 'To'.");
    if (destinations.length > limits.destinations) return invalid("Recipient count exceeds 50.");
    const head = Buffer.from(raw.subarray(0, 65_536)).toString("latin1");
    const sender = source ?? /^from:.*?([^\s<]+@[^\s>]+)/im.exec(head)?.[1] ?? "";
    if (this.#isVerified(sender)) return null;
    const text = `Email address is not verified. The following identities failed the check in region EU-CENTRAL-1: ${sender}`;
    return { kind: "refuse", code: "MessageRejected", text };
  }

  #isVerified(identity: string): boolean {
    const { verified } = this.account;
    const name = identity.toLowerCase();
    return verified === null || verified.includes(name) || verified.includes(name.replace(/^.*@/, ""));
  }

  #control(path: string, body: Buffer): Reply {
    if (path === "/_stub/next") this.behaviours.push(...(JSON.parse(body.toString("utf8")) as Behaviour[]));
    if (path === "/_stub/clear") for (const list of [this.sent, this.calls, this.behaviours]) list.length = 0;
    if (path !== "/_stub/sent") return json({ calls: this.calls });
    return json(this.sent.map(({ raw, ...envelope }) => ({ ...envelope, size: raw.length, raw: Buffer.from(raw).toString("base64") })));
  }
}

/** `0107019…-…-000000`, as eu-central-1 makes them; the number stands in the middle. */
function sesId(count: number): string {
  const number = count.toString(16).padStart(4, "0");
  return `010701990000${number}-0badc0de-0000-4000-8000-00000000${number}-000000`;
}

type Written = Exclude<Reply, string>;

function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`;
}

function escaped(text: string): string {
  return text.replace(/[<>&]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function xml(action: string, result: string): Written {
  const metadata = element("ResponseMetadata", element("RequestId", "stub"));
  const namespace = 'xmlns="http://ses.amazonaws.com/doc/2010-12-01/"';
  const body = `<${action}Response ${namespace}>${element(`${action}Result`, result)}${metadata}</${action}Response>`;
  return { headers: { "content-type": "text/xml" }, body };
}

function json(value: unknown, headers: Readonly<Record<string, string>> = {}): Written {
  return { headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(value) };
}

function refusal(api: Api, { status = 400, code, text }: Refusal): Written {
  if (api === "v2") return { ...json({ message: text }, { "x-amzn-errortype": code }), status };
  const error = element("Error", element("Type", "Sender") + element("Code", code) + element("Message", escaped(text)));
  return { status, headers: { "content-type": "text/xml" }, body: element("ErrorResponse", error + element("RequestId", "stub")) };
}

async function converse(stub: Stub, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const { pathname } = new URL(request.url ?? "/", "http://stub");
  const reply = stub.reply(request.method ?? "", pathname, Buffer.concat(pieces));
  if (reply === "reset") response.socket?.destroy();
  if (typeof reply === "string") return;
  const { status = 200, headers, body, everyMs } = reply;
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
  for (const piece of everyMs === undefined ? [body] : body) {
    if (response.destroyed) return;
    response.write(piece);
    if (everyMs !== undefined) await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  response.end();
}

if (import.meta.main) {
  const at = process.argv.indexOf("--port");
  const { endpoint } = await startSesStub(at < 0 ? 0 : Number(process.argv[at + 1]));
  console.log(endpoint);
}
