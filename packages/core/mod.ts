export * from "./result.ts";
export * from "./address.ts";
export * from "./header.ts";
export * from "./effect.ts";
export * from "./inquiry.ts";
export * from "./notice.ts";
export * from "./verdict.ts";
export * from "./ports.ts";
