// Certificate: one that nobody signed but itself, made by openssl. Tests that need it skip aloud where there is no openssl.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Certificate = { key: Buffer; cert: Buffer };

/** `null` where there is no openssl. */
export function selfSigned(): Certificate | null {
  const folder = mkdtempSync(join(tmpdir(), "sesame-tls-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
  const made = spawnSync("openssl", ["req", "-x509", ...curve, "-keyout", key, "-out", cert]);
  const certificate = made.status === 0 ? { key: readFileSync(key), cert: readFileSync(cert) } : null;
  rmSync(folder, { recursive: true });
  return certificate;
}
