/**
 * The security associations of a run as a table that Wireshark reads (its file `esp_sa`, epan/dissectors/packet-ipsec.c):
 * with it, ESP in the trace opens to what is inside.
 */
import { formatIpv4 } from "@hopscope/codec/address";
import type { Mesh } from "../build.ts";

/** How Wireshark calls rfc4106(gcm(aes)) with an ICV of 8 bytes; the key is followed by the salt. */
const ALGORITHM = "AES-GCM with 8 octet ICV [RFC4106]";

/** One line for each association that there was, also of those that are gone; empty if there was none. */
export function espSaTable(mesh: Mesh): string {
  const lines = new Set<string>();
  for (const { namespaces } of mesh.nodes.values())
    for (const { xfrm } of namespaces.values())
      for (const { srcIp, dstIp, spi, key } of xfrm?.history ?? []) {
        const id = [`0x${spi.toString(16).padStart(8, "0")}`, ALGORITHM];
        const hex = Array.from(key, (byte) => byte.toString(16).padStart(2, "0")).join("");
        const fields = ["IPv4", formatIpv4(srcIp), formatIpv4(dstIp), ...id, `0x${hex}`, "NULL", ""];
        lines.add(`${fields.map((field) => `"${field}"`).join(",")}\n`);
      }
  return [...lines].join("");
}
