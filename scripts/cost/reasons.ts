// Reasons: the types of parameters that need no hostile value, and the classes, functions and files that are not measured, each
// with the reason. makers.ts has the values of the others.

/** Types whose values have a largest size, and a value. */
export const bounded: Readonly<Record<string, unknown>> = {
  Address: "alice@example.com", // 254 octets: RFC 5321 §4.5.3.1.3
  AddressKey: "alice@example.com",
  Domain: "example.com",
  ReversePath: "bob@remote.test",
  MailId: "bucket/key", // 1,024 octets: S3 User Guide, "Naming Amazon S3 objects"
  EpochMs: 1_767_600_000_000,
  "EpochMs | null": null,
  "EpochMs | undefined": undefined,
  EffectKey: "deliver alice@example.com",
  number: 600,
  "number | null": null,
  boolean: true,
  Offers: { pipelining: true, size: true, eightBitMime: true, smtpUtf8: true },
  'Pick<Content, "size" | "eightBit">': { size: 1000, eightBit: true },
  "0 | 1": 0,
  SmtpPhase: "rcpt",
  '"mail" | "recipient"': "recipient",
  "MailId | null": "bucket/key",
  'Effect["kind"]': "deliver",
  '"forward" | "reply"': "forward",
  DelayReason: "try-later",
  Scope: "mail",
  BlockedMail: "delete",
  Bounce: "not-a-bounce",
  Api: "v1",
};

/** Types that only our own functions make. What makes them is measured. */
export const own: Readonly<Record<string, string>> = {
  ...named(
    "a whole plan is measured in tests/core/plan/stretches.test.ts",
    ...[
      "Facts",
      "Findings",
      "Policy",
      "RuleRow",
      "Plan",
      "Recipe",
      "ForwardInput",
      "ReplyInput",
      "SesRefusal",
      'Facts["rules"]',
      "ReplyRule",
    ],
    ...[
      'Pick<Facts, "mail" | "domains" | "envelope">',
      'Pick<Facts, "mail" | "envelope" | "sesVerdicts">',
      "AutomaticSigns",
      "ReadonlyMap<string, RuleRow>",
      "SenderMatches",
      "ActivePeriod",
    ],
  ),
  ...named(
    "it waits for ports, which bring the time",
    ...[
      "JourneyPorts",
      "Notice",
      "QueueEntry",
      "StoredMail",
      "Clock",
      "SmtpTarget",
      "Stop",
      "Attempt",
      "ClosePorts",
      "ExecutePorts",
      "EffectRun",
      "Lease",
    ],
    ...[
      "Carry",
      "RelayCheck",
      'Omit<RelayCheck, "recipient"> & Readonly<{ recipients: readonly string[] }>',
      "AbortSignal",
      "DynamoOptions",
    ],
    ...[
      "SesCheckOptions",
      "Topics",
      "Readonly<{ s3: S3Client; clock: AwsClock; deadlineMs?: number }>",
      "Readonly<{ ses: SESClient; clock: AwsClock; deadlineMs?: number }>",
      "() => Promise<T>",
      "S3CheckOptions",
      "AwsOptions",
      "SdkClient",
      "TableReads",
      "ReadOptions",
      "RowAccess",
      "UpdateCommand",
      "RowKey",
    ],
    ...["DynamoDBClient", "RestSource", "RestOptions", "SesMail", "SendBatch<Item>", "CallOptions", "(signal: AbortSignal) => Promise<T>"],
    ...[
      "AwsBase",
      "SqsClients",
      "Promise<T>",
      "HotClients",
      "ClaimWatch",
      "Readonly<{ sqs: SQSClient; sqsPoll: SQSClient }>",
      "S3Client",
      "ExchangeAnswer",
      "Lane",
    ],
  ),
  ...named(
    "our own word or record of one effect, with texts of at most some hundred characters",
    ...[
      "Verdict",
      "Final",
      "When",
      "Effect",
      "Serve",
      "Exclude<Course, Serve>",
      'Extract<Verdict, { readonly action: "delayed" }>',
      "Trouble",
      "SendResult",
    ],
    ...["ReplyCount", "AuditMark", "CallName", "Reply | null | undefined", "Exchange", "OpeningFailure", "Success", "BounceRecord"],
  ),
  ...named(
    "one entry for each recipient and effect of a mail, and these are limited",
    ...["ReadonlyMap<EffectKey, Final>", "ReadonlyMap<EffectKey, T>", "Row | null", "Finals", "readonly FormerFinal[]"],
    'Pick<Lease, "owner" | "crashes" | "nonce">',
  ),
  ...named("at most 100 marks of at most 2,000 characters; readLoopMarks makes them, which is measured", "LoopMark", "LoopMarks"),
  ...named(
    "the text of `sesame explain`: a person asks for it, and no worker waits",
    ...["ExplainContext", "ExplainCommands", "Sentence", "Warning", "readonly Warning[]", "Block", "readonly Line[]"],
  ),
  ...named("it asks for the time or for one field of bounded length", 'Pick<JourneyPorts, "clock">', "MarkedMail"),
  ...named("it only makes or ends something", "Timers", "Steps<T>", "T", "E", "Readonly<{ maxOctets: number }>"),
  ...named(
    "the headers of one answer of S3, at most 8 KB",
    "Answer",
    'Pick<LabelledMail, "attributes">',
    "(name: string) => string | null",
  ),
};

/** Classes that are not measured, with the reason. */
export const leftOut: Readonly<Record<string, string>> = {
  MimeBoundaries: "the scanner of attachments uses it, which is measured",
  DotStuffing: "measured with 40 MB in tests/smtp",
  ContentTransfer: "measured with 40 MB in tests/smtp",
  StreamWire: "the transfer uses it, which is measured",
  HandleWire: "the transfer uses it, which is measured",
  ...named("the transfer uses it, which is measured", "WriteBuffer", "WriteBuffers"),
  ...named(
    "it waits for a server, which brings the time",
    "SmtpCourier",
    "SessionPool",
    "SmtpSession",
    "Deadline",
    "PhaseDeadline",
    "LoopShare",
    "ExchangeLog",
    "Dialogue",
    "Caution",
    "AnswerTimes",
    "SessionLimit",
  ),
  ...named(
    "it waits for AWS, which brings the time",
    "AwsClock",
    "Batcher",
    "DynamoDirectory",
    "DynamoLeases",
    "DynamoLedger",
    "DynamoOutbound",
  ),
  ...named(
    "it waits for AWS, which brings the time",
    "DynamoReplyMemory",
    "DynamoLedgerBook",
    "S3Shelf",
    "SqsPost",
    "DynamoRuleBook",
    "S3Body",
    "S3MailStore",
    "HeldBody",
    "SesCourier",
  ),
  ...named("it waits for AWS, which brings the time", "SendRate", "SqsMailQueue", "CachedDirectory", "JoinedDirectory"),
  ...named("it waits for AWS, which brings the time", "Lane", "Routes", "Scouts", "Signer"),
  ...named("it waits for AWS, which brings the time", "MailRows", "HeldRows", "DynamoRecords"),
  EffectRun: "it waits for ports, which bring the time",
  SharedEffects: "one entry for each recipient and effect of a mail, and these are limited",
  ...named("an error", "PortError", "NoRoom", "DeadlineError", "GarbledError"),
};

/** Files that build an expression, with the reason. */
export const builders: Readonly<Record<string, string>> = {
  "apps/worker/redact.ts": "texts that the administrator chose, each escaped, one beside the other",
};

/** Functions that take more than they can be given, by path and name, with the reason. */
export const exceptions: Readonly<Record<string, string>> = {
  "packages/core/mail/mail.ts mailboxesOf": "its names are constants, and mailboxesIn is measured",
  "packages/core/mail/header-write.ts renderOrThrow": "it throws for what renderField refuses, which is measured",
};

function named(reason: string, ...types: readonly string[]): Record<string, string> {
  return Object.fromEntries(types.map((type) => [type, reason]));
}
