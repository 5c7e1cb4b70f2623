// What all services share, without the clients of any.

export { AwsClock, type LocalTime } from "./aws-clock.ts";
export { type AwsBase, type AwsOptions, awsBase } from "./client-base.ts";
export type { Exchange } from "./lane.ts";
export { type Trouble, type TroubleKind, troubleOf } from "./trouble.ts";
