// SES send: one request to SES for one recipient, tried once. Small mails use API v1, whose requests are lighter; large mails
// use v2, which accepts 40 MB. In v2 FromEmailAddress would replace the From field and so the author's name. So it is not
// set, and the reverse-path is the address for feedback.
// SES API Reference, "SendRawEmail"; SES API v2 Reference, "SendEmail".

import { type SESClient, SendRawEmailCommand } from "@aws-sdk/client-ses";
import { type SESv2Client, SendEmailCommand } from "@aws-sdk/client-sesv2";
import type { AwsClock } from "./aws-clock.ts";
import { call } from "./call.ts";
import type { SendResult } from "./ses-verdict.ts";
import { GarbledError, nothingDone, troubleOfSend } from "./trouble.ts";

/** One mail to one recipient. The addresses are ASCII. */
export type SesMail = Readonly<{ from: string; to: string; octets: Uint8Array }>;

export type SesClients = Readonly<{ ses: SESClient; sesv2: SESv2Client; clock: AwsClock }>;
type SendClients = SesClients & Readonly<{ /** Ends the request before its deadline. */ abort: AbortSignal }>;

type Api = "v1" | "v2";

/** Sends through one of the two APIs. Never throws. */
export async function sendOnce(mail: SesMail, api: Api, deadlineMs: number, clients: SendClients): Promise<SendResult> {
  const watch: HandOverWatch = { handedOver: false };
  // Not AbortSignal.any: under Bun each call leaks memory until the courier ends.
  const both = new AbortController();
  const end = () => both.abort();
  if (clients.abort.aborted) end();
  clients.abort.addEventListener("abort", end);
  try {
    const what = { port: "Courier", operation: "send", deadlineMs, clock: clients.clock };
    const send = api === "v1" ? viaV1 : viaV2;
    const answer = await call(what, (deadline) => {
      deadline.addEventListener("abort", end);
      return send(mail, clients, both.signal, watch);
    });
    return { kind: "sent", sesId: bareId(answer.MessageId) };
  } catch (error) {
    return { kind: "trouble", trouble: troubleOfSend(error), certain: !watch.handedOver || nothingDone(error) };
  } finally {
    clients.abort.removeEventListener("abort", end);
  }
}

type Answer = Readonly<{ MessageId?: string | undefined }>;

/** Whether the request was handed over to the network. It is not before it is signed, which needs credentials. */
type HandOverWatch = { handedOver: boolean };

function viaV1({ from, to, octets }: SesMail, { ses }: SesClients, abortSignal: AbortSignal, watch: HandOverWatch): Promise<Answer> {
  const command = new SendRawEmailCommand({ Source: from, Destinations: [to], RawMessage: { Data: octets } });
  command.middlewareStack.add((next) => (args) => next(handOver(args, watch)), innermost);
  return ses.send(command, { abortSignal });
}

function viaV2({ from, to, octets }: SesMail, { sesv2 }: SesClients, abortSignal: AbortSignal, watch: HandOverWatch): Promise<Answer> {
  const command = new SendEmailCommand({
    Destination: { ToAddresses: [to] },
    FeedbackForwardingEmailAddress: from,
    Content: { Raw: { Data: octets } },
  });
  command.middlewareStack.add((next) => (args) => next(handOver(args, watch)), innermost);
  return sesv2.send(command, { abortSignal });
}

const innermost = { step: "deserialize", priority: "low", name: "sesameHandOver" } as const;

function handOver<T>(args: T, watch: HandOverWatch): T {
  watch.handedOver = true;
  return args;
}

/** The id as bounces contain it: without the angle brackets and the domain that some endpoints add. */
function bareId(id: string | undefined): string {
  const bare = (id ?? "").trim().replace(/^<|>$/g, "").replace(/@.*$/s, "");
  if (bare === "") throw new GarbledError("the answer of SES has no message id");
  return bare;
}
