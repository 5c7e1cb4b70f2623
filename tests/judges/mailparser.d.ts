// The part of mailparser that the judges use; the package brings no types.

declare module "mailparser" {
  export type Mailbox = { name: string; address?: string; group?: Mailbox[] };
  export type AddressField = { value: Mailbox[] };
  export type ParsedMail = {
    subject?: string;
    text?: string;
    html?: string | false;
    messageId?: string;
    inReplyTo?: string;
    references?: string | string[];
    date?: Date;
    headers: Map<string, unknown>;
    from?: AddressField;
    replyTo?: AddressField;
    to?: AddressField;
    cc?: AddressField;
    bcc?: AddressField;
    attachments: { contentType: string; filename?: string; checksum: string; content: Uint8Array }[];
  };
  export function simpleParser(mail: Uint8Array, options?: Record<string, boolean>): Promise<ParsedMail>;
}
