// Page tools: what the page of `sesame local` does with rules and mails, by the functions of the command line: the same checks, the
// same rows, the same explanation, the same way into the queue as the front door.

import { rm } from "node:fs/promises";
import { err, ok, openMail, plan, type Result } from "@sesame/core";
import { type ExplainCommands, explainText } from "@sesame/core/explain";
import type { RuleBook } from "@sesame/core/journey";
import { subjectOf, tableKeys } from "@sesame/core/mail";
import { patternRow } from "../commands/block.ts";
import { ruleRow } from "../commands/rules.ts";
import { decodeFacts } from "../facts-file.ts";
import type { LocalTools, Preview, TryForm, TryMail } from "../page/local-tools.ts";
import { planLines } from "../page/plan-words.ts";
import { type Made, mailOf } from "../page/try-mail.ts";
import { tableKey } from "../table-key.ts";
import { type AcceptOptions, acceptMail, spool } from "./accept-mail.ts";

export type PageToolsOptions = Readonly<{ book: RuleBook; accept: AcceptOptions; commands: ExplainCommands; policy: object }>;

type Row = Readonly<Record<string, unknown>>;
/** The rows of one address; `null`: there is none. */
type Rows = Readonly<{ rules: Row | null; blocked: Row | null }>;
type Errors = Readonly<Record<string, string>>;

export class PageTools implements LocalTools {
  readonly #options: PageToolsOptions;
  /** What the last save of each address replaced. */
  readonly #before = new Map<string, Rows>();

  constructor(options: PageToolsOptions) {
    this.#options = options;
  }

  async rowOf(address: string): Promise<TryForm> {
    const key = tableKey(address);
    return key.ok ? fieldsOf(await this.#rows(key.value)) : {};
  }

  async preview(form: TryForm, file: TryMail): Promise<Preview> {
    const now = this.#options.accept.clock.now();
    const mail = mailOf(form, file, now);
    const key = tableKey(form["address"] ?? "");
    const changed = key.ok ? rowsOf(form, await this.#rows(key.value)) : null;
    const errors: Errors = {
      ...(key.ok ? {} : { address: key.error }),
      ...(mail.ok ? {} : fieldError(mail.error)),
      ...(changed?.ok === false ? changed.errors : {}),
    };
    if (!mail.ok) return { errors, asSaved: "", withChanges: "", explanation: "" };
    const saved = await this.#decide(mail.value, form, null);
    const next = key.ok && changed?.ok ? await this.#decide(mail.value, form, [key.value, changed.rows]) : null;
    return { errors, asSaved: saved.lines, withChanges: next?.lines ?? "", explanation: (next ?? saved).explanation };
  }

  async save(form: TryForm): Promise<Errors> {
    const key = tableKey(form["address"] ?? "");
    if (!key.ok) return { address: key.error };
    const before = await this.#rows(key.value);
    const changed = rowsOf(form, before);
    if (!changed.ok) return changed.errors;
    await this.#write(key.value, changed.rows);
    this.#before.set(key.value, before);
    return {};
  }

  async undo(address: string): Promise<boolean> {
    const key = tableKey(address);
    const before = key.ok ? this.#before.get(key.value) : undefined;
    if (!key.ok || before === undefined) return false;
    await this.#write(key.value, before);
    return this.#before.delete(key.value);
  }

  async send(form: TryForm, file: TryMail): Promise<Result<string>> {
    const { accept } = this.#options;
    const made = mailOf(form, file, accept.clock.now());
    if (!made.ok) return made;
    const { octets, from, to } = made.value;
    const domain = to.slice(to.lastIndexOf("@") + 1).toLowerCase();
    if (![...accept.queues.keys()].some((each) => each === domain))
      return err(`to: Cannot send the mail: ${domain} is not a served domain`);
    const spooled = await spool(accept.folder, once(octets), octets.length);
    if (spooled === "too-big") return err("to: Cannot send the mail: it is too large");
    try {
      const { locations } = await acceptMail(accept, { source: from, recipients: [to] }, spooled);
      const [location] = locations;
      return location === undefined ? err("to: Cannot send the mail: it has no recipient") : ok(`${location.bucket}/${location.key}`);
    } finally {
      await rm(spooled.file, { force: true });
    }
  }

  async subjectOf(mailId: string): Promise<string | null> {
    const cut = mailId.indexOf("/");
    if (cut < 1 || cut === mailId.length - 1) return null;
    const location = { kind: "object", bucket: mailId.slice(0, cut), key: mailId.slice(cut + 1) } as const;
    const stored = await this.#options.accept.store.open(location).catch(() => "missing" as const);
    return stored === "missing" ? null : subjectOf(openMail(stored.head, stored.size));
  }

  async #rows(key: string): Promise<Rows> {
    const { book } = this.#options;
    return { rules: asRow(await book.show("rules", key)), blocked: asRow(await book.show("blocked", key)) };
  }

  async #write(key: string, rows: Rows): Promise<void> {
    const { book } = this.#options;
    for (const table of ["rules", "blocked"] as const) {
      const row = rows[table];
      if (row === null) await book.remove(table, key);
      else await book.set(table, key, row);
    }
  }

  /** What would be done, with the rows as they are or with one address changed. */
  async #decide(mail: Made, form: TryForm, changed: readonly [string, Rows] | null): Promise<{ lines: string; explanation: string }> {
    const { accept, commands, policy } = this.#options;
    const rows: Record<"rules" | "blocked", Record<string, unknown>> = { rules: {}, blocked: {} };
    for (const key of tableKeys(mail.to)) {
      const found = changed?.[0] === key ? changed[1] : await this.#rows(key);
      for (const table of ["rules", "blocked"] as const) if (found[table] !== null) rows[table][key] = found[table];
    }
    const decoded = decodeFacts(
      {
        receivedAt: new Date(accept.clock.now()).toISOString(),
        domains: [...accept.queues.keys()],
        envelope: { from: mail.from === "" ? null : mail.from, recipients: [mail.to] },
        verdicts: { spam: form["spam"] ? "FAIL" : "PASS", virus: "PASS", spf: "PASS", dkim: "PASS", dmarc: "PASS" },
        policy,
        ...rows,
      },
      mail.octets,
    );
    if (!decoded.ok) return { lines: decoded.error, explanation: decoded.error };
    const { facts, policy: decided } = decoded.value;
    const made = await plan(facts, decided);
    return { lines: planLines(made).join("\n"), explanation: explainText(made, facts, commands) };
  }
}

function asRow(value: unknown): Row | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Row) : null;
}

async function* once(octets: Uint8Array): AsyncGenerator<Uint8Array> {
  yield octets;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const list = (value: unknown): string => (Array.isArray(value) || value instanceof Set ? [...value].map(String).join("\n") : text(value));
const lines = (value: string | undefined): readonly string[] => (value ?? "").split(/[\n,]/).flatMap((line) => line.trim() || []);

/** The fields of the form for saved rows. */
function fieldsOf({ rules, blocked }: Rows): TryForm {
  return {
    active: rules?.["ooo_active"] === true ? "on" : "",
    ooo: text(rules?.["ooo_message"]),
    html: rules?.["ooo_content_type"] === "html" ? "on" : "",
    oooSubject: text(rules?.["ooo_subject"]),
    start: text(rules?.["ooo_start"]),
    end: text(rules?.["ooo_end"]),
    timezone: text(rules?.["ooo_timezone"]),
    forwards: list(rules?.["forwards"]),
    patterns: list(blocked?.["blocked_patterns"]),
  };
}

/** The rows of a form, checked as the command line checks them. A row that says nothing is taken away. */
function rowsOf(form: TryForm, before: Rows): { ok: true; rows: Rows } | { ok: false; errors: Errors } {
  const says = ["active", "ooo", "oooSubject", "start", "end", "timezone", "forwards"].some((name) => (form[name] ?? "").trim() !== "");
  const targets = lines(form["forwards"]);
  const { ooo_message: _, ...stored } = before.rules ?? {};
  const message = form["ooo"] ?? "";
  const rules = !says
    ? ok(null)
    : ruleRow(stored, {
        ...((form["active"] || message.trim() !== "") && { ooo: message, ...(form["html"] && { html: true }) }),
        oooSubject: form["oooSubject"] ?? "",
        start: form["start"] ?? "",
        end: form["end"] ?? "",
        timezone: form["timezone"] ?? "",
        forward: targets.length > 0 ? targets : false,
        ...(!form["active"] && { off: true }),
      });
  const patterns = lines(form["patterns"]);
  const blocked = patterns.length === 0 ? ok(null) : patternRow(patterns);
  if (rules.ok && blocked.ok) return { ok: true, rows: { rules: rules.value, blocked: blocked.value } };
  return { ok: false, errors: { ...(rules.ok ? {} : ruleErrors(rules.error)), ...(blocked.ok ? {} : { patterns: blocked.error }) } };
}

const fieldNames: Readonly<Record<string, string>> = {
  ooo_message: "ooo",
  ooo_subject: "oooSubject",
  ooo_start: "start",
  ooo_end: "end",
  ooo_timezone: "timezone",
  ooo_active: "active",
  forward: "forwards",
};

/** Errors of a row, each at the field that it names; the others at the text. */
function ruleErrors(error: string): Errors {
  const found: Record<string, string> = {};
  for (const line of error.split("\n")) {
    const named = Object.keys(fieldNames).find((name) => line.includes(name));
    const field = fieldNames[named ?? "ooo_message"] ?? "ooo";
    found[field] = found[field] === undefined ? line : `${found[field]}\n${line}`;
  }
  return found;
}

/** `to: Cannot …` at its field. */
function fieldError(error: string): Errors {
  const [, field = "to", message = error] = /^(\w+): (.*)$/s.exec(error) ?? [];
  return { [field]: message };
}
