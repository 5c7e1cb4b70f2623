/** @jsxImportSource hono/jsx */
import type { Hono } from "hono";
import type { LocalTools } from "./local-tools.ts";
import type { PageContext } from "./page-context.tsx";
export function tryRoutes(_app: Hono, _shared: PageContext, _local: LocalTools): void {}
