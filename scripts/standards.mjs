// Collects which rule of which standard is cited where, and writes docs/standards.md: rule, files that meet it, tests that
// show it. A file meets a rule that a comment of it cites. A test shows a rule that it cites, and so does a golden folder
// whose plan.txt cites it; where none does, tests that use what the file exports stand in, in italics.
// `--check` writes nothing: it fails when the page is not what would be written, when a link in it leads nowhere, and when
// a citation is not in scripts/rfc-sections.json, the list of sections that somebody has looked up. `--root DIR` for tests.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, posix, resolve } from "node:path";

const rootAt = process.argv.indexOf("--root");
const root = rootAt < 0 ? resolve(import.meta.dirname, "..") : resolve(process.argv[rootAt + 1] ?? ".");
const page = "docs/standards.md";
const known = JSON.parse(readFileSync(join(root, "scripts/rfc-sections.json"), "utf8"));
const shownAtMost = 3;

const ownTest = "tests/standards.test.ts"; // its citations are samples, good and bad
const files = ["packages", "apps", "tests"]
  .flatMap(filesBelow)
  .filter((path) => path !== ownTest)
  .sort();
const cited = files.map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
const sources = cited.filter(({ path }) => !path.startsWith("tests/"));
const tests = cited.filter(({ path }) => path.startsWith("tests/")).map((test) => ({ ...test, imported: importsOf(test.path, test.text) }));

const problems = cited.flatMap(({ path, text }) => citationsIn(joined(text)).flatMap((citation) => problemOf(citation, path)));
const written = render();
if (!process.argv.includes("--check")) writeFileSync(join(root, page), written);
else problems.push(...pageProblems());
for (const problem of new Set(problems)) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);

function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .filter((path) => /\.(?:ts|mjs)$|^tests\/golden\/.*plan\.txt$/.test(path) && !path.includes("node_modules/"));
}

/** A citation may run over the end of a line. */
function joined(text) {
  return text.replace(/\r?\n[ \t]*(?:\/\/|\*(?!\/))?[ \t]*/g, " ").replaceAll('\\"', '"');
}

/** What stands in comments: whole lines, and what follows code on its line. */
function commentsOf(text) {
  return joined(
    text
      .split("\n")
      .map((line) => /^\s*\/?\*.*$|(?:^|\s)\/\/.*$/.exec(line)?.[0] ?? "")
      .join("\n"),
  );
}

/** Every citation in a text, as a standard and one of its sections; `null` for the standard as a whole. */
function citationsIn(text) {
  const found = [];
  for (const match of text.matchAll(/\b(RFC \d{3,5}|MS-OXCMAIL|(?:SES|S3|SQS|SNS|DynamoDB|IAM) (?:Developer|User) Guide)\b/g)) {
    const section = match[1].endsWith("Guide")
      ? /^(?:,|;|,? and)?\s*"([^"]{3,120})"/
      : match[1].startsWith("RFC")
        ? /^(?:,|,? and|,? or)?\s*(?:§\s?([0-9]+(?:\.[0-9]+)*)|([Aa]ppendix [A-Za-z]))/
        : /^()\s+(?:§\s?)?([0-9]+(?:\.[0-9]+)+)/;
    let rest = text.slice(match.index + match[0].length);
    let next = section.exec(rest);
    if (next === null) found.push({ standard: match[1], section: null });
    for (; next !== null; next = section.exec(rest)) {
      found.push({ standard: match[1], section: next[2]?.toLowerCase() ?? wholeTitle(match[1], next[1]) });
      rest = rest.slice(next[0].length);
    }
  }
  return found;
}

/** Pages of a guide may be cited by a part of their title: "Visibility timeout" for "Amazon SQS visibility timeout". */
function wholeTitle(standard, part) {
  const titles = standard.endsWith("Guide") ? Object.keys(known[standard]?.sections ?? {}) : [];
  return titles.find((title) => title.toLowerCase().includes(part.toLowerCase())) ?? part;
}

function problemOf({ standard, section }, path) {
  const entry = known[standard];
  if (entry !== undefined && (section === null || section in entry.sections)) return [];
  const name = section === null ? standard : `${standard} ${sign(standard, section)}`;
  const near = Object.keys(entry?.sections ?? {}).filter((other) => section === null || other[0] === section[0]);
  const value = near.length > 0 ? near.sort(byNumber).join(", ") : "not there";
  return [`Cannot cite ${name} in ${path}: scripts/rfc-sections.json does not hold it (${value}). Look the section up and add it`];
}

function pageProblems() {
  const now = existsSync(join(root, page)) ? readFileSync(join(root, page), "utf8") : "";
  const dead = [...now.matchAll(/\]\(\.\.\/([^)]+)\)/g)].filter(([, path]) => !existsSync(join(root, path)));
  return [
    ...dead.map(([, path]) => `Cannot link to ${path} in ${page}: there is no such file`),
    ...(now === written ? [] : [`Cannot keep ${page}: it differs from what the code cites. Run node scripts/standards.mjs`]),
  ];
}

function render() {
  const standards = [...new Set(cited.flatMap(({ text }) => citationsIn(joined(text)).map(({ standard }) => standard)))].sort(byNumber);
  const head =
    "# Standards\n\nWhich rule is met where, and which test shows it. Written by `node scripts/standards.mjs` from the citations in comments\n" +
    "and tests; not to be edited. A test in italics does not cite the rule: it uses what the files that meet it export.\n";
  return `${head}${standards.map(standardTable).join("")}`;
}

function standardTable(standard) {
  const rows = new Map();
  const note = (column, path, citations) => {
    for (const { section } of citations.filter((citation) => citation.standard === standard)) {
      const key = section ?? "";
      if (!rows.has(key)) rows.set(key, { met: new Set(), shown: new Set() });
      rows.get(key)[column].add(path);
    }
  };
  for (const { path, text } of sources) note("met", path, citationsIn(commentsOf(text)));
  for (const { path, text } of tests) note("shown", path, citationsIn(joined(text)));
  const lines = [...rows].sort(([a], [b]) => byNumber(a, b)).map(([section, row]) => tableRow(standard, section, row));
  const title = known[standard]?.title ? `: ${known[standard].title}` : "";
  return lines.length === 0 ? "" : `\n## ${standard}${title}\n\n| rule | met in | shown by |\n| --- | --- | --- |\n${lines.join("")}`;
}

function tableRow(standard, section, { met, shown }) {
  const title = known[standard]?.sections[section] ?? "";
  const rule = section === "" ? "as a whole" : `${sign(standard, section)} ${title}`.trim();
  return `| ${rule} | ${[...met].map(link).join(", ") || "–"} | ${testsShown([...shown], [...met]) || "–"} |\n`;
}

/** Tests that cite the rule, then golden folders; else tests that use what the files that meet it export. */
function testsShown(shown, met) {
  const direct = shown.filter((path) => !path.endsWith("/plan.txt"));
  const golden = shown.filter((path) => path.endsWith("/plan.txt")).map((path) => path.replace(/\/plan\.txt$/, ""));
  if (shown.length > 0) return [...direct.map(link), ...some(golden.map(link), "golden folder")].join(", ");
  return some(
    [...new Set(met.flatMap(usersOf))].sort().map((path) => `*${link(path)}*`),
    "test",
  ).join(", ");
}

function some(items, noun) {
  const more = items.length - shownAtMost;
  return more > 0 ? [...items.slice(0, shownAtMost), `${more} more ${noun}${more === 1 ? "" : "s"}`] : items;
}

/** Tests that import a value which a file exports, from the file itself or through the door of its package. */
function usersOf(path) {
  const doors = [path, `@sesame/${path.split("/")[1]}`];
  const names = [...textOf(path).matchAll(/^export (?:async )?(?:function\*?|const|class) (\w+)/gm)].map(([, name]) => name);
  const uses = ({ imported }) => names.some((name) => doors.some((door) => imported.has(`${door} ${name}`)));
  return tests.filter((test) => test.path.endsWith(".test.ts") && uses(test)).map((test) => test.path);
}

function textOf(path) {
  return sources.find((source) => source.path === path)?.text ?? "";
}

/** The values that a test imports by name, each behind the door that it comes through. */
function importsOf(path, text) {
  const found = [...text.matchAll(/^import \{([^}]*)\} from "([^"]+)"/gm)].flatMap(([, clause, from]) => {
    const door = from.startsWith(".") ? posix.join(posix.dirname(path), from) : from;
    const names = clause.split(",").map((name) => name.trim());
    return names.filter((name) => name !== "" && !name.startsWith("type ")).map((name) => `${door} ${name}`);
  });
  return new Set(found);
}

function link(path) {
  return `[${path.replace(/^packages\/|^apps\//, "")}](../${path})`;
}

function sign(standard, section) {
  if (standard.endsWith("Guide")) return `“${section}”`;
  return section.replace(/^appendix (.)$/, (_, letter) => `appendix ${letter.toUpperCase()}`).replace(/^(?=\d)/, "§");
}

/** 2.10 comes after 2.9, and a guide after the RFCs. */
function byNumber(a, b) {
  return a.localeCompare(b, "en", { numeric: true });
}
