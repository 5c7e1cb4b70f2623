// Corpus: real and invented input, as files. `tests/fixtures` holds invented ones and is always here; `../shared/corpus` holds
// real ones of the same shapes, outside the repository, and is read in addition where it exists. No other file knows these
// two folders.
//   mime/         multipart mails, most of them malformed
//   ses-bounces/  bounces as SES and WorkMail write them, some handed on by other hosts
//   sns-bodies/   what SNS puts into a queue

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type CorpusFolder = "mime" | "ses-bounces" | "sns-bodies";

/** `name` is unique and tells the origin: "fixtures/mime/digest.eml", "corpus/mime/rfc-004.eml". */
export type CorpusFile = Readonly<{ name: string; octets: Uint8Array }>;

const root = join(import.meta.dir, "../..");
const origins = { fixtures: join(root, "tests/fixtures"), corpus: join(root, "../shared/corpus") };
const golden = join(root, "tests/golden");

/** Real files are here, and not only invented ones. */
export const hasShared: boolean = existsSync(origins.corpus);

/** Said in a test's name, so that a run on invented files alone does not pass for one on real ones. */
export const corpusNote: string = hasShared ? "" : " (fixtures alone: ../shared/corpus is missing)";

/** The files of some folders, in an order that is the same everywhere. */
export function corpusFiles(...folders: readonly CorpusFolder[]): readonly CorpusFile[] {
  const files = Object.entries(origins).flatMap(([origin, path]) =>
    folders.flatMap((folder) =>
      filesIn(join(path, folder)).map((file) => ({ name: `${origin}/${folder}/${file}`, path: join(path, folder, file) })),
    ),
  );
  return inOrder(files.map(({ name, path }) => ({ name, octets: new Uint8Array(readFileSync(path)) })));
}

/** All mails: those of the corpus and those of the golden folders. */
export function corpusMails(): readonly CorpusFile[] {
  const made = readdirSync(golden, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".eml"));
  const goldenMails = made.map((file) => ({ name: file.replaceAll("\\", "/"), octets: new Uint8Array(readFileSync(join(golden, file))) }));
  return inOrder([...corpusFiles("mime", "ses-bounces"), ...goldenMails]);
}

/** A table by files' names, with their octets. A file without a row, or a row whose file is missing where it should be, is an error. */
export function corpusRows<T>(folder: CorpusFolder, table: Readonly<Record<string, T>>): readonly Readonly<CorpusFile & { row: T }>[] {
  const files = corpusFiles(folder);
  const due = Object.keys(table).filter((name) => hasShared || !name.startsWith("corpus/"));
  const lost = due.filter((name) => !files.some((file) => file.name === name));
  if (lost.length > 0) throw new Error(`Cannot test ${folder} as each row needs its file: current value of those without is ${lost}`);
  return files.map((file) => {
    const row = table[file.name];
    if (row === undefined) throw new Error(`Cannot test ${file.name} as it must have a row in the table: current value is none`);
    return { ...file, row };
  });
}

function filesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function inOrder(files: readonly CorpusFile[]): readonly CorpusFile[] {
  return files.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}
