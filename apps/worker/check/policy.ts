// Policy: whether a resource policy of AWS lets a service do something. It knows the conditions that policies for services have; where
// a statement has another one, the answer is "unknown" and not a guess. It has no I/O.
// IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements: Condition operators".

/** What a service wants to do. `values`: what is known of the request, by condition key in lower case. */
export type PolicyQuestion = Readonly<{
  service: string;
  action: string;
  resource: string;
  values: Readonly<Record<string, readonly string[]>>;
}>;

/** "missing": no statement allows it. "denied": a statement denies it. */
export type PolicyAnswer = "allowed" | "missing" | "denied" | "unknown";

type Statement = Readonly<Record<string, unknown>>;
type Truth = "yes" | "no" | "unknown";

/** Evaluates a policy. `null`: there is none. */
export function askPolicy(policy: string | null, question: PolicyQuestion): PolicyAnswer {
  const statements = statementsOf(policy);
  if (statements === null) return "unknown";
  const truths = statements.map((statement) => ({ effect: statement["Effect"], truth: applies(statement, question) }));
  const has = (effect: string, truth: Truth) => truths.some((each) => each.effect === effect && each.truth === truth);
  if (has("Deny", "yes")) return "denied";
  if (has("Deny", "unknown")) return "unknown";
  if (has("Allow", "yes")) return "allowed";
  return has("Allow", "unknown") ? "unknown" : "missing";
}

/**
 * Who may do more than is meant: "anybody" without a condition, or a service on behalf of any account (IAM User Guide, "The confused
 * deputy problem"). `null`: nobody.
 */
export function openTo(
  policy: string | null,
  { service, action, resource }: Omit<PolicyQuestion, "values">,
): "anybody" | "any-account" | null {
  const allowed = (statementsOf(policy) ?? []).filter(
    (each) => each["Effect"] === "Allow" && matches(each["Action"], action, true) && matches(each["Resource"], resource, false),
  );
  const free = allowed.filter((each) => conditionsOf(each).length === 0);
  if (free.some(({ Principal }) => isEverybody(Principal))) return "anybody";
  const keys = (each: Statement) => conditionsOf(each).map(({ key }) => key);
  const isBound = (each: Statement) => keys(each).some((key) => binding.test(key));
  return allowed.some((each) => servicesOf(each["Principal"]).includes(service) && !isBound(each)) ? "any-account" : null;
}

const binding = /^aws:(?:sourcearn|sourceaccount|sourceowner|sourceorgid|sourceorgpaths|referer|principalorgid)$/;

function statementsOf(policy: string | null): readonly Statement[] | null {
  if (policy === null) return [];
  try {
    const { Statement: found } = JSON.parse(policy) as Readonly<Record<string, unknown>>;
    return (Array.isArray(found) ? found : [found]).filter((each) => typeof each === "object" && each !== null);
  } catch {
    return null;
  }
}

function applies(statement: Statement, { service, action, resource, values }: PolicyQuestion): Truth {
  const { Principal, NotPrincipal, Action, NotAction, Resource, NotResource } = statement;
  if (NotPrincipal !== undefined || NotAction !== undefined || NotResource !== undefined) return "unknown";
  if (!isEverybody(Principal) && !servicesOf(Principal).includes(service)) return "no";
  if (!matches(Action, action, true) || !matches(Resource, resource, false)) return "no";
  const truths = conditionsOf(statement).map((condition) => isMet(condition, values));
  return truths.includes("no") ? "no" : truths.includes("unknown") ? "unknown" : "yes";
}

function isEverybody(principal: unknown): boolean {
  if (principal === "*") return true;
  return typeof principal === "object" && principal !== null && "AWS" in principal && listOf(principal.AWS).includes("*");
}

function servicesOf(principal: unknown): readonly string[] {
  return typeof principal === "object" && principal !== null && "Service" in principal ? listOf(principal.Service) : [];
}

type Condition = Readonly<{ operator: string; key: string; wanted: readonly string[] }>;

function conditionsOf({ Condition: found }: Statement): readonly Condition[] {
  if (typeof found !== "object" || found === null) return [];
  return Object.entries(found).flatMap(([operator, keys]) =>
    Object.entries((keys ?? {}) as Readonly<Record<string, unknown>>).map(([key, wanted]) => ({
      operator: operator.toLowerCase(),
      key: key.toLowerCase(),
      wanted: listOf(wanted),
    })),
  );
}

const operators: Readonly<Record<string, (pattern: string, value: string) => boolean>> = {
  stringequals: (pattern, value) => pattern === value,
  stringequalsignorecase: (pattern, value) => pattern.toLowerCase() === value.toLowerCase(),
  stringlike: isLike,
  arnequals: isLike, // the same as ArnLike
  arnlike: isLike,
  bool: (pattern, value) => pattern.toLowerCase() === value,
};

function isMet({ operator, key, wanted }: Condition, values: PolicyQuestion["values"]): Truth {
  const compare = operators[operator];
  const known = key === "aws:securetransport" ? ["true"] : values[key]; // AWS's services use TLS
  if (compare === undefined || known === undefined) return "unknown";
  return known.some((value) => wanted.some((pattern) => compare(pattern, value))) ? "yes" : "no";
}

function matches(patterns: unknown, value: string, ignoresCase: boolean): boolean {
  const fold = (text: string) => (ignoresCase ? text.toLowerCase() : text);
  return listOf(patterns).some((pattern) => isLike(fold(pattern), fold(value)));
}

/** `*` and `?` as in policies. By hand: a policy may have many stars, and a regular expression of them takes long. */
function isLike(pattern: string, value: string): boolean {
  let [at, star, from] = [0, -1, 0];
  for (let index = 0; index < value.length; ) {
    const char = pattern[at];
    if (char === "*") {
      star = at++;
      from = index;
    } else if (char === "?" || char === value[index]) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++from;
    } else return false;
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}

function listOf(value: unknown): readonly string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.filter((each) => each !== undefined && each !== null).map(String);
}
