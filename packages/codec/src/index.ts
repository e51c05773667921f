/**
 * @hopscope/codec: bytes and fields. Protocols have subpaths (`@hopscope/codec/udp`); the root holds what they share.
 */
export type { Field, FieldForm } from "./field.ts";
export { type ChecksumStatusName, ChecksumStatus, checksumStatusName } from "./checksum.ts";
export { DEFAULT_OPTIONS, dissect, type DissectOptions } from "./dissect.ts";
export { DEFAULT_DEPTH, LayerKind, type LayerName, layerName, Layers, MAX_LAYERS } from "./layers.ts";
export type { DecodeError, LimitedBy, Result } from "./result.ts";
export { Status, type StatusName, statusName } from "./status.ts";
