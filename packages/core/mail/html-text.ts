// HTML as text: converts HTML to the text that a reader would see, in one pass, so that nesting and missing end tags cost no
// extra time. It makes the plain part of a reply, and the quotation of a mail without plain text. The result is only shown as
// text, so a wrong guess about broken HTML does no harm. It follows no link and loads no image.

import { decodeCharset } from "./encoded-word.ts";

/** `keepLinks`: write the target of a link after its label, as in `site <https://…>`. */
export type HtmlTextOptions = Readonly<{ keepLinks: boolean }>;

const maxHtml = 64 * 1024; // characters
const hiddenElement = /^(?:style|script|title|template|svg)$/;
const paragraphElement = /^(?:p|h[1-6]|ul|ol|table|blockquote|pre|hr)$/;
const lineElement = /^(?:div|tr|dt|dd|section|article|header|footer|address|center|form)$/;

/**
 * Returns the text of HTML: no tags, breaks as lines, entities as characters. It reads at most 64 K characters and never throws.
 */
export function textOfHtml(html: string, { keepLinks }: HtmlTextOptions): string {
  const source = html.slice(0, maxHtml);
  const lower = source.replace(/[A-Z]+/g, (run) => run.toLowerCase()); // keeps the length, unlike toLowerCase()
  let text = "";
  let link = { target: "", label: "" };
  let preformatted = false;
  for (let at = 0; at < source.length; ) {
    const open = source.indexOf("<", at);
    const end = open < 0 ? source.length : open;
    const decoded = decodeEntities(source.slice(at, end));
    const shown = preformatted ? decoded : decoded.replace(/[ \t\r\n\f]+/g, " ");
    text += shown;
    link.label += shown;
    if (open < 0) break;
    const tag = readTag(lower, open);
    if (tag === null) {
      text += "<";
      at = open + 1;
      continue;
    }
    at = tag.end;
    if (hiddenElement.test(tag.name) && !tag.closes) at = endOfElement(lower, at, tag.name);
    text += breakFor(tag);
    if (tag.name === "pre") preformatted = !tag.closes;
    if (tag.name !== "a" || !keepLinks) continue;
    if (tag.closes && link.target !== "" && !showsTarget(link.label, link.target)) text += ` <${link.target}>`;
    link = { target: tag.closes ? "" : targetOf(source.slice(open, tag.end)), label: "" };
  }
  return tidyLines(text);
}

/** Removes white space at line ends, and all but one of consecutive empty lines. */
export function tidyLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

/**
 * Whether HTML ends inside a comment, or inside an element whose content is not markup. Text appended there would become part of
 * it, and escaping would not help.
 */
export function endsInside(html: string): boolean {
  const lower = html.toLowerCase();
  const rawElements = ["style", "script", "title", "textarea", "template", "xmp", "iframe", "noembed", "noframes", "noscript", "plaintext"];
  if (lower.lastIndexOf("<!--") > lower.lastIndexOf("-->")) return true;
  return rawElements.some((name) => lower.lastIndexOf(`<${name}`) > lower.lastIndexOf(`</${name}`));
}

type Tag = Readonly<{ name: string; closes: boolean; end: number }>;

/** The tag, comment or declaration at a position; `null` if the `<` is only text. */
function readTag(lower: string, open: number): Tag | null {
  if (lower.startsWith("<!--", open)) return { name: "", closes: false, end: endAfter(lower, "-->", open + 4) };
  if (/[!?]/.test(lower.charAt(open + 1))) return { name: "", closes: false, end: endAfter(lower, ">", open) };
  const match = /^<(\/?)([a-z][a-z0-9]*)/.exec(lower.slice(open, open + 24));
  if (match === null) return null;
  let quoteMark = "";
  let end = open + match[0].length;
  for (; end < lower.length; end++) {
    const char = lower.charAt(end);
    if (quoteMark !== "") quoteMark = char === quoteMark ? "" : quoteMark;
    else if (char === ">") break;
    else if ((char === '"' || char === "'") && lower.charAt(end - 1) === "=") quoteMark = char;
  }
  return { name: match[2] ?? "", closes: match[1] === "/", end: Math.min(end + 1, lower.length) };
}

function endOfElement(lower: string, at: number, name: string): number {
  const close = lower.indexOf(`</${name}`, at);
  return close < 0 ? lower.length : close;
}

function endAfter(text: string, mark: string, at: number): number {
  const found = text.indexOf(mark, at);
  return found < 0 ? text.length : found + mark.length;
}

function breakFor({ name, closes }: Tag): string {
  if (name === "br" || lineElement.test(name)) return "\n";
  if (name === "li") return closes ? "" : "\n- ";
  if (name === "td" || name === "th") return closes ? " " : "";
  return paragraphElement.test(name) ? "\n\n" : "";
}

/** The target of a link, if it is an address that a reader can use. */
function targetOf(tag: string): string {
  const match = /\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))/i.exec(tag);
  const target = decodeEntities(match?.[1] ?? match?.[2] ?? match?.[3] ?? "").trim();
  return /^(?:https?:|mailto:|tel:)[!-~]{1,500}$/i.test(target) ? target : "";
}

/** Whether the label of a link already shows its target. */
function showsTarget(label: string, target: string): boolean {
  return label.includes(target.replace(/^(?:https?:\/\/|mailto:|tel:)/i, "").replace(/\/$/, ""));
}

// The entities of HTML 4.01 §24.2 from U+00A0 to U+00FF, then those of §24.3 and §24.4 that occur in mail.
const latin1Names =
  "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml";
const namedCharacters = new Map<string, string>([
  ...latin1Names.split(" ").map((name, i): [string, string] => [name, String.fromCharCode(160 + i)]),
  ...Object.entries({ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", euro: "€", hellip: "…", bull: "•", trade: "™" }),
  ...Object.entries({ ndash: "–", mdash: "—", lsquo: "‘", rsquo: "’", sbquo: "‚", ldquo: "“", rdquo: "”", bdquo: "„" }),
  ...Object.entries({
    lsaquo: "‹",
    rsaquo: "›",
    OElig: "Œ",
    oelig: "œ",
    Scaron: "Š",
    scaron: "š",
    Yuml: "Ÿ",
    zwnj: "\u200c",
    zwj: "\u200d",
  }),
]);

function decodeEntities(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}\d{0,2}));/gi,
    (whole, decimal?: string, hexadecimal?: string, name?: string) => {
      if (name !== undefined) return namedCharacters.get(name) ?? whole;
      const point = decimal === undefined ? Number.parseInt(hexadecimal ?? "", 16) : Number(decimal);
      // HTML reads the numbers 128 to 159 as windows-1252.
      if (point >= 128 && point < 160) return decodeCharset("windows-1252", Uint8Array.of(point));
      return point > 0 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff) ? String.fromCodePoint(point) : "\ufffd";
    },
  );
}
