// What Sesame composes, read by two parsers that are not ours: mailparser and Python's email package with its default
// policy, which names every defect that it meets. RFC 5322 §2.1.1 and §3.6, RFC 2045 §6.7, RFC 2047, RFC 3834 §5.

import { expect, test } from "bun:test";
import { safeText } from "../../packages/core/mail/header-write.ts";
import { subjectOf } from "../../packages/core/mail/mail.ts";
import { corpusNote } from "../core/corpus.ts";
import { type Composed, compose, htmlRule, originals, textRule } from "./composed-mail.ts";
import {
  type Box,
  box,
  hasPython,
  mailparserLeaves,
  mailparserReading,
  type PythonReading,
  parseWithMailparser,
  pythonReading,
  type Reading,
  readAllWithPython,
} from "./readers.ts";

const all = originals();
const composed = (await Promise.all(all.map(compose))).filter((one): one is Composed => one !== null);
const kinds = ["text", "html", "notice", "forward"] as const;
type Kind = (typeof kinds)[number];
const idOf = (one: Composed, kind: Kind | "original") => `${one.original.id} ${kind}`;
const python = hasPython
  ? readAllWithPython(
      composed.flatMap((one) => [
        ...kinds.map((kind) => ({ id: idOf(one, kind), octets: one[kind] })),
        { id: idOf(one, "original"), octets: one.original.octets },
      ]),
    )
  : new Map<string, PythonReading>();
const pythonTest = test.skipIf(!hasPython);
const pythonNote = hasPython ? corpusNote : " (SKIPPED: python3 is missing)";

/** Runs a check on every composed mail of these kinds and lists what it finds. */
async function findings(of: readonly Kind[], check: (one: Composed, kind: Kind) => Promise<readonly string[]> | readonly string[]) {
  const found: string[] = [];
  for (const one of composed) for (const kind of of) found.push(...(await check(one, kind)).map((text) => `${idOf(one, kind)}: ${text}`));
  return found;
}

function pythonOf(one: Composed, kind: Kind | "original"): PythonReading {
  const reading = python.get(idOf(one, kind));
  if (!reading) throw new Error(`Python says nothing of ${idOf(one, kind)}`);
  return reading;
}

test(`replies and a forward are composed of every mail but the one whose sender no header takes${corpusNote}`, () => {
  expect(composed.length).toBe(all.length - 1);
  expect(all.filter(({ id }) => !composed.some(({ original }) => original.id === id)).map(({ sender }) => sender)).toEqual([
    "jürgen@remote.test",
  ]);
});

test(`every line has at most 998 octets and ends in CRLF; a header line passes 78 only where it cannot be folded${corpusNote}`, async () => {
  const found = await findings(kinds, (one, kind) => {
    // The body of a forward is the original's, octet by octet.
    const own = Buffer.from(kind === "forward" ? one.forward.subarray(0, one.forwardHead) : one[kind]).toString("latin1");
    const lines = own.split("\r\n");
    const header = lines.slice(0, lines.indexOf(""));
    return [
      ...(/\r(?!\n)|(?<!\r)\n/.test(own) ? ["a bare CR or LF"] : []),
      ...(own.endsWith("\r\n") ? [] : ["no line end at the end"]),
      ...(/[^\t\r\n -~]/.test(own) ? ["an octet that is not printable ASCII"] : []),
      ...lines.filter((line) => line.length > 998).map((line) => `a line of ${line.length} octets`),
      ...header.filter((line) => line.length > 78 && wordsOf(line) > 1).map((line) => `not folded: ${line}`),
    ];
  });
  expect(found).toEqual([]);
}, 120_000);

pythonTest(
  `Python's email finds no defect anywhere in a reply or notice${pythonNote}`,
  async () => {
    const found = await findings(["text", "html", "notice"], (one, kind) => {
      const { fields, defects, inner } = pythonOf(one, kind);
      return [...defects, ...namesOf(fields), ...namesOf(inner)];
    });
    expect(found).toEqual([]);
  },
  120_000,
);

pythonTest(
  `Python's email finds no defect in the header of a forward, and in its body none that is not the original's${pythonNote}`,
  async () => {
    const found = await findings(["forward"], (one, kind) => {
      const forward = pythonOf(one, kind);
      const original = pythonOf(one, "original");
      return [
        ...namesOf(forward.fields),
        ...(isReadAlike(original)
          ? without([...forward.defects, ...namesOf(forward.inner)], [...original.defects, ...namesOf(original.inner)])
          : []),
      ];
    });
    expect(found).toEqual([]);
  },
  120_000,
);

pythonTest(
  `mailparser and Python's email read the same header and body in what is composed${pythonNote}`,
  async () => {
    const found = await findings(kinds, async (one, kind) => {
      const [theirs, other] = [mailparserReading(await parseWithMailparser(one[kind])), pythonReading(pythonOf(one, kind))];
      const names = (Object.keys(theirs) as (keyof Reading)[]).filter((name) => kind !== "forward" || !["text", "html"].includes(name));
      return names.flatMap((name) => differ(name, comparable(theirs[name], theirs.marks), comparable(other[name], theirs.marks)));
    });
    expect(found).toEqual([]);
  },
  120_000,
);

test(`a reply says what was meant${corpusNote}`, async () => {
  const found = await findings(["text", "html"], async (one, kind) => {
    const read = mailparserReading(await parseWithMailparser(one[kind]));
    const { "x-loop": loop = "", ...marks } = read.marks;
    const subject = subjectIn(one) === "" ? "Automated reply" : `Auto: ${subjectIn(one)}`;
    const meant: Partial<Reading> = {
      from: [box("", one.recipient)],
      to: [box("", one.sender)],
      cc: [],
      replyTo: [],
      date: "2026-01-05T12:00:00.000Z",
      inReplyTo: idIn(one.original),
      references: [...read.references.slice(0, -1), ...(idIn(one.original) === "" ? read.references.slice(-1) : [idIn(one.original)])],
      marks: {
        "auto-submitted": "auto-replied (vacation)",
        precedence: "bulk",
        "x-auto-response-suppress": "All",
        "x-ses-worker-processed": `worker-${one.recipient.replace(/^.*@/, "")}`,
        "mime-version": "1.0",
      },
      html: kind === "html" ? read.html : "",
    };
    return [
      ...Object.entries(meant).flatMap(([name, value]) => differ(name, { ...read, marks }[name as keyof Reading], value)),
      ...(isSubject(read.subject, kind === "html" ? htmlRule.subject : subject) ? [] : [`subject: ${read.subject}`]),
      ...(loop.startsWith(`${one.recipient}; id=`) ? [] : [`X-Loop: ${loop}`]),
      ...(read.html.startsWith(kind === "html" ? htmlRule.text : "") ? [] : [`HTML: ${read.html}`]),
      ...(read.text.startsWith(kind === "html" ? htmlRule.reads : textRule.text) ? [] : [`text: ${read.text}`]),
    ];
  });
  expect(found).toEqual([]);
}, 120_000);

pythonTest(
  `a forward shows who wrote it, answers go to whom the original named, and its body reads alike${pythonNote}`,
  async () => {
    const found = await findings(["forward"], async (one) => {
      const original = pythonOf(one, "original");
      if (!isReadAlike(original)) return [];
      const read = pythonReading(pythonOf(one, "forward"));
      // Python throws at a name that decodes to line ends, so there mailparser tells who wrote it.
      const thrown = original.fields.some(({ value }) => value === null);
      const told = thrown ? mailparserReading(await parseWithMailparser(one.original.octets)) : pythonReading(original);
      const was = { ...told, to: pythonReading(original).to };
      const answerTo = addresses(was.replyTo).length > 0 ? was.replyTo : was.from;
      const to = was.to.length > 0 ? was.to : [box("", one.recipient)];
      const leaves = async (octets: Uint8Array) => mailparserLeaves(await parseWithMailparser(octets));
      return [
        ...(isSubject(read.subject, forwarded(subjectIn(one))) ? [] : [`subject: ${read.subject}`]),
        ...differ("from", addresses(read.from), [box("", one.recipient)[1]]),
        ...(read.from[0]?.[0].endsWith(`via${one.recipient.replace(/^.*@/, "")}`) ? [] : [`From: ${read.from[0]?.[0]}`]),
        ...differ("reply-to", addresses(read.replyTo), addresses(answerTo)),
        ...(isClean(original, "to") ? differ("to", addresses(read.to), addresses(to)) : []),
        ...differ("leaves in Python", pythonOf(one, "forward").leaves, original.leaves),
        ...differ("leaves in mailparser", await leaves(one.forward), await leaves(one.original.octets)),
      ];
    });
    expect(found).toEqual([]);
  },
  120_000,
);

/** How the original's subject reads: as the generator says, else as we read it. */
function subjectIn({ original, mail }: Composed): string {
  return original.subject === undefined ? safeText(subjectOf(mail) ?? "") : (original.subject ?? "");
}

/** The first id in Message-ID that can stand in a header again; "" where there is none. */
function idIn({ octets }: Composed["original"]): string {
  const header =
    Buffer.from(octets)
      .toString("latin1")
      .split(/\r?\n\r?\n/)[0] ?? "";
  const value = /^Message-ID[ \t]*:((?:.|\r?\n[ \t])*)/im.exec(header)?.[1] ?? "";
  return /<[!-;=?-~]{1,248}>/.exec(value)?.[0] ?? "";
}

function forwarded(subject: string): string {
  return /^(?:fwd?|wg):/i.test(subject) ? subject : `FWD: ${subject}`.trim();
}

/** A long subject may be cut, and says so. */
function isSubject(read: string, meant: string): boolean {
  return read === meant || (read.length > 200 && /…$/.test(read) && meant.startsWith(read.slice(0, -1)));
}

/** Whether Python reads the fields of a name without guessing. */
function isClean({ fields }: PythonReading, name: string): boolean {
  return fields.every((field) => field.name.toLowerCase() !== name || field.defects.length === 0);
}

/**
 * Python ends a header at a line that is no field, where we read on, and takes a Content-Type without its semicolon for
 * plain text, where we mend it: the two then speak of different mails.
 */
function isReadAlike(reading: PythonReading): boolean {
  return (
    isClean(reading, "content-type") &&
    !reading.defects.some((defect) => /^(?:MissingHeaderBodySeparator|FirstHeaderLineIsContinuation)Defect/.test(defect))
  );
}

/** Those that a 7-bit header can hold and SES takes: a domain that is no literal. */
function addresses(boxes: readonly Box[]): readonly string[] {
  return [...new Set(boxes.map(([, address]) => address))].filter((address) => /^[!-~ ]+@[!-Z^-~]+$/.test(address));
}

/** Words of a header line that could stand on lines of their own; the first stays beside the name. */
function wordsOf(line: string): number {
  return line
    .replace(/^[!-9;-~]+:/, "")
    .trim()
    .split(" ").length;
}

/** What is in the first list and not in the second, as often as it is there more often. */
function without(list: readonly string[], known: readonly string[]): readonly string[] {
  const left = [...known];
  return list.filter((item) => {
    const at = left.indexOf(item);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function namesOf(fields: PythonReading["inner"]): readonly string[] {
  return fields.flatMap(({ name, defects }) => defects.map((defect) => `${name}: ${defect}`));
}

/** Encoded words in the fields that tell what a mail is are no lawful text; mailparser leaves them as they are. */
function comparable(value: Reading[keyof Reading], marks: Reading["marks"]): unknown {
  if (typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !marks[name]?.includes("=?")));
}

function differ(name: string, one: unknown, other: unknown): readonly string[] {
  return Bun.deepEquals(one, other)
    ? []
    : [`${name}: ${JSON.stringify(one)?.slice(0, 300)} is not ${JSON.stringify(other)?.slice(0, 300)}`];
}
