// Rewrites what the golden folders hold; read the diff before you commit it. Run by Bun.
const { exited } = Bun.spawn([process.execPath, "test", "tests/golden"], {
  stdio: ["inherit", "inherit", "inherit"],
  env: { ...process.env, UPDATE_GOLDEN: "1" },
});
process.exit(await exited);
