/** The kernel's WebAssembly binary, as lines of hexadecimal. */
export function compile(): Promise<string>;
