#!/usr/bin/env python3
"""Records what a Linux kernel does with random packets under a set of iptables rules.

    sudo ./record.py SEED RULES.rules OUT.json.gz [STEPS]

Makes a machine in a network namespace: docker0 (172.17.0.1) with ports to c2, c3, c4, gw (172.18.0.1) with ports to g3,
g4, eth0 (192.168.77.12) to ext. What is at the other ends has no addresses and answers nothing: packets are put on
their devices by hand, new ones or answers to what came before, some of them wrong. Written are each packet, every frame
that the machine's devices saw of it, and the counters of the rules and the connections at the end.

Needs br_netfilter, iptables (nft variant) and iproute2. The rate limits of ICMP errors are off.
"""
import ctypes, gzip, json, mmap, os, random, socket, struct, subprocess, sys, time

SEED, RULES, OUT = int(sys.argv[1]), sys.argv[2], sys.argv[3]
STEPS = int(sys.argv[4]) if len(sys.argv) > 4 else 120
chance = random.Random(SEED)

PREFIX = "rec%d" % os.getpid()
MACHINE = PREFIX + "fw"
# End: bridge, address, last byte of its MAC.
ENDS = {
    "c2": ("docker0", "172.17.0.2", 0x02),
    "c3": ("docker0", "172.17.0.3", 0x03),
    "c4": ("docker0", "172.17.0.4", 0x04),
    "g3": ("gw", "172.18.0.3", 0x13),
    "g4": ("gw", "172.18.0.4", 0x14),
    "ext": (None, "192.168.77.100", 0x64),
}
BRIDGES = {"docker0": ("172.17.0.1/16", 0xD0), "gw": ("172.18.0.1/16", 0xD1)}
ETH0_MAC = 0x0C
DESTINATIONS = [
    "172.17.0.2", "172.17.0.3", "172.17.0.4", "172.18.0.3", "172.18.0.4", "192.168.77.100", "192.168.77.101",
    "192.168.77.12", "192.168.77.12", "172.17.0.1", "172.18.0.1", "10.9.9.9", "255.255.255.255", "172.17.255.255",
    "224.0.0.5", "127.0.0.1",
]
PORTS = [53, 80, 8081, 8082, 5353, 9]
OPTIONS = [b"", bytes([3, 3, 7, 0]), bytes([4, 2, 3, 3, 7, 0, 0, 0])]
FRAME, FRAMES = 8192, 2048

libc = ctypes.CDLL(None, use_errno=True)


def run(command):
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)


def in_machine(command):
    run("ip netns exec %s %s" % (MACHINE, command))


def mac(last):
    return "02:00:00:00:00:%02x" % last


def mac_bytes(last):
    return bytes([2, 0, 0, 0, 0, last])


def enter(name):
    fd = os.open(name if name.startswith("/") else "/var/run/netns/" + name, os.O_RDONLY)
    if libc.setns(fd, 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(fd)


def build():
    off = "net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"
    for name in [MACHINE] + [PREFIX + end for end in ENDS]:
        run("ip netns add " + name)
        run("ip netns exec %s sysctl -qw %s" % (name, off))
    in_machine("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratemask=0 net.ipv4.icmp_msgs_per_sec=100000 "
               "net.ipv4.icmp_msgs_burst=10000 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 "
               "net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0")
    in_machine("ip link set lo up")
    for name, (address, last) in BRIDGES.items():
        in_machine("ip link add %s address %s type bridge mcast_snooping 0" % (name, mac(last)))
        in_machine("ip addr add %s dev %s" % (address, name))
    for end, (bridge, address, last) in ENDS.items():
        port = "p" + end if bridge else "eth0"
        run("ip link add %s netns %s type veth peer name eth0 netns %s" % (port, MACHINE, PREFIX + end))
        run("ip netns exec %s ip link set eth0 address %s arp off up" % (PREFIX + end, mac(last)))
        in_machine("ip link set %s address %s" % (port, mac(0x80 + last if bridge else ETH0_MAC)))
        if bridge:
            in_machine("ip link set %s master %s" % (port, bridge))
        else:
            in_machine("ip addr add 192.168.77.12/24 dev eth0")
        in_machine("ip link set %s up" % port)
    for name in BRIDGES:
        in_machine("ip link set %s up" % name)
    for end, (bridge, address, last) in ENDS.items():
        in_machine("ip neigh replace %s lladdr %s dev %s nud permanent" % (address, mac(last), bridge or "eth0"))
    in_machine("ip neigh replace 192.168.77.101 lladdr %s dev eth0 nud permanent" % mac(0x64))
    in_machine("sh -e " + RULES)


class Sniffer:
    """All frames at all devices of the machine, through a ring, which holds on to no packet of the kernel's."""

    def __init__(self):
        enter(MACHINE)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.names = dict(socket.if_nameindex())
        enter(HOME)
        self.socket.setsockopt(263, 10, struct.pack("i", 1))
        self.socket.setsockopt(263, 5, struct.pack("IIII", FRAME * 64, FRAMES // 64, FRAME, FRAMES))
        self.ring = mmap.mmap(self.socket.fileno(), FRAME * FRAMES)
        self.next = 0

    def drain(self, quiet=0.02):
        seen, until = [], time.time() + quiet
        while True:
            base = self.next % FRAMES * FRAME
            if not struct.unpack_from("I", self.ring, base)[0] & 1:
                if time.time() > until:
                    return seen
                time.sleep(0.001)
                continue
            _, _, length, start = struct.unpack_from("IIIH", self.ring, base)
            _, _, device, _, kind = struct.unpack_from("HHiHB", self.ring, base + 32)
            frame = self.ring[base + start:base + start + length]
            # ARP and the loopback device are none of the comparison.
            if frame[12:14] == b"\x08\x00" and self.names.get(device) != "lo":
                seen.append([self.names.get(device, "?"), "out" if kind == 4 else "in", frame.hex()])
            struct.pack_into("I", self.ring, base, 0)
            self.next += 1
            until = time.time() + quiet


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(src, dst, protocol, payload, ttl=64, fragment=0, identification=None):
    if identification is None:
        ip.identification += 1
        identification = ip.identification
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), identification, fragment, ttl, protocol, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


ip.identification = 1


def pseudo(src, dst, protocol, length):
    return socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack("!HH", protocol, length)


def udp(src, dst, sport, dport, data, ttl=64, damage=0):
    length = 8 + len(data)
    head = struct.pack("!HHH", sport, dport, length)
    right = checksum(pseudo(src, dst, 17, length) + head + b"\0\0" + data) or 0xFFFF
    return ip(src, dst, 17, head + struct.pack("!H", right ^ damage) + data, ttl)


def tcp(src, dst, sport, dport, sequence, ack, flags, data=b"", window=1000, options=b"", ttl=64):
    head = struct.pack("!HHIIBBHHH", sport, dport, sequence & 0xFFFFFFFF, ack & 0xFFFFFFFF, (5 + len(options) // 4) << 4,
                       flags, window, 0, 0) + options
    right = checksum(pseudo(src, dst, 6, len(head) + len(data)) + head + data)
    return ip(src, dst, 6, head[:16] + struct.pack("!H", right) + head[18:] + data, ttl)


def icmp(src, dst, kind, code, rest, data, ttl=64):
    message = struct.pack("!BBHI", kind, code, 0, rest) + data
    return ip(src, dst, 1, message[:2] + struct.pack("!H", checksum(message)) + message[4:], ttl)


def error_about(end, packet, header):
    """An ICMP error about a packet that has arrived: from what it was for, or from whom it reached."""
    src, dst = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
    if packet[9] == 1 and packet[header] not in (0, 8):
        return None
    quoted = packet[:chance.choice([header + 8, min(len(packet), 200)])]
    kind, code = chance.choice([(3, 3), (3, 1), (11, 0), (3, 4), (12, 0), (4, 0)])
    return icmp(chance.choice([dst, dst, ENDS[end][1]]), src, kind, code, 1400 if (kind, code) == (3, 4) else 0, quoted)


def answer_to(end, packet):
    """What whoever has got a packet may say to it, right or wrong; None: nothing."""
    src, dst = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
    header, protocol = (packet[0] & 15) * 4, packet[9]
    if struct.unpack("!H", packet[6:8])[0] & 0x3FFF:
        return None
    body = packet[header:struct.unpack("!H", packet[2:4])[0]]
    if chance.random() < 0.12 and protocol in (1, 6, 17):
        return error_about(end, packet, header)
    if protocol == 17:
        sport, dport = struct.unpack("!HH", body[:4])
        return udp(dst, src, dport, sport, b"r" * chance.randrange(30))
    if protocol == 1 and body[0] == 8:
        return icmp(dst, src, 0, 0, struct.unpack("!I", body[4:8])[0], body[8:])
    return answer_tcp(src, dst, body) if protocol == 6 else None


def answer_tcp(src, dst, body):
    sport, dport, sequence, ack = struct.unpack("!HHII", body[:12])
    flags = body[13]
    length = len(body) - (body[12] >> 4) * 4 + (flags >> 1 & 1) + (flags & 1)
    own = ack if flags & 16 else chance.randrange(1 << 32)
    if flags & 4:
        return None
    if flags & 0x12 == 2:
        if chance.random() < 0.17:
            return tcp(dst, src, dport, sport, 0, sequence + length, 0x14, window=0)
        return tcp(dst, src, dport, sport, own, sequence + length, 0x12, options=chance.choice(OPTIONS))
    kind = chance.choice([0x10] * 4 + [0x18] * 3 + [0x11] * 2 + [0x14, 0x04, 0x02, 0x10])
    data = b"d" * chance.randrange(1, 50) if kind == 0x18 else b""
    answered = sequence + length
    wrong = chance.random()
    if wrong < 0.06:
        own += chance.choice([-5, 100000, -100000, 1])
    elif wrong < 0.12:
        answered += chance.choice([-1, 1, 1000, -70000])
    return tcp(dst, src, dport, sport, own, answered, kind, data, chance.choice([1000, 1000, 0, 65535]))


def new_packets(end, port):
    src, dst, ttl = ENDS[end][1], chance.choice(DESTINATIONS), chance.choice([64] * 4 + [1, 2])
    if chance.random() < 0.03:
        src = chance.choice(["10.1.2.3", "172.17.0.77", "192.168.77.50"])
    kind = chance.choice(["udp", "udp", "tcp", "tcp", "icmp", "icmp", "other", "fragments"])
    if kind == "udp":
        damage = 1 if chance.random() < 0.05 else 0
        return [udp(src, dst, port, chance.choice(PORTS), b"x" * chance.randrange(40), ttl, damage)]
    if kind == "tcp":
        dport = chance.choice(PORTS)
        if end == "ext" and chance.random() < 0.4:
            dst, dport = "192.168.77.12", 8081
        ack = 0 if chance.random() < 0.8 else 7
        flags = chance.choice([2] * 8 + [0x10, 0x11, 0x12, 0x04, 0, 0x29])
        options = chance.choice(OPTIONS)
        return [tcp(src, dst, port, dport, chance.randrange(1 << 32), ack, flags, options=options, ttl=ttl)]
    if kind == "icmp":
        return [icmp(src, dst, chance.choice([8] * 8 + [0, 17, 9, 3]), 0, port << 16 | 1, b"p" * 40, ttl)]
    if kind == "other":
        return [ip(src, dst, chance.choice([2, 50, 47, 99]), b"o" * chance.choice([8, 20]), ttl)]
    whole = udp(src, dst, port, chance.choice(PORTS), b"f" * chance.choice([2000, 3000]))[20:]
    size, identification = chance.choice([1480, 1400, 800]), chance.randrange(1, 65536)
    parts = [ip(src, dst, 17, whole[at:at + size], 64, (0x2000 if at + size < len(whole) else 0) | at // 8, identification)
             for at in range(0, len(whole), size)]
    return parts[::-1] if chance.random() < 0.2 else parts


def destination_mac(end, dst):
    bridge = ENDS[end][0]
    for other, address, last in ENDS.values():
        if address == dst and other == bridge:
            return mac_bytes(last)
    if dst.endswith(".255.255"):
        return b"\xff" * 6
    if dst.startswith("224."):
        return b"\x01\x00\x5e\x00\x00\x05"
    return mac_bytes(BRIDGES[bridge][1] if bridge else ETH0_MAC)


def record():
    sniffer = Sniffer()
    senders = {}
    for end in ENDS:
        enter(PREFIX + end)
        senders[end] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        senders[end].bind(("eth0", 3))
        enter(HOME)
    sniffer.drain(0.3)
    steps, arrived, port = [], [], 20000

    def send(end, packet):
        dst = socket.inet_ntoa(packet[16:20])
        frame = destination_mac(end, dst) + mac_bytes(ENDS[end][2]) + b"\x08\x00" + packet
        senders[end].send(frame)
        seen = sniffer.drain()
        steps.append({"end": end, "frame": frame.hex(), "seen": seen})
        for device, way, text in seen:
            if way == "out" and (device == "eth0" or device.startswith("p")):
                arrived.append(("ext" if device == "eth0" else device[1:], bytes.fromhex(text)[14:]))

    while len(steps) < STEPS:
        if arrived and chance.random() < 0.5:
            end, packet = chance.choice(arrived[-8:] if chance.random() < 0.8 else arrived)
            answer = answer_to(end, packet)
            if answer is not None:
                send(end, answer)
                continue
        port += 1
        end = chance.choice(list(ENDS))
        for packet in new_packets(end, port):
            send(end, packet)
    enter(MACHINE)
    saved = subprocess.run(["iptables-save", "-c"], capture_output=True, text=True, check=True).stdout.splitlines()
    connections = subprocess.run(["cat", "/proc/self/net/nf_conntrack"], capture_output=True, text=True).stdout.splitlines()
    enter(HOME)
    with open(RULES) as rules:
        result = {
            "kernel": os.uname().release.split("-")[0],
            "rules": rules.read().splitlines(),
            "steps": steps,
            "save": [line for line in saved if not line.startswith("#")],
            "connections": connections,
        }
    with gzip.GzipFile(OUT, "wb", mtime=0) as out:
        out.write(json.dumps(result, separators=(",", ":")).encode())


HOME = "/proc/%d/ns/net" % os.getppid()
try:
    build()
    record()
finally:
    for name in [MACHINE] + [PREFIX + end for end in ENDS]:
        subprocess.run("ip netns del " + name, shell=True, stderr=subprocess.DEVNULL)
