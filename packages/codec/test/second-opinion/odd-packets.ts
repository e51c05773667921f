/** All of them, in the order in which they stand in fixtures/pcaps/odd-packets.pcapng.gz. */
import { ODD_CONTROLS } from "./odd-controls.ts";
import { ODD_DNS } from "./odd-dns.ts";
import { ODD_LINKS } from "./odd-links.ts";
import { ODD_NETWORKS } from "./odd-networks.ts";
import type { OddPacket } from "./odd-packet.ts";
import { ODD_OVERLAYS, ODD_TRANSPORTS } from "./odd-transports.ts";

export const ODD_PACKETS: readonly OddPacket[] = [
  ...ODD_LINKS,
  ...ODD_NETWORKS,
  ...ODD_TRANSPORTS,
  ...ODD_CONTROLS,
  ...ODD_OVERLAYS,
  ...ODD_DNS,
];
