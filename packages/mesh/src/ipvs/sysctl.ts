/**
 * net.ipv4.vs.* of a namespace (Linux net/netfilter/ipvs/ip_vs_ctl.c, vs_vars).
 *
 * Not modelled: what any but the first four does; they say what they are.
 */

const DEFAULTS: Readonly<Record<string, string>> = {
  conntrack: "0",
  conn_reuse_mode: "1",
  expire_nodest_conn: "0",
  expire_quiescent_template: "0",
  amemthresh: "1024",
  am_droprate: "10",
  drop_entry: "0",
  drop_packet: "0",
  secure_tcp: "0",
  snat_reroute: "1",
  sync_version: "1",
  sync_ports: "1",
  sync_persist_mode: "0",
  sync_sock_size: "0",
  cache_bypass: "0",
  sloppy_tcp: "0",
  sloppy_sctp: "0",
  sync_threshold: "3\t50",
  sync_refresh_period: "0",
  sync_retries: "0",
  nat_icmp_send: "0",
  pmtu_disc: "1",
  backup_only: "0",
  schedule_icmp: "0",
  ignore_tunneled: "0",
  run_estimation: "1",
};

const PREFIX = "net.ipv4.vs.";

/** Without the prefix; undefined: it is no parameter of IPVS. */
export function ipVsParameter(name: string): string | undefined {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined;
}

/** What a namespace in which nothing has been set says; undefined: there is no such parameter. */
export function defaultOf(name: string): string | undefined {
  return Object.hasOwn(DEFAULTS, name) ? DEFAULTS[name] : undefined;
}

export class IpVsSysctls {
  /** Entries of the connection tracking table are kept up. */
  conntrack = false;
  /** 0: a client that uses a port again goes where it went; 1: somewhere new if that connection is over. */
  conn_reuse_mode = 1;
  /** Connections end with their destination; otherwise what they send is dropped. */
  expire_nodest_conn = false;
  /** Of persistence, which is not modelled. */
  expire_quiescent_template = false;

  get(name: string): string | undefined {
    switch (name) {
      case "conntrack":
      case "expire_nodest_conn":
      case "expire_quiescent_template":
        return this[name] ? "1" : "0";
      case "conn_reuse_mode":
        return String(this.conn_reuse_mode);
      default:
        return defaultOf(name);
    }
  }

  /** False if it cannot be set to that here. */
  set(name: string, value: number): boolean {
    switch (name) {
      case "conntrack":
      case "expire_nodest_conn":
      case "expire_quiescent_template":
        this[name] = value !== 0;
        return true;
      case "conn_reuse_mode":
        this.conn_reuse_mode = value;
        return true;
      default:
        return defaultOf(name) === String(value);
    }
  }
}
