// explain without a facts file: what the top of a mail says, the rows of a data folder as the worker reads them, and the notes about what
// nobody said.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Writable } from "node:stream";
import { openMail } from "@sesame/core/mail";
import { arrivalOf } from "../../apps/worker/arrived-mail.ts";
import { explainOne } from "../../apps/worker/commands/explain.ts";
import { explainLive, type LiveExplainOptions } from "../../apps/worker/commands/explain-live.ts";
import { openDatabase } from "../../apps/worker/local/database.ts";
import { FileMailStore } from "../../apps/worker/local/file-mail-store.ts";
import { SqliteRuleBook } from "../../apps/worker/local/sqlite-rule-book.ts";
import { inDataFolder } from "../local/data-folder.ts";

const golden = resolve(import.meta.dir, "../golden");
const plainMail = join(golden, "01-plain-delivery/mail.eml");

function arrival(header: string) {
  const octets = Buffer.from(`${header.replaceAll("\n", "\r\n")}\r\n\r\nHello\r\n`);
  return arrivalOf(openMail(octets, octets.length));
}

const ofSes = `Return-Path: <bob@remote.test>
Received: from mx.remote.test (mx.remote.test [192.0.2.25]) by inbound-smtp.eu-west-1.amazonaws.com
 with SMTP id o3vrnil0e2ic28trm7dfhrc2v0 for alice@example.com;
 Mon, 05 Jan 2026 11:59:58 +0000 (UTC)`;

test("arrivalOf() reads what SES wrote on top", () => {
  const verdicts =
    "X-SES-Spam-Verdict: FAIL\nX-SES-Virus-Verdict: PASS\nAuthentication-Results: amazonses.com; spf=softfail (x) client-ip=1; dkim=pass header.i=@remote.test; dmarc=fail header.from=remote.test;";
  expect(arrival(`${ofSes}\n${verdicts}\nFrom: eve@remote.test\nTo: carol@example.com`)).toEqual({
    from: "bob@remote.test",
    to: ["alice@example.com", "carol@example.com"],
    receivedAt: Date.parse("2026-01-05T11:59:58Z"),
    verdicts: { spam: "FAIL", virus: "PASS", spf: "GRAY", dkim: "PASS", dmarc: "FAIL", dmarcPolicy: null },
  });
});

test("arrivalOf() believes no field of others: below the second Received, or without SES's Received", () => {
  const forged = "X-SES-Spam-Verdict: PASS\nAuthentication-Results: amazonses.com; spf=pass";
  expect(arrival(`${ofSes}\nReceived: by other.test; Mon, 05 Jan 2026 11:00:00 +0000\n${forged}\nTo: a@example.com`).verdicts).toBeNull();
  expect(arrival(`Received: by other.test for x@example.com; Mon, 05 Jan 2026 11:00:00 +0000\n${forged}\nTo: a@example.com`)).toEqual({
    from: null,
    to: ["a@example.com"],
    receivedAt: null,
    verdicts: null,
  });
});

test("arrivalOf() reads the null reverse-path, and the verdicts that sesame send asks for", () => {
  const said = arrival("Return-Path: <>\nX-Sesame-Verdicts: spf=FAIL, dkim=GRAY\nFrom: bob@remote.test\nTo: a@example.com");
  expect([said.from, said.verdicts?.spf, said.verdicts?.dkim, said.verdicts?.spam]).toEqual(["", "FAIL", "GRAY", "PASS"]);
});

function paper() {
  const pieces: string[] = [];
  const to = new Writable({
    write: (piece, _, done) => {
      pieces.push(String(piece));
      done();
    },
  });
  return { to, text: () => pieces.join("") };
}

async function explain(mail: string, options: LiveExplainOptions, env: Readonly<Record<string, string>> = {}) {
  const [out, problems] = [paper(), paper()];
  const code = await explainLive(mail, options, { out: out.to, problems: problems.to }, env);
  return { code, out: out.text(), problems: problems.text() };
}

const away = { ooo_active: true, ooo_message: "I am away", ooo_content_type: "text" };

test("explainLive() decides with the rows of the data folder what a facts file with the same rows decides", async () => {
  await inDataFolder(async (folder) => {
    const database = openDatabase(folder);
    const book = new SqliteRuleBook({ database });
    await book.set("rules", "alice@example.com", { ...away, forwards: ["me@private.test"] });
    await book.set("blocked", "carol@example.com", { blocked_patterns: ["*@remote.test", "*@spam.test"] });
    database.close();
    const options = { data: folder, from: "bob@remote.test", to: ["alice@example.com", "carol@example.com"] };
    const live = await explain(plainMail, options, { DOMAINS: "example.com" });
    expect([live.code, live.problems]).toEqual([0, ""]);
    const facts = join(folder, "facts.json");
    await Bun.write(
      facts,
      JSON.stringify({
        receivedAt: "2026-01-05T11:59:58Z", // of the topmost Received
        domains: ["example.com"],
        envelope: { from: options.from, recipients: options.to },
        rules: { "alice@example.com": { ...away, forwards: ["me@private.test"] } },
        blocked: { "carol@example.com": ["*@remote.test", "*@spam.test"] },
      }),
    );
    const out = paper();
    await explainOne(plainMail, facts, {}, { out: out.to, problems: paper().to });
    expect(live.out.replaceAll(` --data ${folder}`, "")).toBe(out.text());
    expect(live.out).toContain(`sesame block remove carol@example.com '*@remote.test' --data ${folder}`);
  });
});

test("explainLive() takes what nobody said from the mail and says so, and finds a stored mail by its key", async () => {
  await inDataFolder(async (folder) => {
    openDatabase(folder).close();
    await new FileMailStore({ folder }).put({ kind: "object", bucket: "example-com-emails", key: "5m0q" }, readFileSync(plainMail));
    const named = "Note: --to is not given: explained for alice@example.com, whom the mail names\n";
    const unset = "Note: DOMAINS is not set: explained as if example.com were served\n";
    expect(await explain("example-com-emails/5m0q", { data: folder })).toMatchObject({ code: 0, problems: named + unset });
    const short = await explain("5m0q", { data: folder, json: true }, { DOMAINS: "example.com" });
    expect([short.problems, JSON.parse(short.out).id]).toEqual([named, "example-com-emails/5m0q"]);
  });
});

test("explainLive() says what is wrong and how to mend it", async () => {
  await inDataFolder(async (folder) => {
    openDatabase(folder).close();
    for (const [mail, more, env, expected] of [
      ["none.eml", {}, {}, /^Cannot read the mail file "none\.eml": ENOENT; DOMAINS is not set, so no bucket is known\. Give a file/],
      ["a/none", {}, {}, /there is no object "a\/none"\. Give a file, or the bucket and key of a mail\n$/],
      [plainMail, { to: ["nobody"] }, {}, /^Cannot read an address: must have a local part/],
      [plainMail, { from: "nobody" }, {}, /^Cannot explain: --from must be an address or <>, is "nobody"\n$/],
      [plainMail, {}, { DOMAINS: "another.com" }, /^Cannot explain: the mail names no recipient of a served domain; give --to/],
      [plainMail, {}, { DOMAINS: "-" }, /^Cannot read DOMAINS: must be domain names/],
      [plainMail, { data: join(folder, "none") }, {}, /^Cannot open the tables: .*use --data .*, or --aws/],
    ] as const) {
      const said = await explain(mail, { data: folder, ...more }, env);
      expect([said.code, said.out]).toEqual([2, ""]);
      expect(said.problems).toMatch(expected);
    }
  });
});
