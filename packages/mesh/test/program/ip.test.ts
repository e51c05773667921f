/** `ip`, `bridge` and their older kin, as the real ones answered the same commands on Linux 6.18 (Debian 12's tools). */
import { describe, expect, test } from "vitest";
import { Veth } from "../../src/devices/veth.ts";
import type { Environment, Userland } from "../../src/program/program.ts";
import { machine } from "../engine/machine.ts";
import { environmentOf, runCommand } from "./run-command.ts";

/** v0 (10.0.9.3/24) and v1, a pair. */
function pair(userland: Userland): Environment {
  const netns = machine();
  const other = new Veth(netns, { name: "v1", mtu: 1500, mac: 0x02420a000904 });
  const device = new Veth(netns, { name: "v0", mtu: 1500, mac: 0x02420a000903 });
  device.connect(other);
  netns.addAddress(device, 0x0a000903, 24);
  return environmentOf(netns, userland);
}

function session(userland: Userland, ...commands: (readonly [string, ...string[]])[]): void {
  const environment = pair(userland);
  for (const [command, ...expected] of commands) {
    const status = Number(/^rc=(\d+)$/.exec(expected.at(-1) ?? "")?.[1] ?? 0);
    const output = expected.filter((line) => !line.startsWith("rc="));
    expect({ command, ...runCommand(environment, command) }).toEqual({ command, status, output });
  }
}

describe("iproute2", () => {
  test("devices", () =>
    session(
      "debian",
      ["ip addr show dev nope", 'Device "nope" does not exist.', "rc=1"],
      ["ip link show nope", 'Device "nope" does not exist.', "rc=1"],
      ["ip link set nope up", 'Cannot find device "nope"', "rc=1"],
      ["ip link set v0 mtu 99999", "Error: mtu greater than device maximum.", "rc=2"],
      ["ip link set v0 mtu 20", "Error: mtu less than device minimum.", "rc=2"],
      ["ip link set v0 mtu 1400"],
      ["ip l set dev v1 down"],
      [
        "ip -br link",
        "lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> ",
        "v1@v0            DOWN           02:42:0a:00:09:04 <BROADCAST,MULTICAST> ",
        "v0@v1            LOWERLAYERDOWN 02:42:0a:00:09:03 <NO-CARRIER,BROADCAST,MULTICAST,UP,M-DOWN> ",
      ],
      [
        "ip -4 addr show v0",
        "3: v0@v1: <NO-CARRIER,BROADCAST,MULTICAST,UP,M-DOWN> mtu 1400 qdisc noqueue state LOWERLAYERDOWN group default ",
        "    inet 10.0.9.3/24 brd 10.0.9.255 scope global v0",
        "       valid_lft forever preferred_lft forever",
      ],
      ["ip route", "10.0.9.0/24 dev v0 proto kernel scope link src 10.0.9.3 linkdown "],
      ["ip link del v0"],
      ["ip -br addr", "lo               UNKNOWN        127.0.0.1/8 ::1/128 "],
      ["ip link del lo", "RTNETLINK answers: Operation not supported", "rc=2"],
    ));

  test("addresses", () =>
    session(
      "debian",
      ["ip addr add 10.0.9.3/24 dev v0", "Error: ipv4: Address already assigned.", "rc=2"],
      ["ip addr del 10.0.9.4/24 dev v0", "Error: ipv4: Address not found.", "rc=2"],
      ["ip addr add 1.2.3.4/24 dev nope", 'Cannot find device "nope"', "rc=1"],
      ["ip addr add 10.0.9.4/24 brd + dev v0"],
      [
        "ip -o addr show dev v0",
        "3: v0    inet 10.0.9.3/24 brd 10.0.9.255 scope global v0\\       valid_lft forever preferred_lft forever",
        "3: v0    inet 10.0.9.4/24 brd 10.0.9.255 scope global secondary v0\\       valid_lft forever preferred_lft forever",
      ],
      ["ip addr flush dev v0"],
      ["ip -br a s v0", "v0@v1            UP             "],
      ["ip route"],
    ));

  test("routes", () =>
    session(
      "debian",
      ["ip route add 10.9.0.0/16 via 1.2.3.4", "Error: Nexthop has invalid gateway.", "rc=2"],
      ["ip route add 10.0.9.0/24 dev v0", "RTNETLINK answers: File exists", "rc=2"],
      ["ip route del 10.77.0.0/16", "RTNETLINK answers: No such process", "rc=2"],
      ["ip route add 10.8.0.0/16 dev nope", 'Cannot find device "nope"', "rc=1"],
      ["ip route get 1.2.3.4", "RTNETLINK answers: Network is unreachable", "rc=2"],
      ["ip route replace default via 10.0.9.1"],
      ["ip route", "default via 10.0.9.1 dev v0 ", "10.0.9.0/24 dev v0 proto kernel scope link src 10.0.9.3 "],
      ["ip route change default via 10.0.9.2"],
      ["ip route append default via 10.0.9.3"],
      ["ip route show default", "default via 10.0.9.2 dev v0 ", "default via 10.0.9.3 dev v0 "],
      ["ip route show 10.0.9.0/24", "10.0.9.0/24 dev v0 proto kernel scope link src 10.0.9.3 "],
      [
        "ip route list dev v0",
        "default via 10.0.9.2 ",
        "default via 10.0.9.3 ",
        "10.0.9.0/24 proto kernel scope link src 10.0.9.3 ",
      ],
      [
        "ip route show to match 10.0.9.7",
        "default via 10.0.9.2 dev v0 ",
        "default via 10.0.9.3 dev v0 ",
        "10.0.9.0/24 dev v0 proto kernel scope link src 10.0.9.3 ",
      ],
      ["ip route get 8.8.8.8", "8.8.8.8 via 10.0.9.2 dev v0 src 10.0.9.3 uid 0 ", "    cache "],
      ["ip r g 10.0.9.3", "local 10.0.9.3 dev lo src 10.0.9.3 uid 0 ", "    cache <local> "],
      ["ip route add 203.0.113.0/24 via 10.0.9.1 mtu 1400 metric 5"],
      ["ip route show 203.0.113.0/24", "203.0.113.0/24 via 10.0.9.1 dev v0 metric 5 mtu 1400 "],
      ["ip route add unreachable 198.51.100.0/24"],
      ["ip route show type unreachable", "unreachable 198.51.100.0/24 "],
      ["ip route add 10.9.0.1/16 dev v0", "Error: Invalid prefix for given prefix length.", "rc=2"],
      ["ip route flush dev v0"],
      ["ip route", "unreachable 198.51.100.0/24 "],
    ));

  test("neighbors and the forwarding database", () =>
    session(
      "debian",
      ["ip neigh add 10.0.9.9 dev nope", 'Cannot find device "nope"', "rc=1"],
      ["ip neigh del 10.0.9.77 dev v0", "RTNETLINK answers: No such file or directory", "rc=2"],
      ["ip neigh add 10.0.9.7 lladdr 02:42:0a:00:09:07 dev v0"],
      ["ip neigh", "10.0.9.7 dev v0 lladdr 02:42:0a:00:09:07 PERMANENT "],
      ["ip neigh replace 10.0.9.7 dev v0 use"],
      ["ip neigh show 10.0.9.7", "10.0.9.7 dev v0 lladdr 02:42:0a:00:09:07 PERMANENT "],
      ["ip neigh add 10.0.9.7 dev v0 use", "RTNETLINK answers: File exists", "rc=2"],
      ["ip neigh add 10.0.9.8 dev v0 use"],
      ["ip neigh show 10.0.9.8", "10.0.9.8 dev v0 INCOMPLETE "],
      ["ip neigh flush all"],
      ["bridge fdb add 02:42:0a:00:09:05 dev nope", 'Cannot find device "nope"', "rc=255"],
      ["bridge fdb show dev v0", "33:33:00:00:00:01 self permanent", "01:00:5e:00:00:01 self permanent"],
      ["ip link add b0 type bridge"],
      ["ip link set v0 master b0"],
      ["ip link set b0 up"],
      ["bridge fdb add 02:42:0a:00:09:05 dev v0 master static"],
      [
        "bridge fdb show br b0 dev v0",
        "02:42:0a:00:09:05 master b0 static",
        "02:42:0a:00:09:03 master b0 permanent",
        "33:33:00:00:00:01 self permanent",
        "01:00:5e:00:00:01 self permanent",
      ],
      ["bridge fdb del 02:42:0a:00:09:05 dev v0 master"],
      ["bridge fdb del 02:42:0a:00:09:05 dev v0 master", "RTNETLINK answers: No such file or directory", "rc=2"],
    ));

  test("parameters of the kernel", () =>
    session(
      "debian",
      ["sysctl net.ipv4.nope", "sysctl: cannot stat /proc/sys/net/ipv4/nope: No such file or directory", "rc=1"],
      ["sysctl net.ipv4.ip_forward", "net.ipv4.ip_forward = 0"],
      ["sysctl -w net.ipv4.ip_forward=1", "net.ipv4.ip_forward = 1"],
      ["sysctl -n net.ipv4.ip_forward", "1"],
      ["sysctl -w net.ipv4.tcp_syn_retries=2", "net.ipv4.tcp_syn_retries = 2"],
      ["sysctl net.ipv4.tcp_syn_retries net.ipv4.tcp_sack", "net.ipv4.tcp_syn_retries = 2", "net.ipv4.tcp_sack = 1"],
      ["sysctl -w net.ipv4.tcp_sack=0", "net.ipv4.tcp_sack = 0"],
      ["sysctl -n net.ipv4.tcp_sack", "0"],
      ["cat /proc/sys/net/ipv4/conf/v0/forwarding", "1"],
      ["cat /nope", "cat: /nope: No such file or directory", "rc=1"],
      [
        "sysctl -w net.ipv4.ip_default_ttl=3",
        "hopscope: net.ipv4.ip_default_ttl = 3 is not modelled; it stays 64",
        "rc=1",
      ],
    ));

  test("the older tools", () =>
    session(
      "debian",
      ["ifconfig nope", "nope: error fetching interface information: Device not found", "rc=1"],
      [
        "route -n",
        "Kernel IP routing table",
        "Destination     Gateway         Genmask         Flags Metric Ref    Use Iface",
        "10.0.9.0        0.0.0.0         255.255.255.0   U     0      0        0 v0",
      ],
      ["arp -n"],
    ));
});

describe("busybox", () => {
  test("says the same in its words", () =>
    session(
      "busybox",
      ["ip addr show dev nope", "ip: can't find device 'nope'", "rc=1"],
      ["ip route del 10.77.0.0/16", "ip: RTNETLINK answers: No such process", "rc=2"],
      ["ip route add 10.9.0.0/16 via 1.2.3.4", "ip: RTNETLINK answers: Network is unreachable", "rc=2"],
      ["ip route get 1.2.3.4", "ip: RTNETLINK answers: Network is unreachable", "rc=2"],
      ["ip route add default via 10.0.9.1"],
      ["ip route", "default via 10.0.9.1 dev v0 ", "10.0.9.0/24 dev v0 scope link  src 10.0.9.3 "],
      ["ip route get 8.8.8.8", "8.8.8.8 via 10.0.9.1 dev v0  src 10.0.9.3 "],
      ["cat /nope", "cat: can't open '/nope': No such file or directory", "rc=1"],
      ["ifconfig nope", "ifconfig: nope: error fetching interface information: Device not found", "rc=1"],
      ["hostname", "alone"],
      [
        "ip addr show dev v0",
        "3: v0@v1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue ",
        "    link/ether 02:42:0a:00:09:03 brd ff:ff:ff:ff:ff:ff",
        "    inet 10.0.9.3/24 brd 10.0.9.255 scope global v0",
        "       valid_lft forever preferred_lft forever",
      ],
    ));
});

describe("what cannot be understood", () => {
  test.each([
    ["ip -6 neigh", /only addr show and route show/],
    ["ip -6 addr add fd00::1/64 dev v0", /only addr show and route show/],
    ["ip -n a addr", /option -n is not modelled/],
    ["ip tunnel", /object "tunnel" is not modelled/],
    ["ip addr frob", /"frob" is not modelled/],
    ["ip addr add 10.0.9.4 v0", /"v0" is not understood/],
    ["ip addr add 10.0.9.400/24 dev v0", /no IPv4 prefix/],
    ["ip addr add 10.0.9.4/24", /an address and dev are needed/],
    ["ip link add x0 type macvlan", /only type bridge/],
    ["ip link set v0 mtu many", /mtu "many" is no number/],
    ["ip route add", /a prefix is needed/],
    ["ip route add 10.0.0.0/8 via nobody", /via "nobody" is no IPv4 address/],
    ["ip route get", /expected an IPv4 address/],
    ["ip route show table 7", /table 7 is not modelled/],
    ["ip rule add", /only show is modelled/],
    ["bridge vlan", /object "vlan" is not modelled/],
    ["route add default gw 10.0.9.1", /only route -n/],
    ["ifconfig v0 up", /only showing is modelled/],
    ["cat", /say which file/],
    ["cat -n /etc/hosts", /option -n/],
    ["sysctl -a", /option -a/],
    ["hostname box", /not modelled/],
  ])("%s", (command, message) => {
    expect(() => runCommand(pair("debian"), command)).toThrow(message);
  });
});
