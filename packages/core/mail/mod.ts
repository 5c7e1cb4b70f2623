/**
 * Reading and writing mail (RFC 5322, MIME): octets are kept as they came, parsed values are views of them. Addresses,
 * header blocks, encoded words, MIME parameters, attachment names, readable text, DSNs, the keyed loop mark.
 *
 * @module
 */

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
export { AttachmentScanner, scanAttachments } from "./attachments.ts";
export { readableText } from "./body-text.ts";
export { type Dsn, readDsn } from "./dsn.ts";
export { decodeWords, encodeWords } from "./encoded-word.ts";
export {
  fieldsOf,
  fieldValue,
  firstValue,
  type HeaderBlock,
  type HeaderDefect,
  type HeaderField,
  type HeaderSplit,
  maxFields,
  maxHeader,
  maxValue,
  splitHeader,
  valuesOf,
} from "./header.ts";
export { type HeaderEdit, renderBlock } from "./header-edit.ts";
export { type FieldValue, mailboxValue, renderField, safeText, writeBlock } from "./header-write.ts";
export { type HtmlReading, textOfHtml } from "./html-text.ts";
export { type LoopMark, loopMark, readLoopMark } from "./loop-mark.ts";
export { hopsOf, idsOf, isEditable, isReadable, type Mail, mailboxesOf, messageIdOf, openMail, subjectOf } from "./mail.ts";
export { type Mailbox, parseMailboxes } from "./mailbox.ts";
export { type Parameter, type ParameterList, parameterTexts, parseParameters, writeParameters } from "./mime-parameter.ts";
export { quotedPrintable } from "./quoted-printable.ts";
export { truncateLine, truncateText } from "./truncate.ts";
