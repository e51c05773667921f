/** The cipher that the mesh is given here: AES-GCM of node:crypto, that is OpenSSL's. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { Aead } from "@hopscope/mesh";

const ALGORITHM = "aes-128-gcm";
/** Bytes that are authenticated and not encrypted: ESP's header. */
const AAD_LENGTH = 8;

/** A cipher for a key of 16 bytes, with tags of `authTagLength` bytes. */
export function aesGcm(key: Uint8Array, authTagLength: number): Aead {
  return {
    seal(bytes, aadAt, from, to, nonce) {
      const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength });
      cipher.setAAD(bytes.subarray(aadAt, aadAt + AAD_LENGTH));
      bytes.set(cipher.update(bytes.subarray(from, to)), from);
      cipher.final();
      bytes.set(cipher.getAuthTag(), to);
    },
    open(bytes, aadAt, from, to, nonce) {
      const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength });
      decipher.setAAD(bytes.subarray(aadAt, aadAt + AAD_LENGTH));
      decipher.setAuthTag(bytes.subarray(to, to + authTagLength));
      const clear = decipher.update(bytes.subarray(from, to));
      try {
        decipher.final();
      } catch {
        return false;
      }
      bytes.set(clear, from);
      return true;
    },
  };
}
