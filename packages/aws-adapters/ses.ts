// Sending alone: a worker loads it with the first mail that goes out through SES.

export { sesClients } from "./ses-clients.ts";
export { SesCourier, type SesCourierOptions } from "./ses-courier.ts";
