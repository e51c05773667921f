/** Texts are what iproute2 6.1's ss printed of such sockets. */
import { parseIpv4 } from "@hopscope/codec/address";
import { describe, expect, test } from "vitest";
import { socketLines } from "../../src/inspect/print-sockets.ts";
import type { SocketRow } from "../../src/inspect/sockets.ts";

function row(protocol: "udp" | "tcp", state: string, local: string, remote = "0.0.0.0:0"): SocketRow {
  const [localIp, localPort] = local.split(":") as [string, string];
  const [remoteIp, remotePort] = remote.split(":") as [string, string];
  const ends = { localIp: parseIpv4(localIp)!, remoteIp: parseIpv4(remoteIp)! };
  return {
    protocol,
    state,
    isInet6: false,
    isIpv6Only: false,
    received: 0,
    sent: 0,
    ...ends,
    localPort: Number(localPort),
    remotePort: Number(remotePort),
  };
}

const TUNNEL = row("udp", "UNCONN", "0.0.0.0:4789");
const DNS = { ...row("udp", "UNCONN", "127.0.0.11:47112"), owner: { name: "dockerd", tgid: 1000 } };
const HTTP = { ...row("tcp", "LISTEN", "0.0.0.0:80"), sent: 9, owner: { name: "httpd", tgid: 20 } };
const SERVER = row("tcp", "ESTAB", "192.168.77.12:80", "192.168.77.12:40000");
const CLIENT = row("tcp", "ESTAB", "192.168.77.12:40000", "192.168.77.12:80");

const ALL = { header: true, processes: false, protocol: true, state: true };

describe("ss", () => {
  test.each([
    [
      "-lntu",
      [TUNNEL, DNS, HTTP],
      ALL,
      [
        "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess",
        "udp   UNCONN 0      0            0.0.0.0:4789       0.0.0.0:*          ",
        "udp   UNCONN 0      0         127.0.0.11:47112      0.0.0.0:*          ",
        "tcp   LISTEN 0      9            0.0.0.0:80         0.0.0.0:*          ",
      ],
    ],
    [
      "-Hlntu",
      [TUNNEL, DNS, HTTP],
      { ...ALL, header: false },
      [
        "udp UNCONN 0      0         0.0.0.0:4789  0.0.0.0:*",
        "udp UNCONN 0      0      127.0.0.11:47112 0.0.0.0:*",
        "tcp LISTEN 0      9         0.0.0.0:80    0.0.0.0:*",
      ],
    ],
    [
      "-ulnp, whose last line is as long as it is",
      [TUNNEL, DNS],
      { ...ALL, protocol: false, processes: true },
      [
        "State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess",
        "UNCONN 0      0            0.0.0.0:4789       0.0.0.0:*          ",
        'UNCONN 0      0         127.0.0.11:47112      0.0.0.0:*    users:(("dockerd",pid=1000,fd=3))',
      ],
    ],
    [
      "-lntup",
      [TUNNEL, DNS, HTTP],
      { ...ALL, processes: true },
      [
        "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess                           ",
        "udp   UNCONN 0      0            0.0.0.0:4789       0.0.0.0:*                                     ",
        'udp   UNCONN 0      0         127.0.0.11:47112      0.0.0.0:*    users:(("dockerd",pid=1000,fd=3))',
        'tcp   LISTEN 0      9            0.0.0.0:80         0.0.0.0:*    users:(("httpd",pid=20,fd=3))    ',
      ],
    ],
    [
      "-tan",
      [{ ...HTTP, received: 1 }, SERVER, CLIENT],
      { ...ALL, protocol: false },
      [
        "State  Recv-Q Send-Q Local Address:Port   Peer Address:Port Process",
        "LISTEN 1      9            0.0.0.0:80          0.0.0.0:*           ",
        "ESTAB  0      0      192.168.77.12:80    192.168.77.12:40000       ",
        "ESTAB  0      0      192.168.77.12:40000 192.168.77.12:80          ",
      ],
    ],
    [
      "-un",
      [row("udp", "ESTAB", "127.0.0.11:47112", "192.168.77.12:9")],
      { ...ALL, protocol: false, state: false },
      [
        "Recv-Q Send-Q Local Address:Port   Peer Address:PortProcess",
        "0      0         127.0.0.11:47112 192.168.77.12:9          ",
      ],
    ],
    ["-tn", [], { ...ALL, protocol: false }, ["State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess"]],
  ])("%s", (_, rows, style, lines) => {
    expect(socketLines(rows, style)).toEqual(lines);
  });
});
