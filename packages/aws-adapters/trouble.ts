// Trouble: classifies every error of the SDK and makes its text for the log. It looks at the error's code, then at the HTTP
// status, then at the system's code. A 403 is never "not found": without s3:ListBucket S3 answers 403 for a missing key, but
// also for a wrong policy (S3 API Reference, "GetObject"). An answer that cannot be read counts as no answer.
// To add a code: put it into `kindsByCode`. A new kind needs an entry in `causes`, and in `transient` if a retry can help.

import { PortError } from "@sesame/core";

/** The kinds of errors that are handled differently. */
export type TroubleKind =
  | "not-found" // queue, table, bucket or object; `code` says which
  | "denied" // by a policy, a key or a signature
  | "expired-credentials"
  | "no-credentials"
  | "misconfigured" // the SDK cannot send a request: no region, or an invalid endpoint
  | "throttled"
  | "conflict" // a condition failed, or another writer is active
  | "receipt-lost" // another receive has the entry, or it is visible or deleted
  | "archived" // the storage class of the object does not allow reading
  | "metadata-too-large"
  | "refused" // any other 4xx; the same request would be refused again
  | "unavailable" // an internal error of AWS
  | "unreachable" // no connection, or the connection broke
  | "untrusted" // the certificate is not trusted
  | "garbled" // the answer is cut, or not from AWS
  | "damaged" // wrong checksum
  | "deadline"
  | "clock-skew"
  | "quota-used-up" // SES: the daily sending quota
  | "sending-off" // SES: the account or its sending is paused or suspended
  | "unverified" // SES: an identity is not verified
  | "mail-refused" // SES: this mail only
  | "mail-too-large" // SES: this mail only
  | "unknown";

export type Trouble = Readonly<{
  kind: TroubleKind;
  /** Code of AWS or of the system: `NoSuchKey`, `ECONNREFUSED`. */
  code: string;
  /** For the log: the cause, code and message, and what to do. One line, without secrets. */
  text: string;
  /** Whether the same call may succeed soon without a repair. */
  retry: boolean;
}>;

/** A call did not end before its deadline. */
export class DeadlineError extends Error {
  constructor(deadlineMs: number) {
    super(`no whole answer within ${deadlineMs} ms`);
    this.name = "DeadlineError";
  }
}

/** An answer breaks the API of AWS: it is shorter than announced, or a required part is missing. */
export class GarbledError extends Error {
  constructor(text: string) {
    super(text);
    this.name = "GarbledError";
  }
}

/** Why a call failed and, if the operator can repair it, how. */
const causes: Readonly<Record<TroubleKind, readonly [cause: string, repair?: string]>> = {
  "not-found": ["the queue, table, bucket or object does not exist", "Check its name and AWS_REGION, or create it"],
  denied: ["AWS denied access", "Check the IAM policy and the policy of the bucket, queue or key"],
  "expired-credentials": ["the AWS credentials have expired", "Renew them"],
  "no-credentials": ["there are no AWS credentials", "Set environment variables, a profile, or a container or instance role"],
  misconfigured: ["the AWS settings are incomplete", "Set AWS_REGION"],
  throttled: ["AWS throttled the request"],
  conflict: ["another writer changed it meanwhile"],
  "receipt-lost": ["the receipt handle is no longer valid"],
  archived: ["the object is in a storage class that cannot be read at once", "Restore it, and check the lifecycle rules"],
  "metadata-too-large": ["the object metadata is larger than 2 KB"],
  refused: ["AWS refused the request"],
  unavailable: ["AWS has an internal error"],
  unreachable: ["AWS is not reachable", "Check the network, DNS and AWS_ENDPOINT_URL"],
  untrusted: ["the certificate of AWS is not trusted", "Check the CA certificates, the clock and any TLS proxy"],
  garbled: ["the answer of AWS is incomplete or unreadable"],
  damaged: ["the octets do not match the checksum of AWS"],
  deadline: ["the answer of AWS did not come in time"],
  "clock-skew": ["the clock of this machine is wrong", "Set up time synchronisation"],
  "quota-used-up": ["the daily SES sending quota is used up", "Request a higher quota, or wait"],
  "sending-off": ["the SES account may not send", "Look at the reputation dashboard of SES"],
  unverified: ["SES has not verified the sender's identity", "Verify it in this region; in the SES sandbox, verify the recipient too"],
  "mail-refused": ["SES refused the mail"],
  "mail-too-large": ["the mail is larger than SES accepts"],
  unknown: ["the call failed"],
};

const transient: ReadonlySet<TroubleKind> = new Set([
  "expired-credentials", // the next call fetches them again
  "throttled",
  "conflict",
  "unavailable",
  "unreachable",
  "garbled",
  "damaged",
  "deadline",
]);

// Codes without the suffix `Exception` or `Fault` that some protocols add, and without a prefix that ends in a dot.
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

/** Classifies an error of a call to AWS. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof PortError && error.cause !== undefined) return troubleOf(error.cause);
  const fields = errorFields(error);
  return troubleFrom(kindOf(fields), fields);
}

/**
 * Classifies an error of a send through SES. If the code does not say whether SES refused the mail, the account or the sender,
 * the message does (SES Developer Guide, "Amazon SES email sending errors").
 */
export function troubleOfSend(error: unknown): Trouble {
  if (error instanceof PortError && error.cause !== undefined) return troubleOfSend(error.cause);
  const fields = errorFields(error);
  const kind = kindOf(fields);
  const code = bareCode(fields.codes[0] ?? ""); // the part after a colon may quote the mail
  const isRefusal = kind === "refused" || kind === "throttled";
  const told = isRefusal
    ? sendRefusals.find(([, codes, words]) => codes?.test(code) || (code !== "" && words?.test(fields.message)))?.[0]
    : undefined;
  return troubleFrom(told ?? (fields.status === 413 ? "mail-too-large" : kind), fields);
}

/** What a refusal of SES is about, by its code or by how its message begins. */
const sendRefusals: readonly (readonly [TroubleKind, codes: RegExp | null, words: RegExp | null])[] = [
  ["quota-used-up", /^LimitExceeded/i, /^Daily (?:message|sending) quota/i],
  ["sending-off", /SendingPaused|^AccountSuspended/i, /^(?:Sending|Account) (?:is )?(?:paused|suspended|disabled)/i],
  ["unverified", /NotVerified/i, /^(?:Email address|Mail FROM domain) is not verified/i],
  ["mail-too-large", null, /^Message (?:length is more than|is too long)/i],
  ["mail-refused", /^(?:MessageRejected|InvalidParameterValue|BadRequest)$/, null],
];

/**
 * Whether AWS certainly did nothing: it never had the whole request, or it refused the request. A 5xx is not certain,
 * except a 503 with a code of AWS (RFC 9110 §15.6.4): SES may have sent the mail (SES Developer Guide, "API Error Codes Returned by Amazon SES").
 */
export function nothingDone(error: unknown): boolean {
  if (error instanceof PortError && error.cause !== undefined) return nothingDone(error.cause);
  const fields = errorFields(error);
  const { status, codes, message } = fields;
  if (status !== undefined)
    return (status >= 400 && status < 500) || (status === 503 && codes.some((code) => kindsByCode.has(bareCode(code))));
  return (
    neverSent.has(kindOf(fields)) || codes.some((code) => notConnected.has(code)) || /^connect |not establish a connection/.test(message)
  );
}

const neverSent: ReadonlySet<TroubleKind> = new Set(["no-credentials", "misconfigured", "untrusted"]);
const notConnected: ReadonlySet<string> = new Set(
  "ECONNREFUSED ENOTFOUND EAI_AGAIN EAI_FAIL ConnectionRefused FailedToOpenSocket".split(" "),
);

/** Classifies one `Failed` entry in the answer to a batch, which has HTTP status 200 (SQS API Reference, "BatchResultErrorEntry"). */
export function troubleOfEntry(
  entry: Readonly<{ Code?: string | undefined; Message?: string | undefined; SenderFault?: boolean | undefined }>,
): Trouble {
  const status = entry.SenderFault === false ? 500 : 400;
  const fields: ErrorFields = { codes: [entry.Code ?? "no code"], status, message: entry.Message ?? "", requestId: undefined };
  return troubleFrom(kindOf(fields), { ...fields, status: undefined });
}

type ErrorFields = Readonly<{
  /** The most specific code first. */
  codes: readonly string[];
  status: number | undefined;
  message: string;
  requestId: string | undefined;
}>;

function errorFields(error: unknown): ErrorFields {
  if (typeof error !== "object" || error === null)
    return { codes: ["unknown"], status: undefined, message: String(error), requestId: undefined };
  const { name, code, Code, message, cause, errors, $metadata } = error as Readonly<Record<string, unknown>>;
  const { httpStatusCode, requestId } = ($metadata ?? {}) as Readonly<Record<string, unknown>>;
  const deeper = cause ?? (Array.isArray(errors) ? errors[0] : undefined); // a connection to several addresses throws one error for all of them
  const within = deeper !== undefined && deeper !== error ? errorFields(deeper) : undefined;
  // The system's code first: the SDK names a connection reset TimeoutError.
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

function kindOf({ codes, status, message }: ErrorFields): TroubleKind {
  if (/signature expired|not yet current/i.test(message)) return "clock-skew";
  // The SDK could not read the body of the answer. Its status still tells a refusal or an outage; a 404 may be a proxy's page.
  if (/deserialization error/i.test(message))
    return status !== undefined && status >= 400 && status !== 404 ? (kindOfStatus(status) ?? "garbled") : "garbled";
  if (/^checksum mismatch|invalid md5 checksum/i.test(message)) return "damaged";
  if (/region is missing/i.test(message)) return "misconfigured";
  if (receiptLost(codes, message)) return "receipt-lost";
  if (codes.some((code) => /^KMS\.(?!Throttling)/.test(code))) return "denied"; // the key, in whatever state
  const known = codes
    .map(bareCode)
    .map((code) => kindsByCode.get(code))
    .find((kind) => kind !== undefined);
  return known ?? kindOfStatus(status) ?? (codes.some((code) => /^ERR_(?:SSL|TLS)_|CERT/.test(code)) ? "untrusted" : "unknown");
}

/** SQS also reports a stale receipt handle, or one at its limit of twelve hours, as an invalid parameter. */
function receiptLost(codes: readonly string[], message: string): boolean {
  return (
    codes.some((code) => bareCode(code).startsWith("InvalidParameterValue")) &&
    /receipt ?handle|not available for visibility|beyond the limit/i.test(message)
  );
}

/** `com.amazonaws.sqs#QueueDoesNotExistException` and `AWS.SimpleQueueService.NonExistentQueue` without prefix and suffix. */
function bareCode(code: string): string {
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

function troubleFrom(kind: TroubleKind, { codes, status, message, requestId }: ErrorFields): Trouble {
  const code = codes[0] ?? "unknown";
  const more = [status && `HTTP ${status}`, requestId && `request ${requestId}`].filter(Boolean).join(", ");
  const [cause, repair] = causes[kind];
  const label = more === "" ? codes[0] : `${code} (${more})`;
  const found = [cause, label, firstLine(message)].filter(Boolean).join(": ");
  return { kind, code, text: repair === undefined ? found : `${found.replace(/\.$/, "")}. ${repair}`, retry: transient.has(kind) };
}

// Characters of a session token or a receipt handle: no name has so many without a space.
const opaqueLength = 100;

/** The first line only: for a wrong signature AWS quotes the whole request below it, with the session token. */
function firstLine(message: string): string {
  const line = message.split(/[\r\n]/, 1)[0] ?? "";
  const text = line
    .replace(/[A-Za-z0-9+/=_%-]+/g, (word) => (word.length < opaqueLength ? word : `${word.slice(0, 4)}…`))
    .replace(/\s+/g, " ")
    .trim();
  return text.length > 300 ? `${text.slice(0, 299)}…` : text;
}
