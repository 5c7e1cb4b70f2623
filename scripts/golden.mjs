// Rewrites what the golden folders hold, and docs/standards.md, which names them; read the diff before you commit it. Run by Bun.
const { exited } = Bun.spawn([process.execPath, "test", "tests/golden"], {
  stdio: ["inherit", "inherit", "inherit"],
  env: { ...process.env, UPDATE_GOLDEN: "1" },
});
const code = await exited;
if (code === 0) await import("./standards.mjs");
process.exit(code);
