// Middleware: what this package needs of an SDK client to stand in the way of its calls. Each client has types of its own
// for that, which differ in nothing that matters here.

/** The rest of a call: takes the SDK's arguments, which are only handed on, and gives an answer or throws. */
type Next = (args: never) => Promise<unknown>;

export type Middleware = (next: Next) => Next;

type Place<Step extends string> = Readonly<{ step: Step; priority: "low" | "high"; name: string; override: true }>;

/** Any client of the SDK. */
export type SdkClient = Readonly<{
  middlewareStack: {
    /** Outermost: around all attempts of a call. */
    add(middleware: Middleware, place: Place<"initialize">): void;
    /** Innermost: one attempt and its answer, before that is read. */
    add(middleware: Middleware, place: Place<"deserialize">): void;
  };
  config: Readonly<{
    credentials(options: Readonly<{ forceRefresh: boolean }>): Promise<Readonly<{ accessKeyId: string; sessionToken?: string }>>;
  }>;
}>;
