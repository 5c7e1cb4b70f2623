/**
 * New mail: the auto-reply, the forward, and the stand-in for a forward that SES would refuse. Equal input gives equal octets.
 *
 * @module
 */

export type { Content, Draft, OpenedMail } from "./content.ts";
export { composeForward, type ForwardFields, type ForwardInput, readForwardFields } from "./forward.ts";
export { mailDate, references } from "./generated-header.ts";
export { keptNames } from "./kept-fields.ts";
export { type Quotation, quotationOf } from "./quotation.ts";
export { composeReply, type ReplyInput } from "./reply.ts";
export { composeStandIn, type Obstacle, type Unforwardable } from "./stand-in.ts";
