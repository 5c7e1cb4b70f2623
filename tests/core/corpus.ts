// Corpus: every mail at hand, real or made: the shared corpus where it exists, and the golden folders.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const shared = join(import.meta.dir, "../../../shared/corpus");
const golden = join(import.meta.dir, "../golden");

/** Said in a test's name, so that a run without the shared corpus does not pass for one with it. */
export const corpusNote: string = existsSync(shared) ? "" : " (WITHOUT the corpus: ../shared/corpus is missing)";

/** All mails with their names, in an order that is the same everywhere. */
export function corpusMails(): readonly Readonly<{ name: string; octets: Uint8Array }>[] {
  const found = ["mime", "ses-bounces"].flatMap((folder) => filesIn(join(shared, folder)));
  const made = readdirSync(golden, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".eml"));
  return [...found, ...made.map((file) => join(golden, file))]
    .map((path) => ({ name: path.split(/[\\/]/).slice(-2).join("/"), octets: new Uint8Array(readFileSync(path)) }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

function filesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).map((file) => join(folder, file)) : [];
}
