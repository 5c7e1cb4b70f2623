// AWS calls: the fourteen calls that a mail's way makes of AWS, how each is known on its way out, and what a mail must be
// like so that the call is made at all. Data for the matrix; it does nothing.

/** How a service writes its refusals. */
export type Protocol = "sqs" | "s3" | "dynamodb" | "ses" | "sesv2";

/** The mail that makes the call. All but "blocked" are answered and passed on as well, so that each cell watches all deeds. */
export type Scenario =
  | "plain" // delivered, answered, passed on
  | "slow" // the first delivery takes so long that the entry is extended, and is then put off
  | "blocked" // every recipient blocks it: marked, then erased
  | "large"; // SES's first API finds reply and forward too large, so they go through the second

export type CallName = (typeof callNames)[number];
export const callNames = [
  "ReceiveMessage",
  "DeleteMessageBatch",
  "ChangeMessageVisibilityBatch",
  "GetQueueUrl",
  "GetQueueAttributes",
  "GetObject",
  "CopyObject",
  "DeleteObject",
  "BatchGetItem",
  "UpdateItem (claim)",
  "UpdateItem (record)",
  "UpdateItem (outbound)",
  "SendRawEmail",
  "SendEmail (v2)",
] as const;

/** `methods`: those of its port that make the call. */
export type Call = Readonly<{ protocol: Protocol; scenario: Scenario; port: PortName; methods: readonly string[] }>;
export type PortName = "MailQueue" | "MailStore" | "Directory" | "Ledger" | "Outbound" | "Courier";

export const calls: Readonly<Record<CallName, Call>> = {
  ReceiveMessage: { protocol: "sqs", scenario: "plain", port: "MailQueue", methods: ["receive"] },
  DeleteMessageBatch: { protocol: "sqs", scenario: "plain", port: "MailQueue", methods: ["ack"] },
  ChangeMessageVisibilityBatch: { protocol: "sqs", scenario: "slow", port: "MailQueue", methods: ["extend", "retryLater"] },
  GetQueueUrl: { protocol: "sqs", scenario: "plain", port: "MailQueue", methods: ["receive", "size"] },
  GetQueueAttributes: { protocol: "sqs", scenario: "plain", port: "MailQueue", methods: ["size"] },
  GetObject: { protocol: "s3", scenario: "plain", port: "MailStore", methods: ["open"] },
  CopyObject: { protocol: "s3", scenario: "plain", port: "MailStore", methods: ["mark"] },
  DeleteObject: { protocol: "s3", scenario: "blocked", port: "MailStore", methods: ["erase"] },
  BatchGetItem: { protocol: "dynamodb", scenario: "plain", port: "Directory", methods: ["look"] },
  "UpdateItem (claim)": { protocol: "dynamodb", scenario: "plain", port: "Ledger", methods: ["claim"] },
  "UpdateItem (record)": { protocol: "dynamodb", scenario: "plain", port: "Ledger", methods: ["record"] },
  "UpdateItem (outbound)": { protocol: "dynamodb", scenario: "plain", port: "Outbound", methods: ["note"] },
  SendRawEmail: { protocol: "ses", scenario: "plain", port: "Courier", methods: ["send"] },
  "SendEmail (v2)": { protocol: "sesv2", scenario: "large", port: "Courier", methods: ["send"] },
};

/** The call that a command of the SDK is. `null`: none of the fourteen. */
export function callOf(commandName: string, input: Readonly<Record<string, unknown>>): CallName | null {
  const name = commandName.replace(/Command$/, "");
  if (name === "UpdateItem") return updateOf(String(input["TableName"]), String(input["UpdateExpression"]));
  if (name === "SendEmail") return "SendEmail (v2)";
  return callNames.find((each) => each === name) ?? null;
}

function updateOf(table: string, expression: string): CallName | null {
  if (table === "ses-outbound-messages") return "UpdateItem (outbound)";
  if (/#owner = :me/.test(expression)) return "UpdateItem (claim)";
  return /#done|REMOVE #owner/.test(expression) ? "UpdateItem (record)" : null;
}
