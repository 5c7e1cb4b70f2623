// Header edit: the changes that the plan may make to the header of a delivered mail, as data, and the function that applies them.
// Fields that no edit names keep their octets, because signatures cover them (RFC 6376 §3.7).

import { concat, utf8 } from "../octets.ts";
import type { HeaderBlock, HeaderField } from "./header.ts";
import { renderOrThrow } from "./header-write.ts";

/**
 * One change. `prepend` adds a field at the top. `replace` writes the first field of the name anew and removes the others.
 * `remove` with "topmost" removes the first field of the block if it has the name; with "all" it removes every field of the name.
 */
export type HeaderEdit =
  | { readonly kind: "prepend"; readonly name: string; readonly value: string }
  | { readonly kind: "replace"; readonly name: string; readonly value: string }
  | { readonly kind: "remove"; readonly name: string; readonly which: "topmost" | "all" };

/**
 * Returns the octets of a header block after the edits, including the separator. Edits apply in order, each to the result of the
 * one before. Throws a TypeError if a value cannot be written, which is a bug.
 */
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
  const raw = utf8(renderOrThrow(name, { kind: "structured", text: value }).replaceAll("\r\n", lineBreak));
  return { name, key: name.toLowerCase(), raw };
}

/** The line end of the first field. New fields use it too, so that a block does not mix line ends. */
function lineEndOf(block: HeaderBlock): string {
  const raw = block.fields[0]?.raw;
  return raw && raw.at(-1) === 10 && raw.at(-2) !== 13 ? "\n" : "\r\n";
}
