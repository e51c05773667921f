/** What IPVS counts for a destination, a service, and all together (Linux struct ip_vs_kstats). */
export class IpVsStats {
  connections = 0;
  inPackets = 0;
  outPackets = 0;
  inBytes = 0;
  outBytes = 0;

  /** `ipvsadm -Z` (ip_vs_zero_stats). */
  reset(): void {
    this.connections = 0;
    this.inPackets = 0;
    this.outPackets = 0;
    this.inBytes = 0;
    this.outBytes = 0;
  }

  countIn(bytes: number): void {
    this.inPackets++;
    this.inBytes += bytes;
  }

  countOut(bytes: number): void {
    this.outPackets++;
    this.outBytes += bytes;
  }
}
