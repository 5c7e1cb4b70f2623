// Compiles the worker, its libraries and Bun into one executable file, as byte code, for this machine or another one:
//   npm run compile -- [--target linux-arm64] [--outfile FILE]
// Targets are Bun's: linux-x64, linux-arm64, either with -musl, darwin-x64, darwin-arm64, windows-x64. For another machine
// Bun fetches its runtime from the npm registry. Run by Bun.
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { target: { type: "string" }, outfile: { type: "string" } } });
const target = values.target?.replace(/^bun-/, "");
const outfile = values.outfile ?? `dist/sesame${target ? `-${target}` : ""}`;
const result = await Bun.build({
  entrypoints: ["apps/worker/main.ts"],
  compile: {
    outfile,
    ...(target && { target: `bun-${target}` }),
    // What lies in the folder where it is started is none of its affair: Bun would run a `preload` of a bunfig.toml there.
    autoloadDotenv: false,
    autoloadBunfig: false,
  },
  minify: true,
  bytecode: true,
  splitting: true, // a command reads its own chunks only; in one piece, all code is read before the first line runs
  format: "esm",
});
if (!result.success) throw new AggregateError(result.logs, "Cannot compile the worker");
console.log(outfile);
