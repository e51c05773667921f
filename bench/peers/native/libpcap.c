// libpcap's reader and writer, with the decoder of native/bench.c. Usage as there; 2 for a case it has not.
#define main bench_main
#include "../../native/bench.c"
#undef main
#include <pcap/pcap.h>

NOINL uint32_t read_libpcap(void) {
  char error[PCAP_ERRBUF_SIZE]; pcap_t *file = pcap_open_offline(path, error); if (!file) { fprintf(stderr, "%s\n", error); exit(1); }
  struct pcap_pkthdr *header; const u_char *data; result_t a = {0};
  while (pcap_next_ex(file, &header, &data) == 1) packet(data, header->caplen, 0, &a);
  pcap_close(file); return a.sum;
}
NOINL uint32_t write_libpcap(void) {
  snprintf(out_path, sizeof out_path, "%s/bench-libpcap.%d", output_dir, getpid());
  pcap_t *dead = pcap_open_dead(DLT_EN10MB, 262144); pcap_dumper_t *dumper = pcap_dump_open(dead, out_path); if (!dumper) exit(1);
  for (uint32_t i = 0; i < count; i++) {
    struct pcap_pkthdr header = {{1700000000, i % 1000000}, set.len[i], set.len[i]};
    pcap_dump((u_char *)dumper, &header, set.mem + set.off[i]);
  }
  pcap_dump_close(dumper); pcap_close(dead); unlink(out_path); return count;
}
int main(int argc, char **argv) {
  if (argc != 4) return 2;
  const char *c = argv[1]; data_dir = argv[2]; output_dir = argv[3];
  set = load(strstr(c, "-small") ? "small" : "mix"); count = set.n;
  if (HAS("read-pcap-")) return bench(read_libpcap, count);
  if (HAS("write-pcap-")) return bench(write_libpcap, count);
  return 2;
}
