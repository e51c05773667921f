/**
 * What can be wrong with a capture file, as one error class with stable codes. A reader hands out every good record
 * first; then it throws exactly one of these and has ended.
 */

/** Stable codes. The text says when each is used; messages add what was found, what was expected and where. */
export const CaptureErrorCode = {
  ERR_CAPTURE_OPEN: "the file cannot be opened or created",
  ERR_CAPTURE_READ: "the source failed while it was read",
  ERR_CAPTURE_WRITE: "the target failed while it was written",
  ERR_CAPTURE_BUFFER_TOO_SMALL: "a record does not fit into the buffer that the caller brought",
  ERR_CAPTURE_TIME_RANGE: "a time cannot be written with the target's resolution and offset",
  ERR_NOT_A_CAPTURE: "the first bytes are those of no capture format, or there are none",
  ERR_COMPRESSION_UNSUPPORTED: "compressed in a way that cannot be read here",
  ERR_COMPRESSED_TRUNCATED: "the compressed stream is cut",
  ERR_COMPRESSED_CORRUPT: "the compressed stream is damaged",
  ERR_PCAP_TRUNCATED_HEADER: "the file ends within the pcap file header",
  ERR_PCAP_VERSION: "a version of pcap that is not 2.4",
  ERR_PCAP_LINK_TYPE: "reserved bits of the link type are set",
  ERR_PCAP_TRUNCATED_RECORD: "the file ends within a packet record",
  ERR_PCAP_PACKET_TOO_LARGE: "a captured length above what the link type allows",
  ERR_PCAPNG_TRUNCATED_BLOCK: "the file ends within a block",
  ERR_PCAPNG_BLOCK_LENGTH: "a block's total length is impossible, or differs between its two ends",
  ERR_PCAPNG_BLOCK_BODY: "a block's fields contradict its length",
  ERR_PCAPNG_BYTE_ORDER: "a section header's byte-order magic is wrong",
  ERR_PCAPNG_VERSION: "a version of pcapng that is not 1.0",
  ERR_PCAPNG_INTERFACE: "a packet of an interface that its section did not describe",
  ERR_PCAPNG_PACKET_TOO_LARGE: "a captured length above what the link type allows",
  ERR_PCAPNG_TOO_MANY: "more sections or interfaces than any real capture has",
} as const;
export type CaptureErrorCode = keyof typeof CaptureErrorCode;

export interface CaptureErrorInit {
  readonly code: CaptureErrorCode;
  /** What the capture is called: a path, or a word such as `stdin`. */
  readonly file: string;
  /** Byte offset in the file, after decompression, of the record, block or field that is wrong. */
  readonly offset: number;
  /** One sentence without file and offset. */
  readonly problem: string;
  readonly cause?: unknown;
}

/** `lab.pcap: byte 1234: record 17 needs 130 bytes, there are 57` */
export class CaptureError extends Error {
  override readonly name: string = "CaptureError";
  readonly code: CaptureErrorCode;
  readonly file: string;
  /** Bytes from the start of the file, after decompression. */
  readonly offset: number;
  /** The message without file and offset. */
  readonly problem: string;

  constructor(init: CaptureErrorInit) {
    super(
      `${init.file}: byte ${init.offset}: ${init.problem}`,
      init.cause === undefined ? undefined : { cause: init.cause },
    );
    this.code = init.code;
    this.file = init.file;
    this.offset = init.offset;
    this.problem = init.problem;
  }
}

/** Turns what the operating system reports into a {@link CaptureError}; one that is one already stays as it is. */
export function ioError(code: CaptureErrorCode, file: string, offset: number, cause: unknown): CaptureError {
  if (cause instanceof CaptureError) return cause;
  return new CaptureError({
    code,
    file,
    offset,
    problem: cause instanceof Error ? cause.message : String(cause),
    cause,
  });
}

/** `0x0a0d0d0a` */
export function hex32(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, "0")}`;
}
