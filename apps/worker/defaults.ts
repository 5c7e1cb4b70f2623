// Defaults: what the commands around `sesame local` take if nothing is said. They must agree with each other.

/** The data folder, in the folder in which a command is started. */
export const defaultData = "sesame-data";

/** The SMTP port for incoming mail. */
export const defaultPort = 2500;
