// The snippets for docker-mailserver, applied to the test Postfix as docker-mailserver applies them, and what they change.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SmtpCourier } from "@sesame/smtp";
import { until } from "../until.ts";
import { freePorts } from "./free-port.ts";
import { inWords, mailOf, transactionOf } from "./mail.ts";
import { MailServer } from "./mail-server.ts";
import { missingPrograms, run } from "./programs.ts";

const snippets = join(import.meta.dir, "../../docs/docker-mailserver");
const missing = missingPrograms();
if (missing) console.warn(`SKIPPED tests/mailserver/docker-mailserver: ${missing}`);

describe.skipIf(missing !== null)("the snippets for docker-mailserver", () => {
  let server: MailServer;
  let internal = 0;
  /** A later line of main.cf wins over an earlier one, which postconf says each time. */
  const postconf = (...args: string[]) =>
    run(["/usr/sbin/postconf", "-c", join(server.folder, "postfix"), ...args]).replace(/^.*overriding earlier entry.*\n/gm, "");

  beforeAll(async () => {
    server = await MailServer.start();
    [internal = 0] = await freePorts(1);
    const ours = (text: string) =>
      text
        .replaceAll("2525", String(internal))
        .replaceAll("lmtp:unix:/var/run/dovecot/lmtp", `lmtp:inet:127.0.0.1:${server.ports.lmtp}`)
        .replaceAll("smtp/inet/", `127.0.0.1:${server.ports.smtp}/inet/`);
    // docker-mailserver: main.cf grows by the file, and each other line of postfix-master.cf goes to postconf -P.
    appendFileSync(join(server.folder, "postfix/main.cf"), readFileSync(join(snippets, "postfix-main.cf")));
    for (const line of readFileSync(join(snippets, "postfix-master.cf"), "utf8").split("\n")) {
      if (line.trim() !== "" && !line.startsWith("#")) postconf("-P", ours(line));
    }
    postconf("-M", "smtpd/pass=smtpd pass - - n - - smtpd"); // as it is behind postscreen
    const folder = mkdtempSync(join(tmpdir(), "sesame-patches-"));
    writeFileSync(join(folder, "user-patches.sh"), ours(readFileSync(join(snippets, "user-patches.sh"), "utf8")));
    run(["/usr/bin/env", `MAIL_CONFIG=${join(server.folder, "postfix")}`, "bash", join(folder, "user-patches.sh")]);
    rmSync(folder, { recursive: true, force: true });
    server.stopPostfix();
    server.startPostfix();
    await server.listening([...Object.values(server.ports), internal]);
  }, 120_000);
  afterAll(() => server?.stop(), 60_000);

  test("postconf knows every parameter and warns of none", () => {
    expect(postconf("-n")).not.toContain("warning");
    expect(postconf("-M")).not.toContain("warning");
  });

  test("each value is what the snippet says", () => {
    for (const line of readFileSync(join(snippets, "postfix-main.cf"), "utf8").split("\n")) {
      const [, name, value] = /^(\w+) =\s*(.*)$/.exec(line) ?? [];
      if (name !== undefined) expect([name, postconf("-h", name).trim()]).toEqual([name, value ?? ""]);
    }
    for (const service of [`127.0.0.1:${server.ports.smtp}/inet`, `${internal}/inet`, "smtpd/pass"]) {
      expect([service, postconf("-P", `${service}/smtpd_hard_error_limit`)]).toEqual([
        service,
        `${service}/smtpd_hard_error_limit = 100\n`,
      ]);
    }
    expect(postconf("-P", `${internal}/inet/content_filter`)).toContain(`lmtp:inet:127.0.0.1:${server.ports.lmtp}`);
  });

  test("the internal port passes transport_maps by, and the ordinary one obeys them", async () => {
    const to = (port: number) => ({ host: "127.0.0.1", port, protocol: "smtp" as const });
    const courier = new SmtpCourier({ mailbox: to(server.ports.smtp), internal: to(internal) }, { name: "worker.example.com", tls: "off" });
    const sent = async (route: "mailbox" | "internal", subject: string) =>
      inWords(await courier.send(route, transactionOf(mailOf(subject), ["alice@mapped.test"])));
    expect([await sent("mailbox", "ordinary"), await sent("internal", "internal")]).toEqual([["delivered"], ["relayed"]]);
    await until(async () => (await server.inbox("alice@mapped.test")).length > 0, "nothing comes");
    await until(() => server.queued() === 0, "Postfix keeps a mail");
    expect((await server.inbox("alice@mapped.test")).map((mail) => /^Subject: (.*)\r$/m.exec(mail.toString())?.[1])).toEqual(["internal"]);
    await courier.close();
  }, 120_000);

  test("a bare newline cannot end a mail", async () => {
    const smuggled = "MAIL FROM:<evil@remote.test>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n";
    const said = await talk(server.ports.smtp, [
      "EHLO worker.example.com\r\n",
      "MAIL FROM:<a@remote.test>\r\n",
      "RCPT TO:<alice@example.com>\r\n",
      "DATA\r\n",
      `Subject: outer\r\n\r\nx\n.\n${smuggled}.\r\n`,
      "QUIT\r\n",
    ]);
    expect(said.filter((line) => line.startsWith("250 2.0.0 Ok: queued"))).toHaveLength(1);
    await until(() => server.queued() === 0, "Postfix keeps a mail");
    expect((await server.inbox("bob@example.com")).length).toBe(0);
  }, 120_000);
});

/** Says each text once the server has answered the one before; gives all lines that it said. */
function talk(port: number, texts: readonly string[]): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let said = "";
    let next = 0;
    socket.on("data", (chunk) => {
      said += chunk;
      if (/^\d{3} .*\r\n$/m.test(said.slice(said.lastIndexOf("\n", said.length - 2) + 1)) && next < texts.length)
        socket.write(texts[next++] ?? "");
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(said.split("\r\n")));
  });
}
