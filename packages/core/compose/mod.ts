/**
 * Outgoing mail: the auto-reply, the forward, and the stand-in for a forward that SES would refuse. Equal input gives equal octets,
 * so every attempt sends the same mail. No function sends anything.
 *
 * @module
 */

// Generated mails.
export { composeReply, type ReplyInput } from "./reply.ts";
export { type Quotation, quotationOf } from "./quotation.ts";
export { composeForward, type ForwardFields, type ForwardInput, type LeftOut, readForwardFields } from "./forward.ts";
export { composeStandIn, type SesRefusal, type Unforwardable } from "./stand-in.ts";

export { composeDraft, draftOctets, type Recipe } from "./recipe.ts";

// The octets that go out.
export type { Content, Draft, OpenedMail } from "./content.ts";
export { mailDate } from "./generated-header.ts";
