import { expect, test } from "bun:test";
import { isSesPath, normalizeSesId, sesIdIn } from "../../../packages/core/ses/ses-id.ts";
import { id } from "./bounce-sample.ts";

const newer = "0200019abcdef01-newform-000001"; // a form that SES may have one day
const rows: readonly (readonly [text: string, expected: string | null, why: string])[] = [
  [`<${id}@eu-west-1.amazonses.com>`, id, "a Message-ID"],
  [`${id}@amazonses.com`, id, "a reverse-path"],
  [`  <${id.toUpperCase()}@EU-WEST-1.AMAZONSES.COM> `, id, "other letters, between blanks"],
  [`${id}@bounce.customer.test`, id, "a domain of the sender's (SES Developer Guide, custom MAIL FROM)"],
  [id, id, "the bare key of the outbound table"],
  [`<${newer}@email.amazonses.com>`, newer, "a newer form, which the domain vouches for"],
  [`<${newer}@customer.test>`, null, "a newer form at a domain that vouches for nothing"],
  [`<${newer}@amazonses.com.evil.test>`, null, "a look-alike with a suffix"],
  [`<${newer}@evil-amazonses.com>`, null, "a look-alike with a prefix"],
  [newer, null, "a newer form without any domain"],
  [`<${id}0@customer.test>`, null, "a digit too many"],
  ["<short@amazonses.com>", null, "too short for any form"],
  [`<${"a".repeat(101)}@amazonses.com>`, null, "too long for any form"],
  [`<${id}@amazonses.com> <x@y.test>`, null, "two of them"],
  ["CAB+x=y@mail.gmail.test", null, "another program's"],
  ["", null, "nothing"],
];
for (const [text, expected, why] of rows) {
  test(`sesIdIn() ${expected === null ? "finds none in" : "finds the id in"} ${why}`, () => expect(sesIdIn(text)).toBe(expected));
}

const bare: readonly (readonly [text: string, expected: string, why: string])[] = [
  [`<${id.toUpperCase()}@amazonses.com>`, id, "with brackets and domain"],
  [`${id}@x.test`, id, "with any domain"],
  [id, id, "alone"],
  ["of-another-program@x.test", "of-another-program", "of whatever form: a row may be another program's"],
  ["a".repeat(200), "a".repeat(200), "of 200 characters"],
  ["a".repeat(201), "", "of more characters than any id has"],
  ["a b@x.test", "", "with a blank in it"],
  ["a\r\nb", "", "with a line end in it"],
  ["jörg@x.test", "", "outside ASCII"],
  ["", "", "that is none"],
];
for (const [text, expected, why] of bare) {
  test(`normalizeSesId() gives ${JSON.stringify(expected).slice(0, 30)} for an id ${why}`, () =>
    expect(normalizeSesId(text)).toBe(expected));
}

const paths: readonly (readonly [path: string, expected: boolean])[] = [
  [`${id}@amazonses.com`, true],
  [`${id}@EU-WEST-1.AmazonSES.com`, true],
  [`${id}@bounce.customer.test`, false],
  [`${id}@amazonses.com.evil.test`, false],
  [`${id}@evil-amazonses.com`, false],
  ["bob@amazonses.com", false],
];
for (const [path, expected] of paths) {
  test(`X13 isSesPath() says ${expected} of ${path.replace(id, "<id>")}`, () => expect(isSesPath(path)).toBe(expected));
}
