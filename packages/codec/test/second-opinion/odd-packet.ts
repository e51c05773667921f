/** A packet that the recordings do not have, with what a person reads in its bytes. */
export interface OddPacket {
  readonly name: string;
  readonly linkType: number;
  readonly bytes: Uint8Array;
  /** Names of the layers, outermost first. */
  readonly layers: string;
  /** Properties of the layers' plain values, one value for each layer of that kind. */
  readonly values: Readonly<Record<string, readonly unknown[]>>;
  /** What follows the last layer. */
  readonly payload: string;
  /** Why the walk stopped, if it did. */
  readonly status?: string;
}

export function odd(
  name: string,
  linkType: number,
  bytes: Uint8Array,
  layers: string,
  values: Readonly<Record<string, readonly unknown[]>>,
  payload: string = "",
  status?: string,
): OddPacket {
  return { name, linkType, bytes, layers, values, payload, ...(status === undefined ? {} : { status }) };
}

/** As `payload` has it. */
export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
