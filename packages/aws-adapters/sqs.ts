// The queues alone: what a worker needs first, without the clients of the other services.

export { queueCalls, type SqsClients, sqsClients } from "./sqs-clients.ts";
export { SqsMailQueue, type SqsMailQueueOptions } from "./sqs-mail-queue.ts";
