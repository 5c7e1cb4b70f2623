// Type check: asks the TypeScript compiler for the syntax tree of a file, and whether the file still compiles with another text.
// Only that file is checked, not those that import it; exported functions declare their types, so a mutant seldom changes them.
// The API of the native compiler calls itself unstable. Only this file and operators.ts use it.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { SourceFile } from "typescript/unstable/ast";
import { API } from "typescript/unstable/async";

export type OpenSource = Readonly<{ file: SourceFile; typeChecks(text: string): Promise<boolean>; close(): void }>;

/** A file with its project: the nearest one, as packages are checked by stricter rules of their own. */
export async function openSource(root: string, file: string): Promise<OpenSource> {
  const path = join(root, file);
  let now: string | undefined;
  const api = new API({ cwd: root, fs: { readFile: (name) => (name === path ? now : undefined) } });
  const openProjects = [configOf(dirname(path))];
  const program = async () => {
    const snapshot = await api.updateSnapshot({ openProjects, fileChanges: { changed: [path] } });
    const project = snapshot.getProjects()[0];
    if (!project) throw new Error(`Cannot type-check ${file}: must belong to a project, is none`);
    return project.program;
  };
  const typeChecks = async (text: string) => {
    now = text;
    const checked = await program();
    const found = [await checked.getSyntacticDiagnostics(path), await checked.getSemanticDiagnostics(path)];
    return found.flat().length === 0;
  };

  const source = await (await program()).getSourceFile(path);
  if (!source) throw new Error(`Cannot read ${file}: must be a source file of the checkout, is none`);
  return { file: source, typeChecks, close: () => void api.close() };
}

function configOf(folder: string): string {
  const config = join(folder, "tsconfig.json");
  return existsSync(config) ? config : configOf(dirname(folder));
}
