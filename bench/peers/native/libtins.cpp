// libtins' classes. Usage as native/bench.c; 2 for a case it has not. It knows no VXLAN: the inner frame is built from
// the outer UDP payload, and written there.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <tins/tins.h>
#include <vector>
using namespace Tins;

static uint32_t be16(const uint8_t *p) { return uint32_t(p[0]) << 8 | p[1]; }
static uint32_t be32(const uint8_t *p) { return be16(p) << 16 | be16(p + 2); }
static double now() { return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

static int bench(double items, const std::function<uint32_t()> &run) {
  double start = now(); int runs = 0;
  do { run(); runs++; } while (now() - start < 1e8);
  double one = (now() - start) / runs; int repeats = std::max(1, int(2e6 / one));
  std::vector<double> times(std::min(61, std::max(5, int(2.5e8 / (one * repeats)))));
  for (auto &time : times) { double before = now(); for (int i = 0; i < repeats; i++) run(); time = (now() - before) / (items * repeats); }
  std::sort(times.begin(), times.end());
  printf("{\"median\":%.3f,\"best\":%.3f,\"check\":%u}\n", times[times.size() / 2], times[0], run());
  return 0;
}

template <class Address> static uint32_t mac(const Address &address) { return be16(&*address.begin()) + be32(&*address.begin() + 2); }
static uint32_t addresses(const IP &ip) { return __builtin_bswap32(uint32_t(ip.src_addr())) + __builtin_bswap32(uint32_t(ip.dst_addr())) + ip.tot_len(); }
static uint32_t fields(const EthernetII &frame) {
  const IP *ip = frame.find_pdu<IP>(); const UDP *udp = frame.find_pdu<UDP>(); const RawPDU *raw = frame.find_pdu<RawPDU>();
  if (!ip || !udp || !raw || udp->dport() != 4789) return 0;
  const auto &payload = raw->payload(); EthernetII inner(payload.data() + 8, payload.size() - 8); const IP *in = inner.find_pdu<IP>(); uint32_t ports = 0;
  switch (in->protocol()) {
    case 1: { auto *icmp = inner.find_pdu<ICMP>(); ports = icmp->id() + icmp->sequence(); break; }
    case 17: { auto *u = inner.find_pdu<UDP>(); ports = u->sport() + u->dport(); break; }
    case 6: { auto *t = inner.find_pdu<TCP>(); ports = t->sport() + t->dport(); break; }
  }
  auto src = inner.src_addr(), dst = inner.dst_addr();
  return addresses(*ip) + (be32(payload.data() + 4) >> 8) + mac(src) + mac(dst) + addresses(*in) + in->protocol() + ports;
}

static uint32_t build(uint32_t index, const std::vector<uint8_t> &data) {
  ICMP echo(ICMP::ECHO_REQUEST); echo.id(0x1234); echo.sequence(index);
  IP in("10.0.2.1", "10.0.1.1"); in.ttl(64); in.id(index); in.flags(IP::DONT_FRAGMENT);
  EthernetII inner = EthernetII("02:42:0a:00:00:01", "02:42:0a:00:00:02") / in / echo / RawPDU(data.data(), data.size());
  auto frame = inner.serialize(); std::vector<uint8_t> vxlan(8 + frame.size()); vxlan[0] = 8; vxlan[5] = 0x10; vxlan[6] = 1;
  memcpy(&vxlan[8], frame.data(), frame.size());
  IP out("192.168.10.2", "192.168.10.1"); out.ttl(64); out.id(index);
  EthernetII outer = EthernetII("52:54:00:12:00:01", "52:54:00:12:00:02") / out / UDP(4789, 49152 + (index & 0x3fff)) / RawPDU(vxlan);
  auto p = outer.serialize(); return be16(&p[24]) + be16(&p[74]) + be16(&p[86]) + be16(&p[112]);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  std::string name = argv[1], file = std::string(argv[2]) + (name.find("-small") == std::string::npos ? "/mix.pcap" : "/small.pcap");
  if (name == "build-echo") {
    std::vector<uint8_t> data(22); for (int i = 0; i < 22; i++) data[i] = i;
    return bench(1024, [&] { uint32_t sum = 0; for (uint32_t i = 0; i < 1024; i++) sum += build(i, data); return sum; });
  }
  std::ifstream in(file, std::ios::binary); std::vector<uint8_t> bytes((std::istreambuf_iterator<char>(in)), {});
  std::vector<std::pair<size_t, uint32_t>> frames;
  for (size_t at = 24; at + 16 <= bytes.size();) { uint32_t length; memcpy(&length, &bytes[at + 8], 4); frames.push_back({at + 16, length}); at += 16 + length; }
  if (name == "decode") return bench(1024, [&] { uint32_t sum = 0; for (int i = 0; i < 1024; i++) sum += fields(EthernetII(&bytes[frames[i].first], frames[i].second)); return sum; });
  if (name == "read-pcap-mix" || name == "read-pcap-small")
    return bench(frames.size(), [&] { FileSniffer sniffer(file); uint32_t sum = 0; while (Packet p = sniffer.next_packet()) sum += fields(*p.pdu()->find_pdu<EthernetII>()); return sum; });
  return 2;
}
