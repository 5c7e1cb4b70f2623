// Compiles dist/sesame: the worker, its libraries and Bun in one executable file. Run by Bun.
const target = process.argv.find((arg) => arg.startsWith("--target="))?.slice("--target=".length);
const outfile = `dist/sesame${target ? `-${target.replace(/^bun-/, "")}` : ""}`;
const result = await Bun.build({
  entrypoints: ["apps/worker/main.ts"],
  compile: { outfile, ...(target && { target }) },
  minify: true,
  bytecode: true,
  format: "esm",
});
if (!result.success) throw new AggregateError(result.logs, "Cannot compile the worker");
console.log(outfile);
