// SES send: one request to SES for one recipient, tried once. Small mails go through v1, whose requests are lighter; large
// ones through v2, which takes 40 MB. In v2 a FromEmailAddress would replace the From field, and with it the name of the
// author; so the field stands for itself, and the reverse-path is where feedback goes.
// SES API Reference, "SendRawEmail"; SES API v2 Reference, "SendEmail".

import { type SESClient, SendRawEmailCommand } from "@aws-sdk/client-ses";
import { type SESv2Client, SendEmailCommand } from "@aws-sdk/client-sesv2";
import type { AwsClock } from "./aws-clock.ts";
import { call } from "./call.ts";
import type { SendEnd } from "./ses-verdict.ts";
import { GarbledError, nothingDone, troubleOfSend } from "./trouble.ts";

/** One mail to one recipient. Addresses are ASCII. */
export type Letter = Readonly<{ from: string; to: string; octets: Uint8Array }>;

export type SesClients = Readonly<{ ses: SESClient; sesv2: SESv2Client; clock: AwsClock }>;
type Sending = SesClients & Readonly<{ /** Ends the request before its deadline. */ abort: AbortSignal }>;

type Api = "v1" | "v2";

/** Sends through one of the two APIs. Never throws. */
export async function sendOnce(letter: Letter, api: Api, deadlineMs: number, clients: Sending): Promise<SendEnd> {
  const watch: Watch = { handedOver: false };
  // Not AbortSignal.any: under Bun it keeps a piece of memory for each send as long as the courier lives.
  const both = new AbortController();
  const end = () => both.abort();
  if (clients.abort.aborted) end();
  clients.abort.addEventListener("abort", end);
  try {
    const what = { port: "Courier", operation: "send", deadlineMs, clock: clients.clock };
    const send = api === "v1" ? viaV1 : viaV2;
    const answer = await call(what, (deadline) => {
      deadline.addEventListener("abort", end);
      return send(letter, clients, both.signal, watch);
    });
    return { kind: "sent", sesId: bareId(answer.MessageId) };
  } catch (error) {
    return { kind: "trouble", trouble: troubleOfSend(error), certain: !watch.handedOver || nothingDone(error) };
  } finally {
    clients.abort.removeEventListener("abort", end);
  }
}

type Answer = Readonly<{ MessageId?: string | undefined }>;

/** Whether a request was ever handed over to the network: not before it is signed, for which there must be credentials. */
type Watch = { handedOver: boolean };

function viaV1({ from, to, octets }: Letter, { ses }: SesClients, abortSignal: AbortSignal, watch: Watch): Promise<Answer> {
  const command = new SendRawEmailCommand({ Source: from, Destinations: [to], RawMessage: { Data: octets } });
  command.middlewareStack.add((next) => (args) => next(handOver(args, watch)), innermost);
  return ses.send(command, { abortSignal });
}

function viaV2({ from, to, octets }: Letter, { sesv2 }: SesClients, abortSignal: AbortSignal, watch: Watch): Promise<Answer> {
  const command = new SendEmailCommand({
    Destination: { ToAddresses: [to] },
    FeedbackForwardingEmailAddress: from,
    Content: { Raw: { Data: octets } },
  });
  command.middlewareStack.add((next) => (args) => next(handOver(args, watch)), innermost);
  return sesv2.send(command, { abortSignal });
}

const innermost = { step: "deserialize", priority: "low", name: "sesameHandOver" } as const;

function handOver<T>(args: T, watch: Watch): T {
  watch.handedOver = true;
  return args;
}

/** Without the brackets and the domain that some endpoints add: the form in which bounces name it. */
function bareId(id: string | undefined): string {
  const bare = (id ?? "").trim().replace(/^<|>$/g, "").replace(/@.*$/s, "");
  if (bare === "") throw new GarbledError("SES answered a send without an id");
  return bare;
}
