/**
 * Addresses in and out of text. Inside the library an IPv4 address is an **int32** (a table key that stays a small
 * integer in V8; 192.168.77.11 is negative), a MAC address a number of 48 bits, an IPv6 address sixteen bytes.
 */

/** Every station on the link (IEEE 802 §8.2). */
export const BROADCAST_MAC = 0xffffffffffff;

/** The MAC address at `at` as a 48-bit number. */
export function macAt(view: DataView, at: number): number {
  return view.getUint16(at) * 0x100000000 + view.getUint32(at + 2);
}

export function setMacAt(view: DataView, at: number, mac: number): void {
  view.setUint16(at, mac / 0x100000000);
  view.setUint32(at + 2, mac);
}

/** True for broadcast and multicast addresses: the group bit (IEEE 802 §8.2) is set. */
export function isGroupMac(mac: number): boolean {
  return (Math.floor(mac / 0x10000000000) & 1) === 1;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** `02:42:0a:00:09:03` */
export function formatMac(mac: number): string {
  const high = Math.floor(mac / 0x1000000);
  const low = mac % 0x1000000;
  return `${HEX[high >>> 16]}:${HEX[(high >>> 8) & 255]}:${HEX[high & 255]}:${HEX[low >>> 16]}:${HEX[(low >>> 8) & 255]}:${HEX[low & 255]}`;
}

/** Reads `02:42:0a:00:09:03` (or with `-`). Answers undefined for anything else. */
export function parseMac(text: string): number | undefined {
  if (!/^[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}$/i.test(text)) return undefined;
  return Number.parseInt(text.replaceAll(/[:-]/g, ""), 16);
}

/** `10.0.9.3`. Takes the address as int32 or uint32. */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/**
 * Reads `10.0.9.3` as an int32. Four decimal parts, no leading zeros: `010.0.9.3` is octal to some programs and
 * decimal to others, so it is refused. Answers undefined for anything else.
 */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part)) return undefined;
    const byte = Number(part);
    if (byte > 255) return undefined;
    address = (address << 8) | byte;
  }
  return address;
}

/** Sixteen bytes as RFC 5952 writes them: `fe80::42:aff:fe00:903`. */
export function formatIpv6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, index) => (bytes[index * 2]! << 8) | bytes[index * 2 + 1]!);
  // RFC 5952 §4.2: the longest run of two or more zero words becomes "::", the first of equal ones.
  let runAt = -1;
  let runLength = 1;
  for (let index = 0; index < 8; ) {
    let next = index;
    while (next < 8 && words[next] === 0) next++;
    if (next - index > runLength) {
      runAt = index;
      runLength = next - index;
    }
    index = Math.max(next, index + 1);
  }
  // RFC 5952 §5: an IPv4-mapped address shows the IPv4 address.
  if (runAt === 0 && runLength === 5 && words[5] === 0xffff) {
    return `::ffff:${formatIpv4((words[6]! << 16) | words[7]!)}`;
  }
  const text = (part: readonly number[]) => part.map((word) => word.toString(16)).join(":");
  return runAt < 0 ? text(words) : `${text(words.slice(0, runAt))}::${text(words.slice(runAt + runLength))}`;
}

/** Reads the textual forms of RFC 4291 §2.2, without a zone. Answers undefined for anything else. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const words = (half: string, isLast: boolean): number[] | undefined => {
    if (half === "") return [];
    const out: number[] = [];
    const parts = half.split(":");
    for (const [index, part] of parts.entries()) {
      if (/^[0-9a-f]{1,4}$/i.test(part)) out.push(Number.parseInt(part, 16));
      else {
        const ipv4 = isLast && index === parts.length - 1 ? parseIpv4(part) : undefined;
        if (ipv4 === undefined) return undefined;
        out.push(ipv4 >>> 16, ipv4 & 0xffff);
      }
    }
    return out;
  };
  const head = words(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? words(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const gap = 8 - head.length - tail.length;
  if (halves.length === 2 ? gap < 1 : gap !== 0) return undefined;
  const all = [...head, ...Array.from({ length: gap }, () => 0), ...tail];
  return Uint8Array.from(all.flatMap((word) => [word >>> 8, word & 255]));
}
