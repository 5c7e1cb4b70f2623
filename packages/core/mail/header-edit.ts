// Header edit: the three kinds of change that a delivered header may see, as data in the plan, and the block rendered
// with them. Fields that no edit names keep their octets, since signatures depend on them (RFC 6376 §3.7).

import { concat, utf8 } from "../octets.ts";
import type { HeaderBlock, HeaderField } from "./header.ts";
import { mustRender } from "./header-write.ts";

/** An edit, as data in the plan. `remove` takes the topmost field only if it has the name, or every field of the name. */
export type HeaderEdit =
  | { readonly kind: "prepend"; readonly name: string; readonly value: string }
  | { readonly kind: "replace"; readonly name: string; readonly value: string }
  | { readonly kind: "remove"; readonly name: string; readonly which: "topmost" | "all" };

/** Renders a block after edits, separator included. Edits apply in order, each to what the one before it left. */
export function renderBlock(block: HeaderBlock, edits: readonly HeaderEdit[]): Uint8Array {
  let fields = block.fields;
  for (const edit of edits) fields = applyEdit(fields, edit, lineEndOf(block));
  return concat([...fields.map((field) => field.raw), block.separator]);
}

function applyEdit(fields: readonly HeaderField[], edit: HeaderEdit, lineBreak: string): readonly HeaderField[] {
  const key = edit.name.toLowerCase();
  const at = fields.findIndex((field) => field.key === key);
  switch (edit.kind) {
    case "remove":
      if (edit.which === "topmost") return at === 0 ? fields.slice(1) : fields;
      return fields.filter((field) => field.key !== key);
    case "prepend":
      return [newField(edit.name, edit.value, lineBreak), ...fields];
    case "replace": {
      const field = newField(edit.name, edit.value, lineBreak);
      if (at < 0) return [field, ...fields];
      return [...fields.slice(0, at), field, ...fields.slice(at + 1).filter((other) => other.key !== key)];
    }
    default:
      return edit satisfies never;
  }
}

function newField(name: string, value: string, lineBreak: string): HeaderField {
  const raw = utf8(mustRender(name, { kind: "structured", text: value }).replaceAll("\r\n", lineBreak));
  return { name, key: name.toLowerCase(), raw };
}

/** The line end that a block uses, so that an edit does not mix two of them. */
function lineEndOf(block: HeaderBlock): string {
  const raw = block.fields[0]?.raw;
  return raw && raw.at(-1) === 10 && raw.at(-2) !== 13 ? "\n" : "\r\n";
}
