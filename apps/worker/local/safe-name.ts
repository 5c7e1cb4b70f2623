// Safe name: one file or folder name for any text. Names come from senders (local parts, domains) and from notices (keys),
// so a text such as `../../etc/passwd` must stay a name, and two texts must never share one.

import { createHash } from "node:crypto";

const plain = /^[A-Za-z0-9._-]$/;
const longest = 200; // most file systems take 255 octets, and suffixes follow

/**
 * Percent-encodes every octet outside `[A-Za-z0-9._-]`. A name never is empty, `.` or `..`, and never ends in `.json`,
 * so that a name with `.json` behind it is free for what stands beside the file. `~` marks a name that was too long.
 */
export function safeName(text: string): string {
  const encoded = Array.from(new TextEncoder().encode(text), encode).join("");
  if (encoded.length > longest) return `${encoded.slice(0, 120)}~${createHash("sha256").update(text).digest("hex")}`;
  if (encoded === "") return "~";
  if (encoded === "." || encoded === "..") return encoded.replaceAll(".", "%2E");
  return encoded.replace(/\.(json)$/i, "%2E$1");
}

function encode(octet: number): string {
  const char = String.fromCharCode(octet);
  return plain.test(char) ? char : `%${octet.toString(16).toUpperCase().padStart(2, "0")}`;
}
