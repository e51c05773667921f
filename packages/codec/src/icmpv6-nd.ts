/**
 * IPv6 neighbor discovery (RFC 4861 §4): the five ICMPv6 messages and their options.
 *
 *      0         1         2         3         4         5         6         7
 * +---------+---------+---------+---------+---------+---------+---------+---------+
 * |  Type   |  Code   |     Checksum      |  reserved; NA: R S O; RA: hop limit,  |
 * |         |         |                   |      M O ..., router lifetime         |
 * +---------+---------+---------+---------+---------+---------+---------+---------+
 *   router solicitation 133   options at 8
 *   router advertisement 134  reachable time at 8, retransmission timer at 12, options at 16
 *   neighbor solicitation 135, advertisement 136    target at 8, options at 24
 *   redirect 137              target at 8, destination at 24, options at 40
 *
 * Option:  | Type | Length in units of 8 bytes | data ... |
 *
 * Offsets are those of the ICMPv6 message. Checksum and code are icmpv6.ts's.
 * Not covered beyond their raw bytes: other options (RDNSS, DNSSL, route information, nonce ...).
 */
import { formatIpv6, formatMac, macAt, setMacAt } from "./address.ts";
import { bytesAt, joined } from "./bytes.ts";
import { requireBits } from "./encode.ts";
import { type Field, field } from "./field.ts";
import { ADDRESS_LENGTH, addressAt, requireAddress, setAddressAt } from "./ipv6.ts";
import { Status } from "./status.ts";

export const NdType = {
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighborSolicitation: 135,
  neighborAdvertisement: 136,
  redirect: 137,
} as const;

/** IANA, "IPv6 Neighbor Discovery Option Formats". */
export const NdOptionType = {
  sourceLinkLayerAddress: 1,
  targetLinkLayerAddress: 2,
  prefixInformation: 3,
  redirectedHeader: 4,
  mtu: 5,
} as const;

/** Bits of {@link neighborFlags} (RFC 4861 §4.4). */
export const NeighborFlag = { router: 0x80, solicited: 0x40, override: 0x20 } as const;
/** Bits of {@link routerFlags} (RFC 4861 §4.2). */
export const RouterFlag = { managed: 0x80, other: 0x40 } as const;
/** Bits of a prefix information option's flags (RFC 4861 §4.6.2). */
export const PrefixFlag = { onLink: 0x80, autonomous: 0x40 } as const;

const RESERVED: Field = field("reserved", 32, 32, "", "hex");

/** Fields behind type, code and checksum; options are not part of it. */
export const layouts: Readonly<Record<number, readonly Field[]>> = {
  [NdType.routerSolicitation]: [RESERVED],
  [NdType.routerAdvertisement]: [
    field("currentHopLimit", 32, 8, "icmpv6.nd.ra.cur_hop_limit"),
    field("routerFlags", 40, 8, "icmpv6.nd.ra.flag", "hex"),
    field("routerLifetime", 48, 16, "icmpv6.nd.ra.router_lifetime"),
    field("reachableTime", 64, 32, "icmpv6.nd.ra.reachable_time"),
    field("retransmissionTimer", 96, 32, "icmpv6.nd.ra.retrans_timer"),
  ],
  [NdType.neighborSolicitation]: [RESERVED, field("target", 64, 128, "icmpv6.nd.ns.target_address", "ipv6")],
  // Wireshark's icmpv6.nd.na.flag has the reserved bits, too.
  [NdType.neighborAdvertisement]: [
    field("neighborFlags", 32, 8, "", "hex"),
    field("target", 64, 128, "icmpv6.nd.na.target_address", "ipv6"),
  ],
  [NdType.redirect]: [
    RESERVED,
    field("target", 64, 128, "icmpv6.nd.rd.target_address", "ipv6"),
    field("destination", 192, 128, "icmpv6.rd.na.destination_address", "ipv6"),
  ],
};

/** True for the types of this file. */
export function isNd(type: number): boolean {
  return type >= NdType.routerSolicitation && type <= NdType.redirect;
}

/** Offset of the options from the start of the message, for a type that {@link isNd} takes. */
export function optionsOffset(type: number): number {
  switch (type) {
    case NdType.routerSolicitation:
      return 8;
    case NdType.routerAdvertisement:
      return 16;
    case NdType.redirect:
      return 40;
    default:
      return 24;
  }
}

/**
 * Message and options lie inside [at, end); a node must discard one with an option of length 0 (RFC 4861 §4.6). After
 * `ok`, the accessors of the message's type are safe. Needs the ICMPv6 header's own check.
 */
export function check(view: DataView, at: number, end: number): Status {
  const length = messageLength(view, at, end);
  if (length < 0) return Status.badOption;
  return length > end - at ? Status.truncated : Status.ok;
}

/** Bytes the message needs, as far as [at, end) can tell; -1 if an option's length contradicts its type. */
export function messageLength(view: DataView, at: number, end: number): number {
  let from = at + optionsOffset(view.getUint8(at));
  while (from < end) {
    if (end - from < 2) return from + 2 - at;
    const length = view.getUint8(from + 1) << 3;
    if (!fits(view.getUint8(from), length)) return -1;
    from += length;
  }
  return from - at;
}

function fits(type: number, length: number): boolean {
  switch (type) {
    case NdOptionType.prefixInformation:
      return length === 32;
    case NdOptionType.mtu:
      return length === 8;
    default:
      return length !== 0;
  }
}

/** The 32 bits behind the checksum of a solicitation or redirect; must be zero when sent. */
export function reserved(view: DataView, at: number): number {
  return view.getUint32(at + 4);
}

/** RFC 4861 §4.2, "Cur Hop Limit"; 0 says nothing. */
export function currentHopLimit(view: DataView, at: number): number {
  return view.getUint8(at + 4);
}

/** Of a router advertisement: see {@link RouterFlag}. */
export function routerFlags(view: DataView, at: number): number {
  return view.getUint8(at + 5);
}

/** Seconds; 0: not a default router. */
export function routerLifetime(view: DataView, at: number): number {
  return view.getUint16(at + 6);
}

/** Milliseconds, uint32; 0 says nothing. */
export function reachableTime(view: DataView, at: number): number {
  return view.getUint32(at + 8);
}

/** Milliseconds between retransmitted solicitations, uint32; 0 says nothing. */
export function retransmissionTimer(view: DataView, at: number): number {
  return view.getUint32(at + 12);
}

/** Of a neighbor advertisement: see {@link NeighborFlag}. */
export function neighborFlags(view: DataView, at: number): number {
  return view.getUint8(at + 4);
}

/** Target of a neighbor message or redirect, as a copy of its sixteen bytes: allocates. */
export function target(view: DataView, at: number): Uint8Array {
  return addressAt(view, at + 8);
}

/** Destination of a redirect, as a copy of its sixteen bytes: allocates. */
export function destination(view: DataView, at: number): Uint8Array {
  return addressAt(view, at + 24);
}

export function setNeighborFlags(view: DataView, at: number, flags: number): void {
  view.setUint8(at + 4, flags);
}

export function setTarget(view: DataView, at: number, address: Uint8Array): void {
  setAddressAt(view, at + 8, address);
}

export function setDestination(view: DataView, at: number, address: Uint8Array): void {
  setAddressAt(view, at + 24, address);
}

/** Offset of the first option of that type, or -1, in a message that passed {@link check}. */
export function findOption(view: DataView, at: number, end: number, type: number): number {
  for (let from = at + optionsOffset(view.getUint8(at)); from < end; from += view.getUint8(from + 1) << 3) {
    if (view.getUint8(from) === type) return from;
  }
  return -1;
}

/** MAC address of the link-layer address option found at `at`, where links are Ethernet (RFC 2464 §6). */
export function linkLayerAddress(view: DataView, at: number): number {
  return macAt(view, at + 2);
}

/** RFC 4861 §4.6.4, of the option found at `at`: bytes, uint32. */
export function mtu(view: DataView, at: number): number {
  return view.getUint32(at + 4);
}

export type NdOption =
  /** Eight bytes long, as Ethernet's are; longer ones are raw. */
  | { readonly option: "sourceLinkLayerAddress" | "targetLinkLayerAddress"; readonly mac: number }
  | {
      readonly option: "prefixInformation";
      /** Bits, 0 to 128. */
      readonly prefixLength: number;
      /** See {@link PrefixFlag}. */
      readonly flags: number;
      /** Seconds; 0xffffffff: forever. */
      readonly validLifetime: number;
      readonly preferredLifetime: number;
      readonly reserved: number;
      readonly prefix: Uint8Array;
    }
  /** `reserved` are six bytes; `data` is the redirected packet, as much as there is. */
  | { readonly option: "redirectedHeader"; readonly reserved: Uint8Array; readonly data: Uint8Array }
  | { readonly option: "mtu"; readonly reserved: number; readonly mtu: number }
  | { readonly option: "raw"; readonly type: number; readonly data: Uint8Array };

export type NdMessage =
  | { readonly message: "routerSolicitation"; readonly reserved: number; readonly options: readonly NdOption[] }
  | {
      readonly message: "routerAdvertisement";
      readonly currentHopLimit: number;
      readonly routerFlags: number;
      /** Seconds. */
      readonly routerLifetime: number;
      /** Milliseconds. */
      readonly reachableTime: number;
      /** Milliseconds. */
      readonly retransmissionTimer: number;
      readonly options: readonly NdOption[];
    }
  | {
      readonly message: "neighborSolicitation";
      readonly reserved: number;
      readonly target: Uint8Array;
      readonly options: readonly NdOption[];
    }
  | {
      readonly message: "neighborAdvertisement";
      readonly neighborFlags: number;
      /** The 24 bits behind the flags' byte. */
      readonly reserved: number;
      readonly target: Uint8Array;
      readonly options: readonly NdOption[];
    }
  | {
      readonly message: "redirect";
      readonly reserved: number;
      readonly target: Uint8Array;
      readonly destination: Uint8Array;
      readonly options: readonly NdOption[];
    };

/** Plain value of a checked message. */
export function plain(view: DataView, at: number, end: number): NdMessage {
  const type = view.getUint8(at);
  const options = plainOptions(view, at + optionsOffset(type), end);
  switch (type) {
    case NdType.routerSolicitation:
      return { message: "routerSolicitation", reserved: reserved(view, at), options };
    case NdType.routerAdvertisement:
      return {
        message: "routerAdvertisement",
        currentHopLimit: currentHopLimit(view, at),
        routerFlags: routerFlags(view, at),
        routerLifetime: routerLifetime(view, at),
        reachableTime: reachableTime(view, at),
        retransmissionTimer: retransmissionTimer(view, at),
        options,
      };
    case NdType.neighborSolicitation:
      return { message: "neighborSolicitation", reserved: reserved(view, at), target: target(view, at), options };
    case NdType.neighborAdvertisement:
      return {
        message: "neighborAdvertisement",
        neighborFlags: neighborFlags(view, at),
        reserved: reserved(view, at) & 0xffffff,
        target: target(view, at),
        options,
      };
    default:
      return {
        message: "redirect",
        reserved: reserved(view, at),
        target: target(view, at),
        destination: destination(view, at),
        options,
      };
  }
}

function plainOptions(view: DataView, at: number, end: number): readonly NdOption[] {
  const options: NdOption[] = [];
  for (let from = at; from < end; from += view.getUint8(from + 1) << 3) options.push(plainOption(view, from));
  return options;
}

function plainOption(view: DataView, at: number): NdOption {
  const type = view.getUint8(at);
  const length = view.getUint8(at + 1) << 3;
  switch (type) {
    case NdOptionType.sourceLinkLayerAddress:
    case NdOptionType.targetLinkLayerAddress:
      if (length !== 8) break;
      return {
        option: type === NdOptionType.sourceLinkLayerAddress ? "sourceLinkLayerAddress" : "targetLinkLayerAddress",
        mac: linkLayerAddress(view, at),
      };
    case NdOptionType.prefixInformation:
      return {
        option: "prefixInformation",
        prefixLength: view.getUint8(at + 2),
        flags: view.getUint8(at + 3),
        validLifetime: view.getUint32(at + 4),
        preferredLifetime: view.getUint32(at + 8),
        reserved: view.getUint32(at + 12),
        prefix: addressAt(view, at + 16),
      };
    case NdOptionType.redirectedHeader:
      return {
        option: "redirectedHeader",
        reserved: bytesAt(view, at + 2, at + 8),
        data: bytesAt(view, at + 8, at + length),
      };
    case NdOptionType.mtu:
      return { option: "mtu", reserved: view.getUint16(at + 2), mtu: mtu(view, at) };
  }
  return { option: "raw", type, data: bytesAt(view, at + 2, at + length) };
}

/** The message's bytes from its type on, code and checksum zero. */
export function encode(nd: NdMessage): Uint8Array {
  const type = NdType[nd.message];
  const bytes = joined(nd.options.map(encodeOption), optionsOffset(type));
  const view = new DataView(bytes.buffer);
  bytes[0] = type;
  if (nd.message === "routerAdvertisement") {
    requireBits("nd currentHopLimit", nd.currentHopLimit, 8);
    requireBits("nd routerFlags", nd.routerFlags, 8);
    requireBits("nd routerLifetime", nd.routerLifetime, 16);
    requireBits("nd reachableTime", nd.reachableTime, 32);
    requireBits("nd retransmissionTimer", nd.retransmissionTimer, 32);
    bytes.set([nd.currentHopLimit, nd.routerFlags], 4);
    view.setUint16(6, nd.routerLifetime);
    view.setUint32(8, nd.reachableTime);
    view.setUint32(12, nd.retransmissionTimer);
    return bytes;
  }
  requireBits("nd reserved", nd.reserved, nd.message === "neighborAdvertisement" ? 24 : 32);
  view.setUint32(4, nd.reserved);
  if (nd.message === "routerSolicitation") return bytes;
  requireAddress("nd target", nd.target);
  setTarget(view, 0, nd.target);
  if (nd.message === "neighborAdvertisement") {
    requireBits("nd neighborFlags", nd.neighborFlags, 8);
    setNeighborFlags(view, 0, nd.neighborFlags);
  } else if (nd.message === "redirect") {
    requireAddress("nd destination", nd.destination);
    setDestination(view, 0, nd.destination);
  }
  return bytes;
}

/** An option is a multiple of eight bytes: data that is not gets zeros. */
function encodeOption(option: NdOption): Uint8Array {
  switch (option.option) {
    case "sourceLinkLayerAddress":
    case "targetLinkLayerAddress": {
      const { bytes, view } = blank(NdOptionType[option.option], 8);
      requireBits("nd mac", option.mac, 48);
      setMacAt(view, 2, option.mac);
      return bytes;
    }
    case "prefixInformation": {
      const { bytes, view } = blank(NdOptionType.prefixInformation, 16 + ADDRESS_LENGTH);
      requireBits("nd prefixLength", option.prefixLength, 8);
      requireBits("nd prefix flags", option.flags, 8);
      requireBits("nd validLifetime", option.validLifetime, 32);
      requireBits("nd preferredLifetime", option.preferredLifetime, 32);
      requireBits("nd prefix reserved", option.reserved, 32);
      requireAddress("nd prefix", option.prefix);
      bytes.set([option.prefixLength, option.flags], 2);
      view.setUint32(4, option.validLifetime);
      view.setUint32(8, option.preferredLifetime);
      view.setUint32(12, option.reserved);
      bytes.set(option.prefix, 16);
      return bytes;
    }
    case "redirectedHeader": {
      if (option.reserved.length !== 6)
        throw new RangeError(`nd reserved has ${option.reserved.length} bytes, expected 6`);
      const { bytes } = blank(NdOptionType.redirectedHeader, 8 + option.data.length);
      bytes.set(option.reserved, 2);
      bytes.set(option.data, 8);
      return bytes;
    }
    case "mtu": {
      const { bytes, view } = blank(NdOptionType.mtu, 8);
      requireBits("nd option reserved", option.reserved, 16);
      requireBits("nd mtu", option.mtu, 32);
      view.setUint16(2, option.reserved);
      view.setUint32(4, option.mtu);
      return bytes;
    }
    case "raw": {
      requireBits("nd option type", option.type, 8);
      const { bytes } = blank(option.type, 2 + option.data.length);
      bytes.set(option.data, 2);
      return bytes;
    }
  }
}

function blank(type: number, length: number): { readonly bytes: Uint8Array; readonly view: DataView } {
  const units = (length + 7) >> 3;
  requireBits("nd option length", units, 8);
  const bytes = new Uint8Array(units << 3);
  bytes.set([type, units]);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** `neighbor solicitation who has fe80::42:aff:fe00:903, source 02:42:0a:00:09:05` */
export function format(view: DataView, at: number, end: number): string {
  const nd = plain(view, at, end);
  return [formatMessage(nd), ...nd.options.map(formatOption)].join(", ");
}

function formatMessage(nd: NdMessage): string {
  switch (nd.message) {
    case "routerSolicitation":
      return "router solicitation";
    case "routerAdvertisement": {
      const managed = (nd.routerFlags & RouterFlag.managed) === 0 ? "" : " managed";
      const other = (nd.routerFlags & RouterFlag.other) === 0 ? "" : " other";
      return `router advertisement hop limit ${nd.currentHopLimit} lifetime ${nd.routerLifetime}s${managed}${other}`;
    }
    case "neighborSolicitation":
      return `neighbor solicitation who has ${formatIpv6(nd.target)}`;
    case "neighborAdvertisement": {
      const router = (nd.neighborFlags & NeighborFlag.router) === 0 ? "" : " router";
      const solicited = (nd.neighborFlags & NeighborFlag.solicited) === 0 ? "" : " solicited";
      const override = (nd.neighborFlags & NeighborFlag.override) === 0 ? "" : " override";
      return `neighbor advertisement ${formatIpv6(nd.target)}${router}${solicited}${override}`;
    }
    case "redirect":
      return `redirect ${formatIpv6(nd.destination)} to ${formatIpv6(nd.target)}`;
  }
}

function formatOption(option: NdOption): string {
  switch (option.option) {
    case "sourceLinkLayerAddress":
      return `source ${formatMac(option.mac)}`;
    case "targetLinkLayerAddress":
      return `target ${formatMac(option.mac)}`;
    case "prefixInformation":
      return `prefix ${formatIpv6(option.prefix)}/${option.prefixLength} valid ${option.validLifetime}s`;
    case "redirectedHeader":
      return `redirected packet (${option.data.length} bytes)`;
    case "mtu":
      return `mtu ${option.mtu}`;
    case "raw":
      return `option ${option.type} (${option.data.length} bytes)`;
  }
}
