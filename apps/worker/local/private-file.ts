// Private files: what `sesame local` stores is mail and secrets, so only its own user may read it, whatever the umask is. Files
// and folders of earlier versions are made private at the start. Windows has no such modes and ignores them.

import { chmodSync, closeSync, openSync } from "node:fs";
import { hasCode } from "./trouble.ts";

/** Mode of a file that only its owner may read and write. */
export const privateFile = 0o600;
/** Mode of a folder that only its owner may enter. */
export const privateFolder = 0o700;

/** Creates an empty private file. A file that exists is made private; its octets stay. */
export function createPrivateFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", privateFile));
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    // It is not opened: to close a descriptor of a file drops all locks that this process holds on it (POSIX fcntl).
    makePrivate(path, privateFile);
  }
}

/** Sets the mode of a file or folder. It may be missing, or belong to another user: then its mode stays. */
export function makePrivate(path: string, mode: typeof privateFile | typeof privateFolder): void {
  try {
    chmodSync(path, mode);
  } catch (error) {
    if (!hasCode(error, "ENOENT", "EPERM", "EACCES")) throw error;
  }
}
