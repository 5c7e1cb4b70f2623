// Safe file name: one file or folder name for any text. Senders choose local parts and domains, and notices name keys, so a
// text such as `../../etc/passwd` must not become a path, and two texts must not get the same name.

import { createHash } from "node:crypto";

const plain = /^[A-Za-z0-9._-]$/;
const longest = 200; // most file systems allow 255 octets; suffixes need some of them

/**
 * Percent-encodes every octet outside `[A-Za-z0-9._-]`. A name is never empty, `.` or `..`, and never ends in `.json`: that
 * suffix is used for a file beside it. `~` marks a name that was too long.
 */
export function safeFileName(text: string): string {
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

/** The text that a file name stands for; `null` if the name is too short to tell. */
export function keyOfFileName(name: string): string | null {
  if (name.includes("~")) return null;
  try {
    return decodeURIComponent(name);
  } catch {
    return null;
  }
}
