// The objects alone, without the clients of the other services.

export { objectCalls, s3Client } from "./s3-client.ts";
export { S3MailStore, type S3MailStoreOptions } from "./s3-mail-store.ts";
