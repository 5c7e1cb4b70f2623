// AWS options: how this configuration calls AWS. The SDK finds region, endpoint and credentials.

import type { AwsOptions } from "@sesame/aws-adapters/base";
import { type Config, queueNamesOf } from "./config.ts";
import { fetchExchange } from "./exchange.ts";
import { version } from "./version.ts";

export function awsOptions(config: Config): AwsOptions {
  const queues = new Set(queueNamesOf(config).values()).size;
  const exchange = config.AWS_CLIENT === "fast" ? fetchExchange() : undefined;
  return { version, queues, mailsInWork: config.CONCURRENCY, ...(exchange && { exchange }) };
}
