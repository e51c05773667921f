#!/usr/bin/env bash
# The kernel of this machine on the engine's paths, in network namespaces that are made for it and removed again:
#   kernel.sh UDP_PROGRAM bridge|routers|tunnel COUNT      prints how many datagrams arrived, links, and nanoseconds
# bridge: two namespaces on one bridge; routers: ten in a row; tunnel: two bridges with a vxlan device each between them.
set -euo pipefail
udp=$1 path=$2 count=$3
prefix=hb$$
made=()
trap 'for name in "${made[@]}"; do ip netns del "$name"; done' EXIT
namespace() {
  for name; do
    ip netns add "$prefix$name"
    made+=("$prefix$name")
    ip -n "$prefix$name" link set lo up
    ip netns exec "$prefix$name" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6' 2>/dev/null || true
  done
}
pair() {
  ip link add "$2" netns "$prefix$1" type veth peer name "$4" netns "$prefix$3"
  ip -n "$prefix$1" link set "$2" up
  ip -n "$prefix$3" link set "$4" up
}
address() { ip -n "$prefix$1" addr add "$3" dev "$2"; }
bridge() {
  local name=$1
  ip -n "$prefix$name" link add br0 type bridge
  ip -n "$prefix$name" link set br0 up
  shift
  for port; do ip -n "$prefix$name" link set "$port" master br0 up; done
}
case $path in
bridge)
  namespace from to middle
  pair from eth0 middle left
  pair to eth0 middle right
  bridge middle left right
  address from eth0 10.9.0.1/24
  address to eth0 10.9.0.2/24
  target=10.9.0.2 links=2 last=to
  ;;
routers)
  namespace from 1 2 3 4 5 6 7 8 to
  chain=(from 1 2 3 4 5 6 7 8 to)
  for i in 0 1 2 3 4 5 6 7 8; do
    pair "${chain[i]}" right "${chain[i + 1]}" left
    address "${chain[i]}" right "10.20.$i.1/24"
    address "${chain[i + 1]}" left "10.20.$i.2/24"
  done
  for i in 0 1 2 3 4 5 6 7; do ip -n "$prefix${chain[i]}" route add 10.20.8.0/24 via "10.20.$i.2" 2>/dev/null || true; done
  for i in 9 8 7 6 5 4 3 2; do ip -n "$prefix${chain[i]}" route add 10.20.0.0/24 via "10.20.$((i - 1)).1"; done
  target=10.20.8.2 links=9 last=to
  ;;
tunnel)
  namespace from a b to
  pair from eth0 a port
  pair to eth0 b port
  pair a under b under
  address a under 192.168.10.1/24
  address b under 192.168.10.2/24
  ip -n "${prefix}a" link add vx type vxlan id 4097 local 192.168.10.1 remote 192.168.10.2 dstport 4789 dev under
  ip -n "${prefix}b" link add vx type vxlan id 4097 local 192.168.10.2 remote 192.168.10.1 dstport 4789 dev under
  bridge a vx port
  bridge b vx port
  for end in from to; do ip -n "$prefix$end" link set eth0 mtu 1450; done
  address from eth0 10.30.0.1/24
  address to eth0 10.30.0.2/24
  target=10.30.0.2 links=3 last=to
  ;;
*) echo "kernel.sh: no path $path" >&2 && exit 2 ;;
esac
ip netns exec "${prefix}from" ping -c 1 -W 2 "$target" >/dev/null
ip netns exec "$prefix$last" "$udp" receive 9000 >"/tmp/$prefix" &
receiver=$!
sleep 0.3
ip netns exec "${prefix}from" "$udp" send "$target" 9000 "$count" 64
wait "$receiver"
read -r arrived ns <"/tmp/$prefix"
rm "/tmp/$prefix"
echo "$arrived $links $ns"
