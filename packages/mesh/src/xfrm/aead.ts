/**
 * The cipher of a security association, as whoever runs the mesh gives it: the mesh has none of its own, and a browser
 * has another one than Node.
 */

/** AES in Galois/counter mode with one key (NIST SP 800-38D), as RFC 4106 uses it. */
export interface Aead {
  /**
   * Encrypts bytes `from` to `to` in place, and writes the tag, as long as the maker was told, behind them. The eight
   * bytes at `aadAt` are authenticated as they are.
   */
  seal(bytes: Uint8Array, aadAt: number, from: number, to: number, nonce: Uint8Array): void;
  /** Decrypts them in place. False if the tag behind them is not theirs; what they hold then is nobody's business. */
  open(bytes: Uint8Array, aadAt: number, from: number, to: number, nonce: Uint8Array): boolean;
}

/** A cipher for a key of 16 bytes, with tags of `tagLength` bytes. */
export type AeadMaker = (key: Uint8Array, tagLength: number) => Aead;
