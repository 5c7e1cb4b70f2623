// Type-check: asks the TypeScript compiler for a file's syntax tree, and whether it still holds with another text. It looks at
// that file alone: what others make of a changed type is not asked, and the declared types of what is exported do not change.
// The interface of the native compiler calls itself unstable: this file and operators.ts alone know it.
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
  if (!(await typeChecks(source.text))) throw new Error(`Cannot make mutants of ${file} as it must type-check unchanged`);
  return { file: source, typeChecks, close: () => void api.close() };
}

function configOf(folder: string): string {
  const config = join(folder, "tsconfig.json");
  return existsSync(config) ? config : configOf(dirname(folder));
}
