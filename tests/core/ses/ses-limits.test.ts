import { expect, test } from "bun:test";
import { sesRefusesFileName } from "../../../packages/core/ses/ses-limits.ts";

const refused = [
  "x.exe",
  "X.EXE",
  "a.b.js",
  "x.exe.",
  "x.exe ",
  "日本.vbs",
  "www.example.com",
  ".bat",
  "key.cer",
  "x.psc2",
  "x.xnk",
  "x.msh1xml",
];
const sent = ["", "exe", "x", "x.pdf", "x.exe.zip", "x.docx", "x.eml", "x.html", "x.json", "x.pem", "x.p7s", "x.jsx", "x.", "x.7z", "x.sh"];
for (const name of refused) test(`sesRefusesFileName() refuses ${JSON.stringify(name)}`, () => expect(sesRefusesFileName(name)).toBe(true));
for (const name of sent) test(`sesRefusesFileName() lets ${JSON.stringify(name)} pass`, () => expect(sesRefusesFileName(name)).toBe(false));

test("X01 sesRefusesFileName() is linear in the length of a name: a hundred names of a million dots, blanks or letters", () => {
  for (const unit of [".", " ", "a", ".a", " .", "\u0000"])
    for (let i = 0; i < 16; i++) expect(sesRefusesFileName(`${unit.repeat(500_000)}a`)).toBe(false);
});
