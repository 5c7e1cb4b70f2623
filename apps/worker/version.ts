// Version: the version of this build, for the command line, health pages and metrics.

import manifest from "./package.json" with { type: "json" };

/** As in package.json. */
export const version: string = manifest.version;
