// All that the core may use of a platform: the two text codecs that every JavaScript runtime has. Nothing else is declared, so
// code that uses a clock, a socket, a file or an environment variable does not compile in this package.
declare class TextDecoder {
  constructor(label?: string, options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean });
  readonly encoding: string;
  decode(input?: Uint8Array, options?: { readonly stream?: boolean }): string;
}
declare class TextEncoder {
  encode(input?: string): Uint8Array;
}
