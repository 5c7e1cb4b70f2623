// AWS process: the AWS of the benches in a process of its own, so that its work is not the worker's. The bench tells it what to
// do through the channel of Bun's processes; its first message is its endpoint.

import { Aws, modelLatency, noLatency } from "../aws/aws.ts";
import { type Account, type Shipment, Traffic } from "../aws/traffic.ts";

export type AwsOrder =
  | { readonly kind: "clear"; readonly domains: readonly string[]; readonly latency: boolean }
  | { readonly kind: "send"; readonly shipment: Shipment }
  | { readonly kind: "account" };

export type AwsNews =
  | { readonly kind: "started"; readonly endpoint: string }
  | { readonly kind: "done" }
  /** `at`: milliseconds since 1970. */
  | { readonly kind: "first-receive" | "warm" | "empty"; readonly at: number }
  | { readonly kind: "account"; readonly account: Account };

const tell = (news: AwsNews) => process.send?.(news);
const certificate = process.env["BENCH_CERTIFICATE"];
const aws: Aws = new Aws({
  ...(certificate !== undefined && { certificate: JSON.parse(certificate) as { key: string; cert: string } }),
  watch: {
    called: (operation) => traffic.called(operation),
    handedOut: (id) => traffic.handedOut(id),
    deleted: (id) => traffic.deleted(id),
    marked: (_, status) => traffic.marked(status),
  },
});
const traffic = new Traffic(aws, (kind) => tell({ kind, at: performance.timeOrigin + performance.now() }));

process.on("message", (order: AwsOrder) => void obey(order));
process.on("disconnect", () => process.exit(0));
tell({ kind: "started", endpoint: aws.endpoint });

async function obey(order: AwsOrder): Promise<void> {
  switch (order.kind) {
    case "clear":
      aws.latencies = order.latency ? modelLatency : noLatency;
      traffic.clear(order.domains);
      return void tell({ kind: "done" });
    case "send":
      await traffic.send(order.shipment);
      return void tell({ kind: "done" });
    case "account":
      return void tell({ kind: "account", account: traffic.account() });
  }
}
