// Middleware: one type for the middleware of all SDK clients. Each client has its own types, which do not differ in what
// this package uses.

/** The next step of a call. Its arguments are passed on unchanged. */
type Next = (args: never) => Promise<unknown>;

export type Middleware = (next: Next, context: Readonly<{ commandName?: string }>) => Next;

type Place<Step extends string> = Readonly<{ step: Step; priority: "low" | "high"; name: string; override: true }>;

/** Any client of the SDK. */
export type SdkClient = Readonly<{
  middlewareStack: {
    /** Outermost step: around all attempts of a call. */
    add(middleware: Middleware, place: Place<"initialize">): void;
    /** Innermost step: one attempt and its raw answer. */
    add(middleware: Middleware, place: Place<"deserialize">): void;
  };
  config: Readonly<{
    credentials(
      options?: Readonly<{ forceRefresh: boolean }>,
    ): Promise<Readonly<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string }>>;
  }>;
}>;
