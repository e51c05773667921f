/**
 * Link types of capture files: the numbers of the tcpdump.org registry (draft-ietf-opsawg-pcaplinktype), their names,
 * and how long a packet of each may be. pcap keeps the length of a frame check sequence in the same 32 bits
 * (draft-ietf-opsawg-pcap §4, "LinkType and additional information").
 *
 * Which of them can be dissected is another matter: `LinkType` of @hopscope/codec.
 */

/** Names as the registry writes them, without `LINKTYPE_`: those that hosts, containers and their tools write. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0, "NULL"],
  [1, "ETHERNET"],
  [3, "AX25"],
  [6, "IEEE802_5"],
  [7, "ARCNET_BSD"],
  [8, "SLIP"],
  [9, "PPP"],
  [10, "FDDI"],
  [12, "RAW"],
  [14, "RAW"],
  [50, "PPP_HDLC"],
  [51, "PPP_ETHER"],
  [100, "ATM_RFC1483"],
  [101, "RAW"],
  [104, "C_HDLC"],
  [105, "IEEE802_11"],
  [107, "FRELAY"],
  [108, "LOOP"],
  [113, "LINUX_SLL"],
  [117, "PFLOG"],
  [119, "IEEE802_11_PRISM"],
  [122, "IP_OVER_FC"],
  [127, "IEEE802_11_RADIOTAP"],
  [129, "ARCNET_LINUX"],
  [143, "DOCSIS"],
  [163, "IEEE802_11_AVS"],
  [166, "PPP_PPPD"],
  [177, "LINUX_LAPD"],
  [187, "BLUETOOTH_HCI_H4"],
  [189, "USB_LINUX"],
  [192, "PPI"],
  [195, "IEEE802_15_4_WITHFCS"],
  [197, "ERF"],
  [201, "BLUETOOTH_HCI_H4_WITH_PHDR"],
  [204, "PPP_WITH_DIR"],
  [219, "MPLS"],
  [220, "USB_LINUX_MMAPPED"],
  [224, "FC_2"],
  [226, "IPNET"],
  [227, "CAN_SOCKETCAN"],
  [228, "IPV4"],
  [229, "IPV6"],
  [230, "IEEE802_15_4_NOFCS"],
  [231, "DBUS"],
  [239, "NFLOG"],
  [240, "NETANALYZER"],
  [242, "IPOIB"],
  [243, "MPEG_2_TS"],
  [247, "INFINIBAND"],
  [248, "SCTP"],
  [249, "USBPCAP"],
  [251, "BLUETOOTH_LE_LL"],
  [252, "WIRESHARK_UPPER_PDU"],
  [253, "NETLINK"],
  [254, "BLUETOOTH_LINUX_MONITOR"],
  [256, "BLUETOOTH_LE_LL_WITH_PHDR"],
  [258, "PKTAP"],
  [265, "NORDIC_BLE"],
  [271, "VSOCK"],
  [276, "LINUX_SLL2"],
  [279, "EBHSCR"],
]);

/** Registry name of a link type: `ETHERNET`; a number that has none here is `LINKTYPE 147`. */
export function linkTypeName(linkType: number): string {
  return NAMES.get(linkType) ?? `LINKTYPE ${linkType}`;
}

/** Longest packet that readers believe, in bytes: libpcap's MAXIMUM_SNAPLEN. */
export const MAX_PACKET_LENGTH = 262_144;

/** Link types whose messages are longer; the limits are Wireshark's (wiretap/wtap.h, WTAP_MAX_PACKET_SIZE_*). */
const LONGER: ReadonlyMap<number, number> = new Map([
  [231, 128 * 1024 * 1024],
  [249, 128 * 1024 * 1024],
  [279, 8 * 1024 * 1024],
]);

/** Longest packet of a link type, in bytes. A greater captured length is taken for damage, whatever the snap length says. */
export function maxPacketLength(linkType: number): number {
  return LONGER.get(linkType) ?? MAX_PACKET_LENGTH;
}

const FCS_PRESENT = 0x04000000;
const RESERVED = 0x0bff0000;

/** The 32 bits at the end of a pcap file header, taken apart. */
export interface LinkTypeWord {
  readonly linkType: number;
  /** Bytes of frame check sequence at the end of each packet; undefined if the file does not say. */
  readonly fcsLength: number | undefined;
  /** Bits that must be zero; a reader should refuse a file in which they are not. */
  readonly reserved: number;
}

/** Splits a pcap link type word. The FCS length is kept in units of two bytes. */
export function splitLinkType(word: number): LinkTypeWord {
  return {
    linkType: word & 0xffff,
    fcsLength: (word & FCS_PRESENT) === 0 ? undefined : (word >>> 28) * 2,
    reserved: word & RESERVED,
  };
}

/** The reverse of {@link splitLinkType}: an FCS length is an even number of bytes up to 30. */
export function joinLinkType(linkType: number, fcsLength?: number): number {
  if (!Number.isInteger(linkType) || linkType < 0 || linkType > 0xffff) {
    throw new RangeError(`linkType is ${linkType}, expected an integer from 0 to 65535`);
  }
  if (fcsLength === undefined) return linkType;
  if (fcsLength % 2 !== 0 || fcsLength < 0 || fcsLength > 30) {
    throw new RangeError(`fcsLength is ${fcsLength}, expected an even number of bytes from 0 to 30`);
  }
  return (((fcsLength / 2) << 28) | FCS_PRESENT | linkType) >>> 0;
}
