// S3MailStore against answers that the emulator never gives: bodies that are cut, drip or stall, refusals of every kind,
// copies that fail inside a 200, metadata that is too large.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { performance } from "node:perf_hooks";
import { Readable } from "node:stream";
import { type AwsClients, type AwsOptions, S3MailStore, type S3MailStoreOptions } from "@sesame/aws-adapters";
import { headLimit, type ObjectLocation, type StoredMail } from "@sesame/core";
import { S3Body } from "../../packages/aws-adapters/s3-body.ts";
import { drain, pattern, same } from "../contracts/samples.ts";
import { until } from "../until.ts";
import { testClients } from "./emulator.ts";
import { type Answer, type Piece, type Request, type ScriptedHttp, s3Error, scriptedHttp } from "./scripted-http.ts";
import { hotBy, ways } from "./ways.ts";

const location: ObjectLocation = { kind: "object", bucket: "bucket", key: "key" };
const [get, head, put, del] = ["GET /bucket/key", "HEAD /bucket/key", "PUT /bucket/key", "DELETE /bucket/key"];
const etag = '"e1"';
const large = pattern(headLimit + 300_000);
const copied: Answer = {
  headers: { "content-type": "application/xml" },
  body: '<CopyObjectResult><ETag>"e1"</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></CopyObjectResult>',
};

/**
 * A moment for the end of an answer: after its head was read. What ends a connection discards also what the client has not read yet,
 * and then the mail does not open.
 */
function afterOpen() {
  let goOn: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  return { opened, goOn: () => goOn() };
}

const thrownBy = (work: Promise<unknown>) =>
  work.then(
    () => "nothing",
    (error: Error) => `${error.name}: ${error.message}`,
  );

for (const way of ways)
  describe(`by the ${way}`, () => {
    let aws: ScriptedHttp;
    let clients: AwsClients;
    /** What the lane does not take for a success it leaves to the SDK, which asks again. */
    const more = way === "lane" ? 1 : 0;
    const refusing = (answer: Answer): Answer[] => [answer, ...Array<Answer>(more).fill(answer)];

    beforeEach(async () => {
      aws = await scriptedHttp();
    });
    afterEach(async () => {
      clients.close();
      await aws.close();
    });

    function makeStore(options: Partial<S3MailStoreOptions> = {}, sdk: Partial<AwsOptions> = {}): S3MailStore {
      clients = testClients(aws.endpoint, { attempts: 1, ...sdk });
      return new S3MailStore({ ...clients, hot: hotBy(way, clients, { buckets: ["bucket"] }), ...options });
    }

    const object = (body: Uint8Array | string | readonly Piece[], headers: Readonly<Record<string, string>> = {}): Answer => ({
      headers: { etag, "content-type": "binary/octet-stream", ...headers },
      body,
    });
    const length = (octets: Uint8Array) => ({ "content-length": String(octets.length) });
    const cutAt = (octets: Uint8Array, at: number, ...how: readonly Piece[]) => object([octets.subarray(0, at), ...how], length(octets));

    /** Answers a GET with or without Range as S3 does. */
    function part(octets: Uint8Array, tail: (rest: Uint8Array) => readonly Piece[] = (rest) => [rest]) {
      return (request: Request): Answer => {
        const from = Number(/^bytes=(\d+)-$/.exec(request.headers["range"] ?? "")?.[1] ?? 0);
        const range = {
          "content-range": `bytes ${from}-${octets.length - 1}/${octets.length}`,
          "content-length": String(octets.length - from),
        };
        return { status: 206, headers: { etag, ...range }, body: tail(octets.subarray(from)) };
      };
    }

    async function open(store: S3MailStore): Promise<StoredMail> {
      const mail = await store.open(location);
      if (mail === "missing") throw new Error("missing");
      return mail;
    }

    const noConnection = () => until(() => aws.connections() === 0, "a connection is left open", 10);

    describe("open()", () => {
      test("reads a small mail in one call and keeps its connection for the next", async () => {
        aws.on(get, object("Subject: x\r\n\r\n"));
        const store = makeStore();
        for (let n = 0; n < 3; n++) expect((await open(store)).size).toBe(14);
        expect(aws.requests().map((request) => request.route)).toEqual([get, get, get]);
        expect(aws.connections()).toBe(1);
      });
      test("says missing when it is answered NoSuchKey", async () => {
        aws.on(get, s3Error(404, "NoSuchKey"));
        expect(await makeStore().open(location)).toBe("missing");
      });
      const refusals: readonly (readonly [string, string, Answer])[] = [
        ["403", "AWS denied access", s3Error(403, "AccessDenied")],
        ["404 of the bucket", "the queue, table, bucket or object does not exist", s3Error(404, "NoSuchBucket")],
        ["404 of nobody knows what", "the queue, table, bucket or object does not exist", { status: 404, body: "" }],
        ["404 of something that is not S3", "the answer of AWS is incomplete", { status: 404, body: "<html>" }],
        ["of an archived object", "a storage class that cannot be read at once", s3Error(403, "InvalidObjectState")],
        ["of a key of KMS", "AWS denied access", s3Error(400, "KMS.DisabledException")],
        ["SlowDown", "AWS throttled the request", s3Error(503, "SlowDown")],
        ["500", "AWS has an internal error", s3Error(500, "InternalError")],
        ["200 without a body", "AWS is not reachable", { headers: { "content-length": "5" }, body: ["close"] }],
      ];
      for (const [title, rule, answer] of refusals) {
        test(`throws when it is answered ${title}`, async () => {
          aws.on(get, answer);
          const thrown = await thrownBy(makeStore().open(location));
          expect(thrown).toStartWith('PortError: Cannot open ("bucket/key"): ');
          expect(thrown).toContain(rule);
        });
      }
      test("tries again when it is refused for now", async () => {
        aws.on(get, s3Error(500, "InternalError"), "reset", object("x"));
        expect((await open(makeStore({}, { attempts: 3 }))).size).toBe(1);
      });
      test.each(["x-amz-key-v2", "x-amz-iv", "x-amz-matdesc"])("throws when SES encrypted the mail, as %s tells", async (name) => {
        aws.on(get, object([large.subarray(0, headLimit), "hang"], { ...length(large), [`x-amz-meta-${name}`]: "abc" }));
        expect(await thrownBy(makeStore().open(location))).toContain(
          `SES encrypted it (metadata ${name}). Switch off "Message encryption" in the receipt rule`,
        );
        await noConnection();
      });
      test("throws when the object is larger than a mail can be", async () => {
        aws.on(get, cutAt(large, headLimit, "hang"));
        expect(await thrownBy(makeStore({ maxOctets: headLimit }).open(location))).toBe(
          `PortError: Cannot open ("bucket/key"): a mail must have at most ${headLimit} octets, has ${large.length}`,
        );
        await noConnection();
      });
      test("opens an object of the largest size that a mail can have", async () => {
        aws.on(get, object(large));
        expect((await open(makeStore({ maxOctets: large.length }))).size).toBe(large.length);
      });
      test.each(["close", "reset"] as const)("throws when the head is cut by %s", async (how) => {
        for (const mail of [pattern(5000), large]) {
          aws.on(get, cutAt(mail, 3000, how));
          expect(await thrownBy(makeStore().open(location))).toMatch(
            /^PortError: Cannot open \("bucket\/key"\): (?:the answer of AWS is incomplete|AWS is not reachable)/,
          );
          clients.close();
        }
      });
      test("throws when its deadline is over while the head drips", async () => {
        aws.on(get, object(Array.from({ length: 300 }, () => ["x", { waitMs: 10 }] as const).flat()));
        expect(await thrownBy(makeStore({ callMs: 100 }).open(location))).toContain(": the answer of AWS did not come in time");
        await noConnection();
      });
      test("throws when the checksum of a small mail is wrong, and not when it is right", async () => {
        const store = makeStore();
        aws.on(get, object("hello", { "x-amz-checksum-crc32": "NhCmhg==" }));
        expect((await open(store)).size).toBe(5);
        aws.on(get, object("hellO", { "x-amz-checksum-crc32": "NhCmhg==" }));
        expect(await thrownBy(store.open(location))).toContain("the octets do not match the checksum of AWS");
      });
    });

    describe("rest()", () => {
      test("reads on in the same answer", async () => {
        aws.on(get, object(large));
        const mail = await open(makeStore());
        same(mail.head, large.subarray(0, headLimit));
        same(await drain(mail.rest()), large.subarray(headLimit));
        expect(aws.requests().length).toBe(1);
      });
      test("asks for the same object from the head on when it is called again", async () => {
        aws.on(get, object(large), part(large));
        const mail = await open(makeStore());
        for (let n = 0; n < 2; n++) same(await drain(mail.rest()), large.subarray(headLimit));
        same(await mail.whole(), large);
        expect(aws.requests().map(({ headers }) => [headers["range"], headers["if-match"]])).toEqual([
          [undefined, undefined],
          [`bytes=${headLimit}-`, etag],
          [`bytes=${headLimit}-`, etag],
        ]);
      });
      test("asks anew when the answer was kept long enough, and that one is dropped", async () => {
        // Its last octet never comes. An answer that has arrived as a whole would leave its connection open for the next request.
        aws.on(get, cutAt(large, large.length - 1, "hang"), part(large));
        const mail = await open(makeStore({ holdMs: 20 }));
        await noConnection();
        same(await drain(mail.rest()), large.subarray(headLimit));
        expect(aws.requests().length).toBe(2);
      });
      test.each(["close", "reset", "hang"] as const)("goes on in another answer when the one it reads ends by %s", async (how) => {
        const { opened, goOn } = afterOpen();
        aws.on(get, cutAt(large, headLimit + 100_000, { until: opened }, how), part(large));
        const mail = await open(makeStore(how === "hang" ? { stallMs: 300 } : {}));
        goOn();
        same(await drain(mail.rest()), large.subarray(headLimit));
        // A machine that has no time for this process makes the second answer hang too.
        if (how === "hang") expect(aws.requests().length).toBeGreaterThan(1);
        else expect(aws.requests().length).toBe(2);
      });
      test("goes on in another answer when asking for one failed for now", async () => {
        const { opened, goOn } = afterOpen();
        aws.on(get, cutAt(large, headLimit + 100_000, { until: opened }, "close"), s3Error(503, "SlowDown"), part(large));
        const mail = await open(makeStore());
        goOn();
        same(await mail.whole(), large);
      });
      test("throws when answers are cut again and again, and never gives a shorter mail", async () => {
        const { opened, goOn } = afterOpen();
        aws.on(
          get,
          cutAt(large, headLimit + 1000, { until: opened }, "close"),
          part(large, (rest) => [rest.subarray(0, 1000), "close"]),
        );
        const mail = await open(makeStore());
        goOn();
        expect(await thrownBy(drain(mail.rest()))).toMatch(/^PortError: Cannot rest \("bucket\/key"\): /);
        expect(aws.requests().length).toBe(3);
      });
      const changes: readonly (readonly [string, number, Answer])[] = [
        ["changed", 2, s3Error(412, "PreconditionFailed")],
        ["gone", 2, s3Error(404, "NoSuchKey")],
        ["not ours to read any more", 2, s3Error(403, "AccessDenied")],
        ["answered from its beginning", 4, object(large)],
      ];
      for (const [title, calls, answer] of changes) {
        test(`throws when the object is ${title}`, async () => {
          aws.on(get, object(large), answer);
          const mail = await open(makeStore({ holdMs: 0 }));
          expect(await thrownBy(drain(mail.rest()))).toMatch(/^PortError: /);
          expect(await thrownBy(mail.whole())).toMatch(/^PortError: /);
          expect(aws.requests().length).toBe(1 + 2 * (calls - 1 + (calls === 2 ? more : 0)) + (calls === 2 ? 0 : more));
        });
      }
      test("throws when the checksum is wrong, and asks for nothing anew", async () => {
        aws.on(get, object(large, { "x-amz-checksum-crc32": "NhCmhg==" }));
        const mail = await open(makeStore());
        expect(await thrownBy(drain(mail.rest()))).toContain("the octets do not match the checksum of AWS");
        expect(aws.requests().length).toBe(1);
      });
      test("throws when it drips for longer than all waiting may take", async () => {
        const drip = Array.from(
          { length: 300 },
          (_, n) => [large.subarray(headLimit + n, headLimit + n + 1), { waitMs: 10 }] as const,
        ).flat();
        aws.on(get, object([large.subarray(0, headLimit), ...drip]));
        const mail = await open(makeStore({ stallMs: 1000, restMs: 150 }));
        expect(await thrownBy(drain(mail.rest()))).toContain("the answer of AWS did not come in time");
        await noConnection();
      });
      test("X04 frees the memory of a piece when the next one is read", async () => {
        aws.on(get, object(pattern(4_000_000)));
        const [kept, sizes]: [Uint8Array[], number[]] = [[], []];
        for await (const piece of (await open(makeStore())).rest()) {
          const isWhole = piece.byteLength === piece.buffer.byteLength;
          kept.push(piece);
          sizes.push(isWhole ? 0 : piece.byteLength);
        }
        expect(kept.map(({ byteLength }) => byteLength)).toEqual(sizes);
        expect(sizes).toContain(0);
      });
      test("does not count the time that its reader takes", async () => {
        aws.on(get, object(large));
        const mail = await open(makeStore());
        const { now } = performance;
        let [size, takenMs] = [0, 0];
        performance.now = () => now.call(performance) + takenMs;
        try {
          for await (const piece of mail.rest()) {
            takenMs += 3_600_000;
            size += piece.length;
          }
        } finally {
          performance.now = now;
        }
        expect(size).toBe(large.length - headLimit);
        expect(aws.requests().length).toBe(1);
      });
      test("drops its connection when its reader leaves", async () => {
        aws.on(get, object([large.subarray(0, headLimit + 100_000), "hang"], length(large)));
        const mail = await open(makeStore());
        for await (const _ of mail.rest()) break;
        await noConnection();
      });
      test("holds back what nobody reads yet", async () => {
        const huge = new Uint8Array(40 * 1024 * 1024);
        aws.on(get, object(slices(huge), length(huge)));
        const mail = await open(makeStore());
        let sent = -1;
        for (let quiet = 0; quiet < 5; quiet = sent === aws.sentOctets() ? quiet + 1 : 0) {
          sent = aws.sentOctets();
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        expect(sent).toBeLessThan(huge.length / 2); // the kernel's buffers of both sides are in it
        expect((await mail.whole()).length).toBe(huge.length);
      });
    });

    function slices(octets: Uint8Array): Uint8Array[] {
      return Array.from({ length: Math.ceil(octets.length / 65_536) }, (_, n) => octets.subarray(n * 65_536, (n + 1) * 65_536));
    }

    describe("mark()", () => {
      const trail = { processed: "true", status: "delivered" };
      const metadataOf = ({ headers }: Request) =>
        Object.fromEntries(
          Object.entries(headers).flatMap(([name, value]) => (name.startsWith("x-amz-meta-") ? [[name.slice(11), value]] : [])),
        );

      test("copies the object onto itself and keeps all that it can", async () => {
        const kept = {
          "content-type": "message/rfc822",
          "cache-control": "no-store",
          "content-disposition": "attachment",
          "content-encoding": "identity",
          "content-language": "de",
          expires: "Thu, 01 Jan 2026 00:00:00 GMT",
          "x-amz-storage-class": "STANDARD_IA",
          "x-amz-server-side-encryption": "aws:kms",
          "x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:eu-central-1:1:key/2",
          "x-amz-server-side-encryption-bucket-key-enabled": "true",
          "x-amz-website-redirect-location": "/there",
        };
        aws.on(get, object("x", { ...kept, "x-amz-meta-origin": "test", "x-amz-meta-status": "partial" }));
        aws.on(put, copied);
        const store = makeStore();
        await store.mark(await open(store), trail);
        const [request] = aws.requests(put);
        expect(request?.headers).toMatchObject({
          ...kept,
          "x-amz-copy-source": "bucket/key",
          "x-amz-copy-source-if-match": etag,
          "x-amz-metadata-directive": "REPLACE",
        });
        expect(request && metadataOf(request)).toEqual({ origin: "test", ...trail });
        expect(aws.requests().length).toBe(2);
      });
      test("names the source as the header wants it, whatever its key is", async () => {
        const key = "emails/a b+c%2Fd/ü?&#";
        const path = "/bucket/emails/a%20b%2Bc%252Fd/%C3%BC%3F%26%23";
        aws.on(`GET ${path}`, object("x"));
        aws.on(`PUT ${path}`, copied);
        const store = makeStore();
        const mail = await store.open({ kind: "object", bucket: "bucket", key });
        if (mail !== "missing") await store.mark(mail, trail);
        expect(aws.requests(`PUT ${path}`)[0]?.headers["x-amz-copy-source"]).toBe(path.slice(1));
      });
      const failures: readonly (readonly [string, Answer])[] = [
        ["an error inside a 200", s3Error(200, "InternalError")],
        ["a 200 without a body", { body: "" }],
        ["a 200 without a result", { headers: { "content-type": "application/xml" }, body: "<CopyObjectResult></CopyObjectResult>" }],
        ["a 403", s3Error(403, "AccessDenied")],
        ["a 500", s3Error(500, "InternalError")],
        ["a 404", s3Error(404, "NoSuchKey")],
      ];
      for (const [title, answer] of failures) {
        test(`throws when it is answered ${title}`, async () => {
          aws.on(get, object("x"));
          aws.on(put, answer);
          const store = makeStore();
          expect(await thrownBy(store.mark(await open(store), trail))).toMatch(/^PortError: Cannot mark \("bucket\/key"\): /);
          expect(aws.requests(put).length).toBe(1 + more);
        });
      }
      test("F20 shortens its trail and tries once more when the metadata is too large", async () => {
        const inboxes = Array.from({ length: 60 }, (_, n) => `no-such-inbox-${n}@example.com`);
        aws.on(get, object("x", { "x-amz-meta-origin": "test" }));
        aws.on(put, ...refusing(s3Error(400, "MetadataTooLarge")), copied);
        const store = makeStore();
        await store.mark(await open(store), { ...trail, invalid_inboxes: inboxes });
        const [first = "", second = ""] = aws
          .requests(put)
          .slice(more)
          .map((request) => metadataOf(request)["invalid_inboxes"]);
        expect(first.length).toBeGreaterThan(1100);
        expect(second.length).toBeLessThan(1000);
        expect(second).toMatch(/^no-such-inbox-0@example\.com,.*,\+\d+ more$/);
        aws.on(put, s3Error(400, "MetadataTooLarge"));
        expect(await thrownBy(store.mark(await open(store), trail))).toContain("the object metadata is larger than 2 KB");
        expect(aws.requests(put).length).toBe(4 + 3 * more);
      });
      test("F21 reads what stands there and merges once more when the object changed meanwhile", async () => {
        aws.on(get, object("x", { "x-amz-meta-origin": "test" }));
        aws.on(put, ...refusing(s3Error(412, "PreconditionFailed")), copied);
        aws.on(head, {
          headers: { etag: '"e2"', "x-amz-meta-origin": "test", "x-amz-meta-seen": "yes", "content-type": "text/plain" },
          body: "",
        });
        const store = makeStore();
        const mail = await open(store);
        await store.mark(mail, trail);
        const second = aws.requests(put)[1 + more];
        expect(second && metadataOf(second)).toEqual({ origin: "test", seen: "yes", ...trail });
        expect(second?.headers).toMatchObject({ "x-amz-copy-source-if-match": '"e2"', "content-type": "text/plain" });
        aws.on(put, s3Error(412, "PreconditionFailed"));
        expect(await thrownBy(store.mark(mail, trail))).toContain("another writer changed it meanwhile");
        expect(aws.requests(put).length).toBe(4 + 3 * more);
      });
      test("throws when no answer comes", async () => {
        aws.on(get, object("x"));
        aws.on(put, "hang");
        const mail = await open(makeStore());
        clients.close();
        expect(await thrownBy(makeStore({ callMs: 60 }).mark(mail, trail))).toContain("the answer of AWS did not come in time");
      });
    });

    describe("erase()", () => {
      test("deletes, and throws when it may not", async () => {
        aws.on(get, object("x"));
        aws.on(del, { status: 204, body: "" }, s3Error(403, "AccessDenied"));
        const store = makeStore();
        const mail = await open(store);
        await store.erase(mail);
        expect(await thrownBy(store.erase(mail))).toMatch(/^PortError: Cannot erase \("bucket\/key"\): AWS denied access/);
      });
    });
  });

describe("S3Body", () => {
  const bodyOf = (length: number) => new S3Body(Readable.from([Buffer.from("12"), Buffer.from("345")]), length);
  const rows: readonly (readonly [string, number, string])[] = [
    ["more octets than it was said to have", 4, "the body has more than its announced 4 octets"],
    ["fewer octets than it was said to have", 6, "the body ended after 5 of 6 octets"],
  ];
  for (const [title, length, text] of rows) {
    test(`throws when it has ${title}`, async () => {
      expect(await thrownBy(bodyOf(length).head(10, 1000))).toContain(text);
    });
  }
  test("gives the piece that a head ends in as its next", async () => {
    const body = bodyOf(5);
    expect(Buffer.from(await body.head(3, 1000)).toString()).toBe("123");
    expect(Buffer.from((await body.next(1000)) ?? []).toString()).toBe("45");
    expect(await body.next(1000)).toBeNull();
  });
});
