// SES clients: API v1 for small mails and API v2 for large ones. A send is tried once, because the SDK would repeat it after a
// connection that broke after the request; and each time on a new connection.

import { SESClient } from "@aws-sdk/client-ses";
import { SESv2Client } from "@aws-sdk/client-sesv2";
import { type AwsBase, clientSettings, prepare } from "./client-base.ts";

export function sesClients(base: AwsBase): Readonly<{ ses: SESClient; sesv2: SESv2Client }> {
  const ses = new SESClient(clientSettings(base, null, 1));
  const sesv2 = new SESv2Client(clientSettings(base, null, 1));
  for (const client of [ses, sesv2]) prepare(client, base);
  return { ses, sesv2 };
}
