/**
 * Mail as RFC 5322 and MIME define it: addresses, header blocks, encoded words, MIME parameters, attachment names, readable text,
 * DSNs and the loop mark. Functions read the octets of a mail and do not change them. No function does I/O.
 *
 * @module
 */

// Addresses: parse, compare, table keys.
export {
  type Address,
  type AddressKey,
  addressKey,
  asciiAddress,
  type Domain,
  domainOf,
  localPartOf,
  parseAddress,
  parseDomain,
  parseReversePath,
  type ReversePath,
  sameAddress,
  sameMailbox,
  tableKeys,
  unicodeKey,
  withoutTag,
} from "./address.ts";
export { type Mailbox, parseMailboxes } from "./mailbox.ts";
export { isSourceRoute } from "./source-route.ts";

// A mail and its header: split, read, edit, write.
export { hopsOf, idsIn, idsOf, isEditable, isReadable, type Mail, mailboxesOf, messageIdOf, openMail, subjectOf } from "./mail.ts";
export {
  fieldsOf,
  fieldValue,
  firstValue,
  type HeaderBlock,
  type HeaderDefect,
  type HeaderField,
  type HeaderSplit,
  splitHeader,
  valuesOf,
} from "./header.ts";
export { type HeaderEdit, renderBlock } from "./header-edit.ts";
export { type FieldValue, mailboxValue, renderField, safeText, writeBlock } from "./header-write.ts";
export { decodeWords, encodeWords } from "./encoded-word.ts";

// MIME: parameters, attachment names, text of the body.
export { type Parameter, type ParameterList, parameterTexts, parseParameters, writeParameters } from "./mime-parameter.ts";
export { type AttachmentScanner, scanAttachments } from "./attachments.ts";
export { readableText } from "./body-text.ts";
export { type HtmlTextOptions, textOfHtml } from "./html-text.ts";
export { quotedPrintable } from "./quoted-printable.ts";
export { truncateLine, truncateText } from "./truncate.ts";

// Delivery status notifications, and the loop mark in Sesame's own mail.
export { type Dsn, readDsn } from "./dsn.ts";
export { hasMarkOf, type LoopMark, type LoopMarks, loopMark, type MarkedMail, readLoopMarks } from "./loop-mark.ts";
