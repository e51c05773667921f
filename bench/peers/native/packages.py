# scapy and dpkt. Usage: packages.py scapy|dpkt CASE DATA_DIR OUTPUT_DIR; 2 for a case they have not.
import json, struct, sys, time

package, case, data_dir = sys.argv[1:4]


def frames(count):
    with open(f"{data_dir}/mix.pcap", "rb") as file:
        file.read(24)
        return [file.read(struct.unpack_from("<I", file.read(16), 8)[0]) for _ in range(count)]


def bench(items, run):
    times = []
    for _ in range(2):
        before = time.perf_counter_ns()
        check = run()
        times.append((time.perf_counter_ns() - before) / items)
    times.sort()
    print(json.dumps({"median": times[1], "best": times[0], "check": check & 0xFFFFFFFF}))


def number(octets):
    return int.from_bytes(octets, "big")


def mac(octets):
    return number(octets[:2]) + number(octets[2:6])


def written(packet):
    return sum(number(packet[at : at + 2]) for at in (24, 74, 86, 112))


DATA = bytes(range(22))
if package == "dpkt":
    import dpkt

    def decode(frame):
        ip = dpkt.ethernet.Ethernet(frame).data
        payload = ip.data.data
        inner = dpkt.ethernet.Ethernet(payload[8:])
        to = inner.data
        segment = to.data
        ports = segment.data.id + segment.data.seq if to.p == 1 else segment.sport + segment.dport
        ips = number(ip.src) + number(ip.dst) + number(to.src) + number(to.dst)
        return ips + number(payload[4:7]) + ip.len + mac(inner.dst) + mac(inner.src) + to.p + ports + to.len

    def build(index):
        echo = dpkt.icmp.ICMP(type=8, data=dpkt.icmp.ICMP.Echo(id=0x1234, seq=index, data=DATA))
        to = dpkt.ip.IP(src=b"\x0a\x00\x01\x01", dst=b"\x0a\x00\x02\x01", id=index, ttl=64, p=1, data=echo)
        to.df = 1
        inner = dpkt.ethernet.Ethernet(src=bytes.fromhex("02420a000002"), dst=bytes.fromhex("02420a000001"), data=to)
        udp = dpkt.udp.UDP(sport=49152 + index, dport=4789, data=b"\x08\0\0\0\0\x10\x01\0" + bytes(inner))
        udp.ulen = 80
        ip = dpkt.ip.IP(src=b"\xc0\xa8\x0a\x01", dst=b"\xc0\xa8\x0a\x02", id=index, ttl=64, p=17, data=udp)
        return dpkt.ethernet.Ethernet(src=bytes.fromhex("525400120002"), dst=bytes.fromhex("525400120001"), data=ip)
else:
    import logging

    logging.getLogger("scapy").setLevel(logging.ERROR)
    from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: F401
    from scapy.layers.l2 import Ether
    from scapy.layers.vxlan import VXLAN

    def address(text):
        return number(bytes(map(int, text.split("."))))

    def hardware(text):
        return mac(bytes.fromhex(text.replace(":", "")))

    def decode(frame):
        outer = Ether(frame)
        ip, vxlan = outer[IP], outer[VXLAN]
        inner = vxlan.payload
        to = inner.payload
        segment = to.payload
        ports = segment.id + segment.seq if to.proto == 1 else segment.sport + segment.dport
        ips = address(ip.src) + address(ip.dst) + address(to.src) + address(to.dst)
        return ips + vxlan.vni + ip.len + hardware(inner.dst) + hardware(inner.src) + to.proto + ports + to.len

    def build(index):
        inner = Ether(src="02:42:0a:00:00:02", dst="02:42:0a:00:00:01")
        inner /= IP(src="10.0.1.1", dst="10.0.2.1", id=index, flags="DF") / ICMP(id=0x1234, seq=index) / DATA
        outer = Ether(src="52:54:00:12:00:02", dst="52:54:00:12:00:01")
        outer /= IP(src="192.168.10.1", dst="192.168.10.2", id=index)
        return outer / UDP(sport=49152 + index, dport=4789, chksum=0) / VXLAN(flags=8, vni=4097) / inner


if case == "decode":
    hot = frames(1024)
    bench(1024, lambda: sum(map(decode, hot)))
elif case == "build-echo":
    bench(1024, lambda: sum(written(bytes(build(index))) for index in range(1024)))
else:
    sys.exit(2)
