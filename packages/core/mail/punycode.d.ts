// The punycode package has no types. Only what address.ts uses is declared here.
declare module "punycode/punycode.es6.js" {
  export function toASCII(domain: string): string;
  export function toUnicode(domain: string): string;
}
