// sesame explain without a facts file: the rows are those of the data folder of `sesame local`, or of the tables on AWS, as they are now.
// The mail is a file, or an object by its key. Nothing is sent, and no mail is touched.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { awsClients, DynamoDirectory, DynamoLedger, DynamoOutbound, S3MailStore } from "@sesame/aws-adapters";
import { type Domain, headLimit, type Ledger, type MailId, type MailStore, ok, quote, type Result, type StoredMail } from "@sesame/core";
import { shellWord } from "@sesame/core/explain";
import { awsOptions } from "../aws-options.ts";
import { type Config, decodeConfig, forDomain } from "../config.ts";
import { defaultData } from "../defaults.ts";
import { type LivePorts, liveCase, storedOctets } from "../live-case.ts";
import { openTables } from "../local/database.ts";
import { FileMailStore } from "../local/file-mail-store.ts";
import { clock } from "../local/local-ports.ts";
import { SqliteDirectory } from "../local/sqlite-directory.ts";
import { SqliteLedger } from "../local/sqlite-ledger.ts";
import { SqliteOutbound } from "../local/sqlite-outbound.ts";
import { openMemoryLedger } from "../memory-ledger.ts";
import { type ExplainStreams, printCase } from "./explain.ts";
import { readInputFile } from "./input-file.ts";

/** `data`: the data folder; not used with `aws`. */
export type LiveExplainOptions = Readonly<{ from?: string; to?: readonly string[]; data: string; aws?: boolean; json?: boolean }>;

type Environment = Readonly<Record<string, string | undefined>>;
type Desk = LivePorts & Readonly<{ store: Pick<MailStore, "open">; close(): void }>;

/** Explains a file or a stored mail. Returns the exit code. */
export async function explainLive(mail: string, options: LiveExplainOptions, streams: ExplainStreams, env: Environment): Promise<number> {
  const config = decodeConfig(env, { DOMAINS: "" });
  const desk = config.ok ? openDesk(config.value, options) : config;
  if (!config.ok || !desk.ok) return refuse(streams, config.ok ? (desk.ok ? "" : desk.error) : config.error);
  try {
    return await explainOn(desk.value, config.value, mail, options, streams);
  } finally {
    desk.value.close();
  }
}

function refuse({ problems }: ExplainStreams, text: string): number {
  problems.write(`${text}\n`);
  return 2;
}

async function explainOn(
  desk: Desk,
  config: Config,
  mail: string,
  { from, to, json = false, aws = false, data }: LiveExplainOptions,
  streams: ExplainStreams,
): Promise<number> {
  const found = await findMail(mail, desk, config);
  if (!found.ok) return refuse(streams, found.error);
  const { stored, mailId } = found.value;
  const known = await liveCase(
    stored,
    {
      ...(mailId !== null && { mailId }),
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
      domains: config.domains.length > 0 ? config.domains : null,
      policy: config.policy,
      spellings: config.RULE_SPELLINGS,
      now: clock.now(),
    },
    desk,
  );
  if (!known.ok) return refuse(streams, known.error);
  for (const note of known.value.notes) streams.problems.write(`Note: ${note}\n`);
  const more = aws ? " --aws" : data === defaultData ? "" : ` --data ${shellWord(data)}`;
  return printCase(known.value, await stored.whole(), { json, more }, streams);
}

type Found = Readonly<{ stored: StoredMail; mailId: MailId | null }>;

/** A file of this name, else a stored mail with this key. */
async function findMail(mail: string, { store }: Desk, { domains, MAIL_OBJECTS }: Config): Promise<Result<Found>> {
  const places = mail.includes("/") ? [mail] : bucketsOf(MAIL_OBJECTS, domains).map((bucket) => `${bucket}/${mail}`);
  if (!existsSync(mail)) {
    for (const place of places) {
      const [bucket = "", ...key] = place.split("/");
      const stored = key.join("/") === "" ? "missing" : await store.open({ kind: "object", bucket, key: key.join("/") });
      if (stored !== "missing") return ok({ stored, mailId: place as MailId });
    }
  }
  const read = await readInputFile(mail, "mail");
  if (read.ok) return ok({ stored: storedOctets(read.value, headLimit), mailId: null });
  const looked =
    places.length === 0
      ? "DOMAINS is not set, so no bucket is known"
      : `there is no object ${places.map((place) => quote(place)).join(", ")}`;
  return { ok: false, error: `${read.error}; ${looked}. Give a file, or the bucket and key of a mail` };
}

/** The buckets of the served domains, as far as MAIL_OBJECTS names them. */
function bucketsOf(pattern: string, domains: readonly Domain[]): readonly string[] {
  const places = domains.map((domain) => forDomain(pattern, domain).split("/"));
  const literal = places.map((parts) =>
    parts
      .slice(
        0,
        parts.findIndex((part) => /[*?[{!(]/.test(part)),
      )
      .join("/"),
  );
  return [...new Set(literal.filter((place) => place !== ""))];
}

function openDesk(config: Config, { data, aws = false }: LiveExplainOptions): Result<Desk> {
  return aws ? ok(awsDesk(config)) : localDesk(resolve(data), loopKeyOf(config));
}

function loopKeyOf({ LOOP_KEY }: Config): Readonly<{ loopKey?: Uint8Array }> {
  return LOOP_KEY === undefined ? {} : { loopKey: new TextEncoder().encode(LOOP_KEY) };
}

function localDesk(folder: string, loopKey: Readonly<{ loopKey?: Uint8Array }>): Result<Desk> {
  const opened = openTables(folder);
  if (!opened.ok) return opened;
  const database = opened.value;
  return ok({
    directory: new SqliteDirectory({ database }),
    outbound: new SqliteOutbound({ database }),
    ledger: new SqliteLedger({ database, owner: "explain", clock, ...loopKey }),
    store: new FileMailStore({ folder }),
    close: () => database.close(),
  });
}

function awsDesk(config: Config): Desk {
  const clients = awsClients(awsOptions(config));
  const { clock: awsClock, hot } = clients;
  const dynamo = { client: clients.dynamo, clock: awsClock, hot };
  return {
    directory: new DynamoDirectory({ ...dynamo, tables: { rules: config.RULES_TABLE, blocked: config.BLOCKED_TABLE } }),
    outbound: new DynamoOutbound({ ...dynamo, table: config.OUTBOUND_TABLE, rememberDays: config.LEDGER_DAYS }),
    ledger: awsLedger(config, dynamo),
    store: new S3MailStore({ s3: clients.s3, clock: awsClock, hot }),
    close: () => clients.close(),
  };
}

/** With LEDGER=memory only the worker that runs knows whom it answered. */
function awsLedger(config: Config, dynamo: Pick<ConstructorParameters<typeof DynamoLedger>[0], "client" | "clock" | "hot">): Ledger {
  const loopKey = loopKeyOf(config);
  if (config.LEDGER === "memory") return openMemoryLedger({ owner: "explain", clock, rememberDays: 1, ...loopKey });
  return new DynamoLedger({ ...dynamo, owner: "explain", table: config.LEDGER_TABLE, ...loopKey });
}
