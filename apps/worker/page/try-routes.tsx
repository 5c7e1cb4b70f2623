/** @jsxImportSource hono/jsx */
// Try routes: the page of `sesame local` on which a mail and a row can be tried, saved and sent. Each change needs the form token, and
// writes a line page-action.

import type { Context, Hono } from "hono";
import type { LocalTools, TryForm, TryMail } from "./local-tools.ts";
import { type PageContext, partOf, peerOf, refused, renderPage, viewOf } from "./page-context.tsx";
import { Errors, PreviewPart, Try } from "./try.tsx";

const rowFields = ["active", "ooo", "html", "oooSubject", "start", "end", "timezone", "forwards", "patterns"] as const;
const fields = ["address", "from", "to", "subject", "list", "program", "spam", ...rowFields] as const;
const mostText = 70_000; // a little more than a text may have, so that its own error is shown

/** Adds `/try`. */
export function tryRoutes(app: Hono, shared: PageContext, local: LocalTools): void {
  app.get("/try", async (context) => {
    const address = (context.req.query("address") ?? firstAddress(shared)).slice(0, 320);
    const form: TryForm = { address, from: "bob@remote.test", to: address, subject: "Hello", ...(await local.rowOf(address)) };
    return tryPage(context, shared, local, form, null, null);
  });
  app.post("/try", async (context) => {
    const body = await context.req.parseBody();
    if (!shared.control.mayChange(context, body["form"])) return refused(context, shared);
    const form = formOf(body);
    const file = await fileOf(body);
    if (context.req.query("part") !== undefined) {
      const preview = await local.preview(form, file);
      const body = (
        <>
          <PreviewPart preview={preview} />
          <Errors names={fields} errors={preview.errors} />
        </>
      );
      return partOf(context, "", "none", "", body);
    }
    return act(context, shared, local, form, file, String(body["do"] ?? "preview"));
  });
}

function firstAddress({ options }: PageContext): string {
  return `alice@${options.situation().domains[0]?.domain ?? "example.com"}`;
}

type Body = Readonly<Record<string, unknown>>;

function formOf(body: Body): TryForm {
  return Object.fromEntries(fields.map((name) => [name, typeof body[name] === "string" ? body[name].slice(0, mostText) : ""]));
}

/** The file, if one was chosen. `size`: of the whole file, where only its start was sent. */
async function fileOf(body: Body): Promise<TryMail> {
  const { file } = body;
  if (!(file instanceof Blob) || file.size === 0) return null;
  const size = Number(body["size"] ?? file.size);
  return { octets: new Uint8Array(await file.arrayBuffer()), size: Number.isSafeInteger(size) ? size : file.size };
}

async function act(
  context: Context,
  shared: PageContext,
  local: LocalTools,
  form: TryForm,
  file: TryMail,
  what: string,
): Promise<Response> {
  const { acted } = shared.options;
  const address = form["address"] ?? "";
  switch (what) {
    case "save": {
      const errors = await local.save(form);
      if (Object.keys(errors).length > 0) return tryPage(context, shared, local, form, file, "Not saved: the form has an error.");
      acted("save", address, peerOf(context));
      return tryPage(context, shared, local, form, file, "Saved. The next mail sees it.");
    }
    case "undo": {
      if (!(await local.undo(address))) return tryPage(context, shared, local, form, file, "There is nothing to undo.");
      acted("undo", address, peerOf(context));
      return tryPage(context, shared, local, { ...form, ...(await local.rowOf(address)) }, file, "Undone: the row is as it was before.");
    }
    case "send": {
      const sent = await local.send(form, file);
      if (!sent.ok) return tryPage(context, shared, local, form, file, `Not sent: ${sent.error.replace(/^\w+: /, "")}`);
      acted("send", sent.value, peerOf(context));
      return tryPage(context, shared, local, form, file, `Sent as ${sent.value}. Mails shows what became of it.`);
    }
    default:
      return tryPage(context, shared, local, form, file, null);
  }
}

async function tryPage(
  context: Context,
  shared: PageContext,
  local: LocalTools,
  form: TryForm,
  file: TryMail,
  said: string | null,
): Promise<Response> {
  const view = await viewOf(context, shared, shared.control.of(context));
  const preview = await local.preview(form, file);
  const status = Object.keys(preview.errors).length > 0 && said !== null ? 422 : 200;
  const body = <Try form={form} preview={preview} view={view} said={said} />;
  return renderPage(context, shared, { here: "try", title: "Try – Sesame", body, status });
}
