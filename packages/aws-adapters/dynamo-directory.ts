// Dynamo directory: Directory on the two users' tables. It returns rows as they are; the core decodes them.
// Reads are consistent, so a new rule applies to the next mail. If a table is missing at probe(), its feature is off. If it
// is missing later, look() throws: the mail is delayed, and no rule is skipped.

import { type Directory, type DirectoryRows, type Inquiry, PortError } from "@sesame/core";
import type { RuleTable } from "@sesame/core/journey";
import { call } from "./call.ts";
import { readRows, type TableRead, type TableRows } from "./dynamo-batch.ts";
import { type DynamoOptions, dynamoDeadlineMs, type Row, type TableState, tableDefaults } from "./dynamo-table.ts";
import { sdkTableCalls } from "./sdk-dynamo.ts";
import { realSleep } from "./timers.ts";
import { troubleOf } from "./trouble.ts";

export type DynamoDirectoryOptions = DynamoOptions & Readonly<{ tables?: Readonly<Record<RuleTable, string>> }>;

const keyName = "email_address";
const patterns = "blocked_patterns";
const probeKey = "nobody@probe.invalid"; // RFC 2606 §2: this domain never exists

export class DynamoDirectory implements Directory {
  readonly #options: Required<DynamoDirectoryOptions>;
  #off: ReadonlySet<RuleTable> = new Set();

  constructor(options: DynamoDirectoryOptions) {
    const defaults = { tables: tableDefaults, deadlineMs: dynamoDeadlineMs, sleep: realSleep };
    this.#options = { ...defaults, hot: sdkTableCalls(options.client), ...options };
  }

  /**
   * Checks which tables exist. From then on only those are read. Called at the start; the worker logs the result. Throws if
   * the answer is unclear: a table without read permission is not a missing one.
   */
  probe(): Promise<Readonly<Record<RuleTable, TableState>>> {
    return this.#call("probe", async (signal) => {
      const states = await this.#states(signal);
      this.#off = new Set((["rules", "blocked"] as const).filter((table) => states[table] === "missing"));
      return states;
    });
  }

  async look(inquiry: Inquiry): Promise<DirectoryRows> {
    const reads = this.#reads(inquiry);
    if (reads.size === 0) return { rules: new Map(), blocked: new Map() };
    return this.#call("look", async (signal) => {
      try {
        const answers = await readRows(reads, { hot: this.#options.hot, sleep: this.#options.sleep, signal });
        return { rules: this.#rows("rules", inquiry.rules, answers), blocked: patternsOf(this.#rows("blocked", inquiry.blocked, answers)) };
      } catch (error) {
        throw troubleOf(error).kind === "not-found" ? await this.#missing(error, signal) : error;
      }
    });
  }

  /** One read for each table name, because both tables may be the same one. From a blocklist only the patterns are read. */
  #reads(inquiry: Inquiry): ReadonlyMap<string, TableRead> {
    const { tables } = this.#options;
    const reads = new Map<string, TableRead>();
    for (const table of ["rules", "blocked"] as const) {
      if (this.#off.has(table) || inquiry[table].length === 0) continue;
      const other = reads.get(tables[table]);
      const only = table === "blocked" && other === undefined ? { attributes: [patterns] } : {};
      reads.set(tables[table], { keyName, keys: [...(other?.keys ?? []), ...inquiry[table]], consistent: true, ...only });
    }
    return reads;
  }

  #rows(table: RuleTable, keys: readonly string[], answers: TableRows): ReadonlyMap<string, Row> {
    const rows = answers.get(this.#options.tables[table]);
    if (this.#off.has(table) || rows === undefined) return new Map();
    return new Map(keys.flatMap((key) => (rows.has(key) ? [[key, rows.get(key) ?? {}] as const] : [])));
  }

  async #states(signal: AbortSignal): Promise<Readonly<Record<RuleTable, TableState>>> {
    const [rules, blocked] = await Promise.all([this.#state("rules", signal), this.#state("blocked", signal)]);
    return { rules, blocked };
  }

  /** Reads one table alone, because a batch fails as a whole if one of its tables is missing. */
  async #state(table: RuleTable, signal: AbortSignal): Promise<TableState> {
    const read = { keyName, keys: [probeKey], consistent: false, attributes: [] };
    try {
      await readRows(new Map([[this.#options.tables[table], read]]), {
        hot: this.#options.hot,
        sleep: this.#options.sleep,
        signal,
      });
      return "present";
    } catch (error) {
      if (troubleOf(error).kind === "not-found") return "missing";
      throw error;
    }
  }

  /** An error that names the missing table. DynamoDB's own error does not. */
  async #missing(error: unknown, signal: AbortSignal): Promise<PortError> {
    const states = await this.#states(signal);
    const names = (["rules", "blocked"] as const)
      .filter((table) => states[table] === "missing")
      .map((table) => this.#options.tables[table]);
    const text = `Cannot look: the table ${JSON.stringify(names.join(", "))} does not exist: ${troubleOf(error).code}. Create it`;
    return new PortError("Directory", "look", text, error);
  }

  #call<T>(operation: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { deadlineMs, clock } = this.#options;
    return call({ port: "Directory", operation, deadlineMs, clock }, run);
  }
}

function patternsOf(rows: ReadonlyMap<string, Row>): ReadonlyMap<string, unknown> {
  return new Map([...rows].map(([key, row]) => [key, row[patterns]]));
}
