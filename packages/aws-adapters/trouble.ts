// Trouble: the one place where what the SDK throws is sorted, and where it gets a text for the log. It goes by the error's
// code, then by the HTTP status, then by the system's code. A 403 is never "not found": without s3:ListBucket a missing
// key is answered so, but so is a wrong policy (S3 API Reference, "GetObject"). An answer that cannot be read is no answer.
// To teach it a code: add it to `kindsByCode`; a kind needs its rule in `rules` and its place in `transient` if it passes.

import { PortError } from "@sesame/core";

/** What went wrong, as far as it changes what to do. */
export type TroubleKind =
  | "not-found" // the queue, table, bucket or object is not there: `code` says which
  | "denied" // a policy, a key or a signature
  | "expired-credentials"
  | "no-credentials"
  | "misconfigured" // the SDK cannot even ask: no region, a bad endpoint
  | "throttled"
  | "conflict" // a condition of ours did not hold, or somebody else writes just now
  | "receipt-lost" // the entry belongs to another receive, or to nobody
  | "archived" // the object is in a storage class that cannot be read
  | "metadata-too-large"
  | "refused" // any other 4xx: the same request will be refused again
  | "unavailable" // AWS's own failure
  | "unreachable" // no connection, or it broke
  | "untrusted" // the certificate
  | "garbled" // an answer that is cut, or no answer of AWS
  | "damaged" // octets that do not have the checksum that AWS gave
  | "deadline"
  | "clock-skew"
  | "quota-used-up" // SES: as many mails left as may on one day
  | "sending-off" // SES: the account, or its sending, is paused or suspended
  | "unverified" // SES: an identity that it must know first
  | "mail-refused" // SES: this very mail
  | "mail-too-large" // SES: this very mail
  | "unknown";

export type Trouble = Readonly<{
  kind: TroubleKind;
  /** AWS's code, or the system's: `NoSuchKey`, `ECONNREFUSED`. */
  code: string;
  /** For the log: the rule that was broken, and what was found. One line, no secret. */
  text: string;
  /** Whether the same call may succeed soon, with nobody mending anything. */
  retry: boolean;
}>;

/** Thrown where a call outlived its deadline. */
export class DeadlineError extends Error {
  constructor(deadlineMs: number) {
    super(`no whole answer within ${deadlineMs} ms`);
    this.name = "DeadlineError";
  }
}

/** Thrown where an answer is not what AWS promises: shorter than it said, or without a part that it always has. */
export class GarbledError extends Error {
  constructor(text: string) {
    super(text);
    this.name = "GarbledError";
  }
}

const rules: Readonly<Record<TroubleKind, string>> = {
  "not-found": "what it asks for must exist",
  denied: "AWS must allow it (IAM policy, bucket, queue or key policy)",
  "expired-credentials": "the credentials must not have expired",
  "no-credentials": "there must be credentials (environment, profile, container or instance role)",
  misconfigured: "the AWS settings must be complete",
  throttled: "AWS must have room for it",
  conflict: "nobody else must have changed it meanwhile",
  "receipt-lost": "the entry must still be ours",
  archived: "the object must be in a storage class that can be read at once (a lifecycle rule may have moved it)",
  "metadata-too-large": "object metadata must be smaller than 2 KB",
  refused: "AWS must accept the request",
  unavailable: "AWS must be in working order",
  unreachable: "AWS must be reachable",
  untrusted: "AWS's certificate must be valid here",
  garbled: "the answer must be whole and readable",
  damaged: "the octets must have the checksum that AWS gave them",
  deadline: "the answer must come in time",
  "clock-skew": "this machine's clock must be right",
  "quota-used-up": "SES must have room for it today",
  "sending-off": "the SES account must be allowed to send",
  unverified: "SES must have verified the sender's identity, and while the account is in the sandbox the recipient's too",
  "mail-refused": "SES must accept the mail",
  "mail-too-large": "SES must take mails of its size",
  unknown: "it must not fail",
};

const transient: ReadonlySet<TroubleKind> = new Set([
  "expired-credentials", // they are fetched anew
  "throttled",
  "conflict",
  "unavailable",
  "unreachable",
  "garbled",
  "damaged",
  "deadline",
]);

// Codes stand without the `Exception` and `Fault` that some protocols add, and without what stands before a dot.
const kindsByCode: ReadonlyMap<string, TroubleKind> = new Map(
  Object.entries({
    "not-found": "NoSuchKey NotFound NoSuchBucket NoSuchVersion QueueDoesNotExist NonExistentQueue QueueDeletedRecently ResourceNotFound",
    denied:
      "AccessDenied AccessDeniedException Forbidden UnauthorizedOperation NotAuthorized OptInRequired AllAccessDisabled AccountProblem InvalidSecurity SignatureDoesNotMatch InvalidSignature IncompleteSignature InvalidAccessKeyId InvalidClientTokenId UnrecognizedClient MissingAuthenticationToken KmsAccessDenied KmsDisabled KmsInvalidKeyUsage KmsInvalidState KmsNotFound KmsOptInRequired",
    "expired-credentials": "ExpiredToken TokenRefreshRequired InvalidToken ExpiredTokenId",
    "no-credentials": "CredentialsProviderError TokenProviderError ProviderError",
    throttled:
      "Throttling Throttled ThrottledException RequestThrottled RequestLimitExceeded TooManyRequests SlowDown BandwidthLimitExceeded ProvisionedThroughputExceeded OverLimit KmsThrottled LimitExceeded PriorRequestNotComplete TransactionInProgress ReplicatedWriteConflict",
    conflict: "ConditionalCheckFailed PreconditionFailed ConditionalRequestConflict OperationAborted TransactionConflict",
    "receipt-lost": "ReceiptHandleIsInvalid MessageNotInflight",
    archived: "InvalidObjectState ObjectNotInActiveTierError",
    "metadata-too-large": "MetadataTooLarge",
    unavailable:
      "InternalError InternalFailure InternalServerError InternalServiceError ServiceUnavailable ServiceFailure RequestTimeout Unavailable",
    "clock-skew": "RequestTimeTooSkewed RequestInTheFuture RequestExpired",
    untrusted:
      "CERT_HAS_EXPIRED CERT_NOT_YET_VALID DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_VERIFY_LEAF_SIGNATURE UNABLE_TO_GET_ISSUER_CERT UNABLE_TO_GET_ISSUER_CERT_LOCALLY ERR_TLS_CERT_ALTNAME_INVALID EPROTO",
    unreachable:
      "ECONNREFUSED ECONNRESET ECONNABORTED ENOTFOUND EAI_AGAIN EAI_FAIL EPIPE EHOSTUNREACH ENETUNREACH ENETDOWN ENODATA ERR_STREAM_PREMATURE_CLOSE ConnectionRefused ConnectionClosed FailedToOpenSocket",
    deadline: "DeadlineError TimeoutError AbortError ETIMEDOUT ESOCKETTIMEDOUT ERR_SOCKET_CONNECTION_TIMEOUT",
    garbled: "GarbledError SyntaxError",
  } satisfies Partial<Record<TroubleKind, string>>).flatMap(([kind, codes]) => codes.split(" ").map((code) => [code, kind as TroubleKind])),
);

/** Sorts whatever a call to AWS threw. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof PortError && error.cause !== undefined) return troubleOf(error.cause);
  const seen = readError(error);
  return make(kindOf(seen), seen);
}

/**
 * Sorts what a send through SES threw. Whether SES refused the mail, the account or the sender it tells in words, where its
 * codes leave it open (SES Developer Guide, "Amazon SES email sending errors").
 */
export function troubleOfSend(error: unknown): Trouble {
  if (error instanceof PortError && error.cause !== undefined) return troubleOfSend(error.cause);
  const seen = readError(error);
  const kind = kindOf(seen);
  const said = `${bare(seen.codes[0] ?? "")} ${seen.message}`; // what follows a colon may be quoted from the mail
  const isRefusal = kind === "refused" || kind === "throttled";
  const told = isRefusal ? sendRefusals.find(([, words]) => words.test(said))?.[0] : undefined;
  return make(told ?? (seen.status === 413 ? "mail-too-large" : kind), seen);
}

const sendRefusals: readonly (readonly [TroubleKind, RegExp])[] = [
  ["quota-used-up", /^LimitExceeded|^\w+ Daily (?:message|sending) quota/i],
  ["sending-off", /^\w*SendingPaused|^AccountSuspended|^\w+ (?:Sending|Account) (?:is )?(?:paused|suspended|disabled)/i],
  ["unverified", /^\w*NotVerified|^\w+ (?:Email address|Mail FROM domain) is not verified/i],
  ["mail-too-large", /^\w+ Message (?:length is more than|is too long)/i],
  ["mail-refused", /^(?:MessageRejected|InvalidParameterValue|BadRequest) /],
];

/**
 * Whether it is certain that AWS did nothing: it never had the whole request, or it turned it away. A 5xx is not certain
 * but for its own 503 (RFC 9110 §15.6.4): SES may have sent the mail (SES Developer Guide, "API Error Codes Returned by Amazon SES").
 */
export function nothingDone(error: unknown): boolean {
  if (error instanceof PortError && error.cause !== undefined) return nothingDone(error.cause);
  const seen = readError(error);
  const { status, codes, message } = seen;
  if (status !== undefined) return (status >= 400 && status < 500) || (status === 503 && codes.some((code) => kindsByCode.has(bare(code))));
  return unasked.has(kindOf(seen)) || codes.some((code) => unconnected.has(code)) || /^connect |not establish a connection/.test(message);
}

const unasked: ReadonlySet<TroubleKind> = new Set(["no-credentials", "misconfigured", "untrusted"]);
const unconnected: ReadonlySet<string> = new Set(
  "ECONNREFUSED ENOTFOUND EAI_AGAIN EAI_FAIL ConnectionRefused FailedToOpenSocket".split(" "),
);

/** Sorts one `Failed` entry of an answer to a batch, which comes with HTTP 200 (SQS API Reference, "BatchResultErrorEntry"). */
export function troubleOfEntry(
  entry: Readonly<{ Code?: string | undefined; Message?: string | undefined; SenderFault?: boolean | undefined }>,
): Trouble {
  const status = entry.SenderFault === false ? 500 : 400;
  const seen: Seen = { codes: [entry.Code ?? "no code"], status, message: entry.Message ?? "", requestId: undefined };
  return make(kindOf(seen), { ...seen, status: undefined });
}

type Seen = Readonly<{
  /** The most telling one first. */
  codes: readonly string[];
  status: number | undefined;
  message: string;
  requestId: string | undefined;
}>;

function readError(error: unknown): Seen {
  if (typeof error !== "object" || error === null)
    return { codes: ["unknown"], status: undefined, message: String(error), requestId: undefined };
  const { name, code, Code, message, cause, errors, $metadata } = error as Readonly<Record<string, unknown>>;
  const { httpStatusCode, requestId } = ($metadata ?? {}) as Readonly<Record<string, unknown>>;
  const deeper = cause ?? (Array.isArray(errors) ? errors[0] : undefined); // happy eyeballs throw one error for all addresses
  const within = deeper !== undefined && deeper !== error ? readError(deeper) : undefined;
  // The system's code first: the SDK calls a connection that was reset a TimeoutError.
  const system = typeof code === "string" && /^[A-Z0-9_]+$/.test(code) ? code : undefined;
  const own = [system, name, Code, code].filter(
    (value) => typeof value === "string" && value !== "" && !/^(?:Aggregate)?Error$/.test(value),
  );
  return {
    codes: [...(own as readonly string[]), ...(within?.codes ?? [])],
    status: typeof httpStatusCode === "number" ? httpStatusCode : undefined,
    message: typeof message === "string" && message !== "" ? message : (within?.message ?? ""),
    requestId: typeof requestId === "string" ? requestId : undefined,
  };
}

function kindOf({ codes, status, message }: Seen): TroubleKind {
  if (/signature expired|not yet current/i.test(message)) return "clock-skew";
  // The SDK could not read the answer; a proxy's page of 5xx is still a 5xx.
  if (/deserialization error/i.test(message)) return status !== undefined && status >= 500 ? "unavailable" : "garbled";
  if (/^checksum mismatch|invalid md5 checksum/i.test(message)) return "damaged";
  if (/region is missing/i.test(message)) return "misconfigured";
  if (receiptLost(codes, message)) return "receipt-lost";
  if (codes.some((code) => /^KMS\.(?!Throttling)/.test(code))) return "denied"; // the key, whatever its state
  const known = codes
    .map(bare)
    .map((code) => kindsByCode.get(code))
    .find((kind) => kind !== undefined);
  return known ?? kindOfStatus(status) ?? (codes.some((code) => /^ERR_(?:SSL|TLS)_|CERT/.test(code)) ? "untrusted" : "unknown");
}

/** SQS says so too in the words of a wrong parameter: an old receipt, or one at the end of its twelve hours. */
function receiptLost(codes: readonly string[], message: string): boolean {
  return (
    codes.some((code) => bare(code).startsWith("InvalidParameterValue")) &&
    /receipt ?handle|not available for visibility|beyond the limit/i.test(message)
  );
}

/** `com.amazonaws.sqs#QueueDoesNotExistException` and `AWS.SimpleQueueService.NonExistentQueue` without their trimmings. */
function bare(code: string): string {
  const last = code.replace(/^.*[#.:]/, "");
  return kindsByCode.has(last) ? last : last.replace(/(?:Exception|Fault)$/, "");
}

function kindOfStatus(status: number | undefined): TroubleKind | undefined {
  if (status === undefined || status < 300) return undefined;
  if (status === 401 || status === 403) return "denied";
  if (status === 404) return "not-found";
  if (status === 408) return "deadline";
  if (status === 409 || status === 412) return "conflict";
  if (status === 429) return "throttled";
  return status >= 500 ? "unavailable" : "refused";
}

function make(kind: TroubleKind, { codes, status, message, requestId }: Seen): Trouble {
  const code = codes[0] ?? "unknown";
  const more = [status && `HTTP ${status}`, requestId && `request ${requestId}`].filter(Boolean).join(", ");
  const found = [more === "" ? code : `${code} (${more})`, firstLine(message)].filter(Boolean).join(": ");
  return { kind, code, text: `${rules[kind]}: current value is ${found}`, retry: transient.has(kind) };
}

// No name has so many letters in a row, but a session token does, and so does a receipt handle.
const opaque = /[A-Za-z0-9+/=_%-]{100,}/g;

/** A refused signature quotes the whole request below its first line, the session token included. */
function firstLine(message: string): string {
  const line = message.split(/[\r\n]/, 1)[0] ?? "";
  const text = line
    .replace(opaque, (word) => `${word.slice(0, 4)}…`)
    .replace(/\s+/g, " ")
    .trim();
  return text.length > 300 ? `${text.slice(0, 299)}…` : text;
}
