// Answers: what an administrator does about an answer of the mail server or of SES, in the words of docs/operations.md. An answer
// without a row there gets none.

/** A row of docs/operations.md: its section, what the answer has in it, and the repair. */
export type Repair = Readonly<{ section: "circuit" | "refused-us"; repair: string }>;

type Row = readonly [answer: RegExp, repair: string];

const ofCircuit: readonly Row[] = [
  [/ECONNREFUSED|no greeting|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND/, "start the mail server; check `SMTP_HOST` and `SMTP_PORT`"],
  [/\b53[05]\b|the server offers no AUTH/, "correct `SMTP_USER` and `SMTP_PASSWORD`"],
  [
    /the connection is not encrypted, so the password is not sent/,
    "let the mail server offer STARTTLS and do not set `SMTP_TLS=off`; or put the worker into `mynetworks` and unset `SMTP_USER` and `SMTP_PASSWORD`",
  ],
  [
    /certificate|TLS|SSL/,
    "with `SMTP_TLS=required` the certificate must be valid for `SMTP_HOST`. For a self-signed certificate set `SMTP_TLS_VERIFY=false`",
  ],
  [
    /\b554\b|\b421\b/,
    "the server refuses this client, or it has too many sessions. The worker then opens fewer, down to 4 for each port. If this goes on, lower `SMTP_POOL_SIZE`",
  ],
];

const ofRefusal: readonly Row[] = [
  [/Relay access denied|\b454 4\.7\.1/, "the mail server does not know the domain, or the worker is not in its `mynetworks`"],
  [/5\.7\.1\b|5\.7\.23|5\.1\.8/, "the server checks the sender against the IP address of the worker: put the worker into `mynetworks`"],
  [/Helo command rejected/, "set `SMTP_NAME` to a fully qualified name"],
  [/SES has not verified the sender's identity/, "verify the domain in SES, in this region; leave the sandbox"],
  [/the SES account may not send/, "AWS has paused sending: look at the reputation dashboard"],
  [/AWS denied access/, "a permission of the role is missing"],
];

/** What to do about an answer for which a circuit opened. */
export function repairOfCircuit(answer: string): Repair | null {
  return found("circuit", ofCircuit, answer);
}

/** What to do about an answer that refuses us. */
export function repairOfRefusal(answer: string): Repair | null {
  return found("refused-us", ofRefusal, answer);
}

function found(section: Repair["section"], rows: readonly Row[], answer: string): Repair | null {
  const row = rows.find(([pattern]) => pattern.test(answer));
  return row === undefined ? null : { section, repair: row[1] };
}

/** All rows, for the test that compares them with docs/operations.md. */
export const allRepairs: readonly string[] = [...ofCircuit, ...ofRefusal].map(([, repair]) => repair);
