// Dynamo directory: Directory on the two users' tables. Rows are read as they stand; the core decodes them.
// Reads are consistent: a rule that a user has just set acts on the next mail. A table that is missing when it is probed
// switches its feature off; one that is missing later makes look() throw, which delays mail and never skips a rule.

import type { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { type Directory, type DirectoryRows, type Inquiry, PortError, type RuleTable } from "@sesame/core";
import { call } from "./call.ts";
import { type Answers, type Question, readRows } from "./dynamo-batch.ts";
import { type DynamoOptions, documentsOf, dynamoDeadlineMs, type Row, realSleep, type TableState, tableDefaults } from "./dynamo-table.ts";
import { troubleOf } from "./trouble.ts";

export type DynamoDirectoryOptions = DynamoOptions & Readonly<{ tables?: Readonly<Record<RuleTable, string>> }>;

const keyName = "email_address";
const patterns = "blocked_patterns";
const someKey = "nobody@probe.invalid"; // RFC 2606 §2: never an address of anybody

export class DynamoDirectory implements Directory {
  readonly #options: Required<DynamoDirectoryOptions>;
  readonly #documents: DynamoDBDocumentClient;
  #off: ReadonlySet<RuleTable> = new Set();

  constructor(options: DynamoDirectoryOptions) {
    this.#options = { tables: tableDefaults, deadlineMs: dynamoDeadlineMs, sleep: realSleep, ...options };
    this.#documents = documentsOf(options.client);
  }

  /**
   * Looks which tables exist, and from then on asks only those. For the start, and to be told aloud. Throws where that
   * cannot be found out: a table that must not be read is not a missing one.
   */
  probe(): Promise<Readonly<Record<RuleTable, TableState>>> {
    return this.#call("probe", async (signal) => {
      const states = await this.#states(signal);
      this.#off = new Set((["rules", "blocked"] as const).filter((table) => states[table] === "missing"));
      return states;
    });
  }

  async look(inquiry: Inquiry): Promise<DirectoryRows> {
    const questions = this.#questions(inquiry);
    if (questions.size === 0) return { rules: new Map(), blocked: new Map() };
    return this.#call("look", async (signal) => {
      try {
        const answers = await readRows(questions, { documents: this.#documents, sleep: this.#options.sleep, signal });
        return { rules: this.#rows("rules", inquiry.rules, answers), blocked: patternsOf(this.#rows("blocked", inquiry.blocked, answers)) };
      } catch (error) {
        throw troubleOf(error).kind === "not-found" ? await this.#missing(error, signal) : error;
      }
    });
  }

  /** By table, since both may be one. Of a blocklist only the patterns are wanted. */
  #questions(inquiry: Inquiry): ReadonlyMap<string, Question> {
    const { tables } = this.#options;
    const questions = new Map<string, Question>();
    for (const table of ["rules", "blocked"] as const) {
      if (this.#off.has(table) || inquiry[table].length === 0) continue;
      const other = questions.get(tables[table]);
      const only = table === "blocked" && other === undefined ? { attributes: [patterns] } : {};
      questions.set(tables[table], { keyName, keys: [...(other?.keys ?? []), ...inquiry[table]], consistent: true, ...only });
    }
    return questions;
  }

  #rows(table: RuleTable, keys: readonly string[], answers: Answers): ReadonlyMap<string, Row> {
    const rows = answers.get(this.#options.tables[table]);
    if (this.#off.has(table) || rows === undefined) return new Map();
    return new Map(keys.flatMap((key) => (rows.has(key) ? [[key, rows.get(key) ?? {}] as const] : [])));
  }

  async #states(signal: AbortSignal): Promise<Readonly<Record<RuleTable, TableState>>> {
    const [rules, blocked] = await Promise.all([this.#state("rules", signal), this.#state("blocked", signal)]);
    return { rules, blocked };
  }

  /** A batch fails as a whole when one of its tables is missing, so each is asked alone. */
  async #state(table: RuleTable, signal: AbortSignal): Promise<TableState> {
    const question = { keyName, keys: [someKey], consistent: false, attributes: [] };
    try {
      await readRows(new Map([[this.#options.tables[table], question]]), {
        documents: this.#documents,
        sleep: this.#options.sleep,
        signal,
      });
      return "present";
    } catch (error) {
      if (troubleOf(error).kind === "not-found") return "missing";
      throw error;
    }
  }

  /** The error that names the table, which DynamoDB's own does not. */
  async #missing(error: unknown, signal: AbortSignal): Promise<PortError> {
    const states = await this.#states(signal);
    const names = (["rules", "blocked"] as const)
      .filter((table) => states[table] === "missing")
      .map((table) => this.#options.tables[table]);
    const text = `Cannot look as the table ${JSON.stringify(names.join(", "))} must exist: current value is ${troubleOf(error).code}`;
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
