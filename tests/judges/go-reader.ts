// Go reader: net/mail, mime and mime/multipart of Go's standard library, as a third parser that is not ours.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One mail as Go saw it. `error` is empty where it read all of it. */
export type GoReading = Readonly<{
  id: string;
  subject: string;
  /** The names in From. */
  names: readonly string[];
  leaves: readonly Readonly<{ type: string; name: string; sha: string }>[];
  error: string;
}>;

/** Whether there is a Go to ask. */
export const hasGo: boolean = spawnSync("go", ["version"]).status === 0;

/** Has one Go process read all mails. It fetches nothing: the program has no modules. */
export function readAllWithGo(mails: readonly Readonly<{ id: string; octets: Uint8Array }>[]): ReadonlyMap<string, GoReading> {
  const folder = mkdtempSync(join(tmpdir(), "sesame-go-"));
  try {
    const program = join(folder, "judge");
    const env = { ...process.env, GO111MODULE: "off", GOPROXY: "off", GOFLAGS: "" };
    const build = spawnSync("go", ["build", "-o", program, join(import.meta.dir, "judge.go")], { encoding: "utf8", env });
    if (build.status !== 0) throw new Error(`judge.go cannot be built: ${build.stderr}`);
    const input = mails.map(({ id, octets }) => `${JSON.stringify({ id, mail: Buffer.from(octets).toString("base64") })}\n`).join("");
    const run = spawnSync(program, [], { input, encoding: "utf8", maxBuffer: 64 << 20 });
    if (run.status !== 0) throw new Error(`judge.go failed: ${run.stderr}`);
    const lines = run.stdout.trimEnd().split("\n");
    return new Map(lines.map((line) => JSON.parse(line) as GoReading).map((reading) => [reading.id, reading]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
