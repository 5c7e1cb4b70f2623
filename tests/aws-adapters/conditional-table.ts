// Conditional table: one table of DynamoDB in memory, so quick that thousands of interleavings can be played. It takes what
// the SDK sends, evaluates the conditions and updates that our adapters write (no others), and loses requests and answers
// as a test says. Amazon DynamoDB Developer Guide, "Condition expressions".

import type { AttributeValue, DynamoDBClientConfig } from "@aws-sdk/client-dynamodb";
import type { Exchange } from "@sesame/aws-adapters";

export type Item = Readonly<Record<string, AttributeValue>>;

/** What becomes of one request. "late": it looks lost, and is served when three more have been. The SDK repeats all but one that is answered, twice at most. */
export type Fate = "answered" | "request lost" | "answer lost" | "throttled" | "late";

export type ConditionalTableOptions = Readonly<{
  /** Asked for each request, and waited for: it says when the request is served, and what becomes of it. */
  serve(request: Write): Promise<Fate>;
  /** Told of each write that was done. */
  wrote?(before: Item | undefined, after: Item | undefined, request: Write, isLate: boolean): void;
}>;

/** Asked after a refusal that brings no item. */
type GetItem = Readonly<{ Key: Item; ConsistentRead: boolean }>;

/** UpdateItem, or DeleteItem where there is no update. */
export type Write = Readonly<{
  Key: Item;
  ConditionExpression?: string;
  UpdateExpression?: string;
  ExpressionAttributeNames: Readonly<Record<string, string>>;
  ExpressionAttributeValues: Item;
}>;

type Answer = Readonly<{ status: number; body: unknown }>;
type HttpRequest = Readonly<{ body?: unknown }>;

export class ConditionalTable {
  readonly #options: ConditionalTableOptions;
  readonly #items = new Map<string, Item>();
  #late: readonly Readonly<{ request: Write; after: number }>[] = [];
  #served = 0;
  /** What could not be evaluated: the SDK would take that for a broken connection. */
  broken: unknown = null;
  /** Number of requests by `exchange`. */
  exchanged = 0;

  constructor(options: ConditionalTableOptions) {
    this.#options = options;
  }

  item(id: string): Item | undefined {
    return this.#items.get(id);
  }

  /** Stands in the place of the lane's network. */
  get exchange(): Exchange {
    return async ({ body = "" }) => {
      this.exchanged++;
      const { status, body: answer } = await this.#serve(JSON.parse(body) as Write | GetItem);
      return new Response(JSON.stringify(answer), { status });
    };
  }

  /** Stands in the place of the SDK's network. */
  get requestHandler(): NonNullable<DynamoDBClientConfig["requestHandler"]> {
    return {
      handle: async (request: HttpRequest) => {
        const { status, body } = await this.#serve(JSON.parse(textOf(request.body)) as Write | GetItem);
        const octets = new TextEncoder().encode(JSON.stringify(body));
        return { response: { statusCode: status, headers: { "content-type": "application/x-amz-json-1.0" }, body: octets } };
      },
      updateHttpClientConfig: () => {},
      httpHandlerConfigs: () => ({}),
    } as never;
  }

  async #serve(request: Write | GetItem): Promise<Answer> {
    if ("ConsistentRead" in request) return { status: 200, body: { Item: this.#items.get(idOf(request)) } };
    const fate = await this.#options.serve(request);
    this.#serveLate();
    if (fate === "late") this.#late = [...this.#late, { request, after: this.#served + 3 }];
    if (fate === "late") throw reset();
    if (fate === "throttled") return throttled;
    if (fate === "request lost") throw reset();
    const answer = this.#write(request);
    if (fate === "answer lost") throw reset();
    return answer;
  }

  #serveLate(): void {
    this.#served++;
    for (const { request } of this.#late.filter(({ after }) => after <= this.#served)) this.#write(request, true);
    this.#late = this.#late.filter(({ after }) => after > this.#served);
  }

  #write(request: Write, isLate: boolean = false): Answer {
    const id = idOf(request);
    const before = this.#items.get(id);
    const { ConditionExpression: condition } = request;
    const holds = this.#evaluated(() => condition === undefined || new Expression(condition, request, before ?? {}).holds());
    if (!holds) return { status: 400, body: { __type: `${service}ConditionalCheckFailedException`, ...(before && { Item: before }) } };
    const after = this.#evaluated(() => updated(request, before ?? request.Key));
    if (after === undefined) this.#items.delete(id);
    else this.#items.set(id, after);
    this.#options.wrote?.(before, after, request, isLate);
    return { status: 200, body: { Attributes: after } };
  }

  #evaluated<T>(evaluate: () => T): T {
    try {
      return evaluate();
    } catch (error) {
      this.broken ??= error;
      throw error;
    }
  }
}

const service = "com.amazonaws.dynamodb.v20120810#";
const throttled: Answer = { status: 400, body: { __type: `${service}ProvisionedThroughputExceededException` } };

function idOf({ Key }: Pick<GetItem, "Key">): string {
  return Key["id"]?.S ?? "";
}

function textOf(body: unknown): string {
  return body instanceof Uint8Array ? new TextDecoder().decode(body) : String(body);
}

function reset(): Error {
  return Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
}

/** The item as a write leaves it; all operands are those of the item before. */
function updated(request: Write, before: Item): Item | undefined {
  if (request.UpdateExpression === undefined) return undefined;
  const after: Record<string, AttributeValue> = { ...before };
  for (const [, verb, clause = ""] of request.UpdateExpression.matchAll(
    /(SET|ADD|REMOVE|DELETE) (.*?)(?= (?:SET|ADD|REMOVE|DELETE) |$)/g,
  )) {
    const expression = new Expression(clause, request, before);
    if (verb === "SET") Object.assign(after, expression.assignments());
    if (verb === "ADD") Object.assign(after, expression.additions());
    if (verb === "DELETE") {
      const [name, left] = expression.deletion();
      if (left.length > 0) after[name] = { SS: left };
      else delete after[name];
    }
    if (verb === "REMOVE") for (const name of expression.names()) delete after[name];
  }
  return after;
}

/** Reads an expression from left to right. What it does not know it does not pass over. */
class Expression {
  readonly #tokens: string[];
  readonly #request: Write;
  readonly #item: Item;

  constructor(text: string, request: Write, item: Item) {
    this.#tokens = text.match(/[#:]?\w+|[<>]=|<>|[<=(),]/g) ?? [];
    this.#request = request;
    this.#item = item;
  }

  holds(): boolean {
    let all = this.#conjunction();
    while (this.#skip("OR")) all = this.#conjunction() || all;
    return all;
  }

  assignments(): Record<string, AttributeValue> {
    const set: Record<string, AttributeValue> = {};
    do {
      const name = this.#name();
      this.#expect("=");
      set[name] = this.#operand() ?? fail("an operand that is not there");
    } while (this.#skip(","));
    return set;
  }

  additions(): Record<string, AttributeValue> {
    const sums: Record<string, AttributeValue> = {};
    do {
      const name = this.#name();
      const { N, SS } = this.#operand() ?? fail("an operand that is not there");
      if (SS !== undefined) sums[name] = { SS: [...new Set([...(this.#item[name]?.SS ?? []), ...SS])] };
      else sums[name] = { N: String(Number(this.#item[name]?.N ?? 0) + Number(N)) };
    } while (this.#skip(","));
    return sums;
  }

  /** The name of a set, and what is left in it. */
  deletion(): readonly [name: string, left: string[]] {
    const name = this.#name();
    const deleted = this.#operand()?.SS ?? fail("no set");
    return [name, (this.#item[name]?.SS ?? []).filter((each) => !deleted.includes(each))];
  }

  names(): string[] {
    const names = [this.#name()];
    while (this.#skip(",")) names.push(this.#name());
    return names;
  }

  #conjunction(): boolean {
    let all = this.#term();
    while (this.#skip("AND")) all = this.#term() && all;
    return all;
  }

  #term(): boolean {
    if (this.#skip("(")) return this.#inParentheses(() => this.holds());
    if (this.#skip("attribute_exists")) return this.#call(() => this.#operand() !== undefined);
    if (this.#skip("attribute_not_exists")) return this.#call(() => this.#operand() === undefined);
    if (this.#skip("contains")) return this.#call(() => this.#contains());
    const [left, operator, right] = [this.#operand(), this.#next(), this.#operand()];
    if (operator === "=") return left !== undefined && JSON.stringify(left) === JSON.stringify(right);
    if (operator === "<>") return JSON.stringify(left) !== JSON.stringify(right);
    if (operator === "<=") return left?.N !== undefined && Number(left.N) <= Number(right?.N);
    if (operator === "<") return left?.N !== undefined && Number(left.N) < Number(right?.N);
    return fail(operator);
  }

  #contains(): boolean {
    const set = this.#operand()?.SS ?? [];
    this.#expect(",");
    return set.includes(this.#operand()?.S ?? fail("no text"));
  }

  #operand(): AttributeValue | undefined {
    const token = this.#tokens[0] ?? fail("the end");
    if (this.#skip("size")) return this.#call(() => ({ N: String(this.#operand()?.SS?.length ?? fail("no set")) }));
    if (token.startsWith("#")) return this.#item[this.#name()];
    this.#tokens.shift();
    if (token.startsWith(":")) return this.#request.ExpressionAttributeValues[token] ?? fail(token);
    if (token !== "if_not_exists" && token !== "list_append") return fail(token);
    return this.#call(() => {
      const left = this.#operand();
      this.#expect(",");
      const right = this.#operand();
      return token === "if_not_exists" ? (left ?? right) : { L: [...(left?.L ?? fail("no list")), ...(right?.L ?? fail("no list"))] };
    });
  }

  #call<T>(read: () => T): T {
    this.#expect("(");
    return this.#inParentheses(read);
  }

  #inParentheses<T>(read: () => T): T {
    const value = read();
    this.#expect(")");
    return value;
  }

  #name(): string {
    const token = this.#next();
    return this.#request.ExpressionAttributeNames[token] ?? fail(token);
  }

  #next(): string {
    return this.#tokens.shift() ?? fail("the end");
  }

  #skip(token: string): boolean {
    if (this.#tokens[0] !== token) return false;
    this.#tokens.shift();
    return true;
  }

  #expect(token: string): void {
    if (!this.#skip(token)) fail(`${this.#tokens[0]} instead of ${token}`);
  }
}

function fail(found: string): never {
  throw new Error(`Cannot evaluate an expression: it must be one that the adapters write, is ${found}`);
}
