// nodemailer, in the very version over which our sessions are built: another one may lie at the root, for a tool.

import { join } from "node:path";
import type * as Nodemailer from "nodemailer";

const smtp = join(import.meta.dir, "../packages/smtp");

export const { createTransport } = (await import(Bun.resolveSync("nodemailer", smtp))) as typeof Nodemailer;
