// Operators: the small wrong changes that are made to a source file. Types, imports and texts for people (strings with a space)
// stay as they are. A mutant records the lines that it changes, before and after, without comments and line numbers: these
// identify it in mutants-equivalent.tsv.
import {
  isArrayLiteralExpression,
  isAwaitExpression,
  isBinaryExpression,
  isBreakStatement,
  isCallExpression,
  isCatchClause,
  isConditionalExpression,
  isContinueStatement,
  isExportDeclaration,
  isExpressionStatement,
  isIfStatement,
  isImportDeclaration,
  isInterfaceDeclaration,
  isNumericLiteral,
  isObjectLiteralExpression,
  isPrefixUnaryExpression,
  isPropertyAccessExpression,
  isRegularExpressionLiteral,
  isReturnStatement,
  isSpreadAssignment,
  isStringLiteral,
  isThrowStatement,
  isTryStatement,
  isTypeAliasDeclaration,
  isTypeNode,
  type Node,
  type SourceFile,
  SyntaxKind,
} from "typescript/unstable/ast";

/** A wrong change of a file. `text`: the whole file with it. `original`, `replacement`: the lines that it touches. */
export type Mutant = Readonly<{ file: string; line: number; kind: string; original: string; replacement: string; text: string }>;

/** What comes instead of the node, or of the text between two octets. */
type Change = Readonly<{ kind: string; put: string; at: Node | readonly [number, number] }>;

/** All mutants of a file, in its order. */
export function mutantsOf(file: string, source: SourceFile): readonly Mutant[] {
  const nodes = codeIn(source);
  const words = [...new Set(nodes.filter(isWord).map((node) => node.getText(source)))];
  return nodes
    .flatMap((node) => [...ofExpression(node, source), ...ofStatement(node), ...ofLiteral(node, source, words)])
    .map((change) => mutantOf(file, source, change))
    .filter(({ original, replacement }) => original !== replacement);
}

function codeIn(source: SourceFile): readonly Node[] {
  const nodes: Node[] = [];
  const walk = (node: Node): void => {
    const isType = isTypeNode(node) || isTypeAliasDeclaration(node) || isInterfaceDeclaration(node);
    if (isType || isImportDeclaration(node) || isExportDeclaration(node)) return;
    nodes.push(node);
    node.forEachChild(walk);
  };
  walk(source);
  return nodes;
}

/** A string that code compares or looks up. */
function isWord(node: Node): boolean {
  return isStringLiteral(node) && node.text !== "" && !/\s/.test(node.text);
}

function mutantOf(file: string, source: SourceFile, { kind, put, at }: Change): Mutant {
  const { text } = source;
  const [start, end] = "kind" in at ? [at.getStart(source), at.end] : at;
  const from = text.lastIndexOf("\n", start - 1) + 1;
  const next = text.indexOf("\n", end);
  const to = next < 0 ? text.length : next;
  const plain = (lines: string) =>
    lines
      .replace(/\s\/\/ .*/g, "")
      .replace(/\s+/g, " ")
      .trim(); // comments come and go
  return {
    file,
    line: text.slice(0, start).split("\n").length,
    kind,
    original: plain(text.slice(from, to)),
    replacement: plain(text.slice(from, start) + put + text.slice(end, to)),
    text: text.slice(0, start) + put + text.slice(end),
  };
}

const operators: Readonly<Record<string, readonly (readonly [kind: string, other: string])[]>> = {
  "<": [
    ["boundary", "<="],
    ["comparison", ">="],
  ],
  "<=": [
    ["boundary", "<"],
    ["comparison", ">"],
  ],
  ">": [
    ["boundary", ">="],
    ["comparison", "<="],
  ],
  ">=": [
    ["boundary", ">"],
    ["comparison", "<"],
  ],
  "===": [["comparison", "!=="]],
  "!==": [["comparison", "==="]],
  "+": [["arithmetic", "-"]],
  "-": [["arithmetic", "+"]],
  "*": [["arithmetic", "/"]],
  "/": [["arithmetic", "*"]],
  "**": [["arithmetic", "*"]],
  "%": [["arithmetic", "*"]],
  "+=": [["assignment", "-="]],
  "-=": [["assignment", "+="]],
  "??=": [["assignment", "="]],
  "||=": [["assignment", "="]],
  "&&": [["logic", "||"]],
  "||": [["logic", "&&"]],
};

const methods: Readonly<Record<string, string>> = {
  add: "delete",
  endsWith: "startsWith",
  every: "some",
  find: "findLast",
  max: "min",
  min: "max",
  once: "on",
  push: "unshift",
  shift: "pop",
  some: "every",
  startsWith: "endsWith",
};

function ofExpression(node: Node, source: SourceFile): readonly Change[] {
  const code = (part: Node) => part.getText(source);
  if (isBinaryExpression(node)) {
    const operator = code(node.operatorToken);
    const others = (operators[operator] ?? []).map(([kind, put]) => ({ kind, put, at: node.operatorToken }));
    if (!["&&", "||", "??"].includes(operator)) return others;
    return [...others, { kind: "logic-left", put: code(node.left), at: node }, { kind: "logic-right", put: code(node.right), at: node }];
  }
  if (isPrefixUnaryExpression(node) && node.operator === SyntaxKind.ExclamationToken)
    return [{ kind: "negation", put: code(node.operand), at: node }];
  if (isConditionalExpression(node)) {
    return [
      { kind: "condition-true", put: `(${code(node.whenTrue)})`, at: node },
      { kind: "condition-false", put: `(${code(node.whenFalse)})`, at: node },
    ];
  }
  if (isAwaitExpression(node)) {
    const put = isExpressionStatement(node.parent) ? "void " : "";
    return [{ kind: "drop-await", put, at: [node.getStart(source), node.expression.getStart(source)] }];
  }
  if (isCallExpression(node) && isPropertyAccessExpression(node.expression)) {
    const { expression, name } = node.expression;
    const other = methods[code(name)];
    return [{ kind: "drop-method", put: code(expression), at: node }, ...(other ? [{ kind: "method", put: other, at: name }] : [])];
  }
  return [];
}

function ofStatement(node: Node): readonly Change[] {
  if (isIfStatement(node)) {
    const { expression } = node;
    return [
      { kind: "condition-true", put: "true", at: expression },
      { kind: "condition-false", put: "false", at: expression },
    ];
  }
  if (isExpressionStatement(node)) return [{ kind: "drop-statement", put: ";", at: node }];
  if (isReturnStatement(node)) return [{ kind: "drop-return", put: ";", at: node }];
  if (isThrowStatement(node)) return [{ kind: "drop-throw", put: ";", at: node }];
  if (isBreakStatement(node) || isContinueStatement(node)) return [{ kind: "drop-jump", put: ";", at: node }];
  if (isCatchClause(node)) return [{ kind: "catch-empty", put: "{}", at: node.block }];
  if (isTryStatement(node) && node.finallyBlock) return [{ kind: "drop-finally", put: "{}", at: node.finallyBlock }];
  return [];
}

function ofLiteral(node: Node, source: SourceFile, words: readonly string[]): readonly Change[] {
  const text = node.getText(source);
  if (node.kind === SyntaxKind.TrueKeyword) return [{ kind: "boolean", put: "false", at: node }];
  if (node.kind === SyntaxKind.FalseKeyword) return [{ kind: "boolean", put: "true", at: node }];
  if (isNumericLiteral(node)) return [{ kind: "number", put: otherNumber(text), at: node }];
  if (isWord(node)) return nextAfter(text, words).map((put) => ({ kind: "string-swap", put, at: node }));
  if (isRegularExpressionLiteral(node)) return otherPatterns(text).map(([kind, put]) => ({ kind, put, at: node }));
  const parts = isArrayLiteralExpression(node) ? node.elements : isObjectLiteralExpression(node) ? node.properties : [];
  return [...parts]
    .filter((part) => isArrayLiteralExpression(node) || isSpreadAssignment(part))
    .map((part) => ({ kind: "drop-element", put: "", at: [part.getStart(source), endWithComma(part, source.text)] }));
}

/** Three others: all of them would outnumber everything else. */
function nextAfter(word: string, words: readonly string[]): readonly string[] {
  const at = words.indexOf(word);
  return [...words.slice(at + 1), ...words.slice(0, at)].slice(0, 3);
}

/** The next one, and half of a large one: that a long time is a millisecond longer need not be noticed. */
function otherNumber(literal: string): string {
  const value = Number(literal.replaceAll("_", ""));
  return String(value < 100 ? value + 1 : Math.floor(value / 2));
}

function otherPatterns(literal: string): readonly (readonly [kind: string, put: string])[] {
  const last = literal.lastIndexOf("/");
  const [pattern, flags] = [literal.slice(1, last), literal.slice(last + 1)];
  const of = (kind: string, changed: string) => [kind, `/${changed}/${flags}`] as const;
  return [
    ...(pattern.startsWith("^") ? [of("regex-anchor", pattern.slice(1))] : []),
    ...(/(?<!\\)\$$/.test(pattern) ? [of("regex-anchor", pattern.slice(0, -1))] : []),
    ...[...flags].map((flag) => ["regex-flag", `/${pattern}/${flags.replace(flag, "")}`] as const),
    ...[...pattern.matchAll(/(?<=[\w\])])(?:\+|\*)/g)].map(({ 0: sign, index }) =>
      of("regex-quantifier", `${pattern.slice(0, index)}${sign === "+" ? "*" : "+"}${pattern.slice(index + 1)}`),
    ),
  ];
}

function endWithComma(part: Node, text: string): number {
  return part.end + (/^\s*,\s*/.exec(text.slice(part.end))?.[0].length ?? 0);
}
