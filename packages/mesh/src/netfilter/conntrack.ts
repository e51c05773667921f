/** A tracked connection as frames name it (Linux struct nf_conn). */
export interface Conntrack {
  readonly id: number;
}
