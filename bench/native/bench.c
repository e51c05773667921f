// What the hardware allows: each case of the bench by hand in C. Usage: bench CASE DATA_DIR OUTPUT_DIR
// Prints the median and the best sample, nanoseconds a packet, and the sum that every peer of the case must compute too.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif
#define INL static inline __attribute__((always_inline))
#define NOINL static __attribute__((noinline))

INL uint32_t be16(const uint8_t *p) { uint16_t v; memcpy(&v, p, 2); return __builtin_bswap16(v); }
INL uint32_t be32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return __builtin_bswap32(v); }
INL void w16(uint8_t *p, uint32_t v) { uint16_t s = __builtin_bswap16((uint16_t)v); memcpy(p, &s, 2); }
INL void w32(uint8_t *p, uint32_t v) { v = __builtin_bswap32(v); memcpy(p, &v, 4); }
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e9 + t.tv_nsec; }

// ---- internet checksum: sums in memory order, in wide accumulators ----
INL uint32_t fold(uint64_t a) {
  a = (a & 0xffffffff) + (a >> 32); a = (a & 0xffffffff) + (a >> 32);
  uint32_t b = (uint32_t)a; b = (b & 0xffff) + (b >> 16); b = (b & 0xffff) + (b >> 16);
  return b;
}
INL uint64_t tail(const uint8_t *p, size_t n, uint64_t a) {
  uint16_t w; uint32_t d;
  if (n & 4) { memcpy(&d, p, 4); a += d; p += 4; }
  if (n & 2) { memcpy(&w, p, 2); a += w; p += 2; }
  if (n & 1) a += *p;
  return a;
}
#ifdef __AVX2__
NOINL uint64_t sum(const uint8_t *p, size_t n, uint64_t a) {
  if (n >= 64) {
    const __m256i m = _mm256_set1_epi64x(0xffffffff);
    __m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;
    do {
      __m256i u = _mm256_loadu_si256((const void *)p), v = _mm256_loadu_si256((const void *)(p + 32));
      s0 = _mm256_add_epi64(s0, _mm256_and_si256(u, m)); s1 = _mm256_add_epi64(s1, _mm256_srli_epi64(u, 32));
      s2 = _mm256_add_epi64(s2, _mm256_and_si256(v, m)); s3 = _mm256_add_epi64(s3, _mm256_srli_epi64(v, 32));
      p += 64; n -= 64;
    } while (n >= 64);
    s0 = _mm256_add_epi64(_mm256_add_epi64(s0, s1), _mm256_add_epi64(s2, s3));
    __m128i h = _mm_add_epi64(_mm256_castsi256_si128(s0), _mm256_extracti128_si256(s0, 1));
    a += _mm_extract_epi64(h, 0) + _mm_extract_epi64(h, 1);
  }
  while (n >= 8) { uint64_t x; memcpy(&x, p, 8); a += (x & 0xffffffff) + (x >> 32); p += 8; n -= 8; }
  return tail(p, n, a);
}
#else
NOINL uint64_t sum(const uint8_t *p, size_t n, uint64_t a) {
  uint64_t b = 0, c = 0, d = 0, x[4];
  while (n >= 32) {
    memcpy(x, p, 32);
    a += (uint32_t)x[0]; b += x[0] >> 32; c += (uint32_t)x[1]; d += x[1] >> 32;
    a += (uint32_t)x[2]; b += x[2] >> 32; c += (uint32_t)x[3]; d += x[3] >> 32;
    p += 32; n -= 32;
  }
  while (n >= 8) { memcpy(x, p, 8); a += (uint32_t)x[0]; b += x[0] >> 32; p += 8; n -= 8; }
  return tail(p, n, a + b + c + d);
}
#endif
INL uint64_t header20(const uint8_t *p) {
  uint64_t x, y; uint32_t z; memcpy(&x, p, 8); memcpy(&y, p + 8, 8); memcpy(&z, p + 16, 4);
  return (x & 0xffffffff) + (x >> 32) + (y & 0xffffffff) + (y >> 32) + z;
}
INL uint64_t header(const uint8_t *p, uint32_t n) { return n == 20 ? header20(p) : sum(p, n, 0); }
INL uint64_t pseudo(const uint8_t *ip, uint32_t protocol, uint32_t length) {
  uint64_t a; memcpy(&a, ip + 12, 8);
  return (a & 0xffffffff) + (a >> 32) + __builtin_bswap16((uint16_t)protocol) + __builtin_bswap16((uint16_t)length);
}

// ---- decode: every length, version, fragment and flag check, then the sum of twelve fields ----
typedef struct { uint32_t sum, good; } result_t;
INL int link_layer(const uint8_t *p, uint32_t n, uint32_t *off) {
  if (n < 34) return 0;
  uint32_t o = 12, t = be16(p + 12);
  while (t == 0x8100 || t == 0x88a8) { o += 4; if (n < o + 22) return 0; t = be16(p + o); }
  *off = o + 2; return t == 0x0800;
}
INL int network_layer(const uint8_t *p, uint32_t n, uint32_t *ihl, uint32_t *total) {
  uint32_t h = (p[0] & 15) * 4, t = be16(p + 2);
  if ((p[0] >> 4) != 4 || h < 20 || t < h || t > n || (be16(p + 6) & 0x3fff)) return 0;
  *ihl = h; *total = t; return 1;
}
// `verify` 0: decode only, 1: all checksums, the outer UDP one being absent, 2: that one too
INL int packet(const uint8_t *p, uint32_t n, int verify, result_t *r) {
  uint32_t off, h, t;
  if (!link_layer(p, n, &off)) return 0;
  const uint8_t *oip = p + off;
  if (!network_layer(oip, n - off, &h, &t)) return 0;
  const uint8_t *u = oip + h;
  if (oip[9] != 17 || t - h < 16 || be16(u + 2) != 4789 || be16(u + 4) < 16 || be16(u + 4) > t - h || !(u[8] & 8)) return 0;
  if (verify && fold(header(oip, h)) != 0xffff) return 0;
  if (verify == 1 && be16(u + 6) != 0) return 0;
  uint32_t ulen = be16(u + 4), extra = be32(oip + 12) + be32(oip + 16) + (be32(u + 12) >> 8) + t;
  const uint8_t *e = u + 16;
  uint32_t room = ulen - 16;
  if (!link_layer(e, room, &off)) return 0;
  const uint8_t *ip = e + off;
  if (!network_layer(ip, room - off, &h, &t)) return 0;
  const uint8_t *q = ip + h;
  uint32_t l4 = t - h, protocol = ip[9], ports;
  if (l4 < 8) return 0;
  if (protocol == 1) ports = be16(q + 4) + be16(q + 6);
  else if (protocol == 17) { if (be16(q + 4) < 8 || be16(q + 4) > l4) return 0; ports = be16(q) + be16(q + 2); }
  else if (protocol == 6) { if (l4 < 20 || (q[12] >> 4) < 5 || (uint32_t)(q[12] >> 4) * 4 > l4) return 0; ports = be16(q) + be16(q + 2); }
  else return 0;
  r->sum += extra + be16(e) + be32(e + 2) + be16(e + 6) + be32(e + 8) + be32(ip + 12) + be32(ip + 16) + protocol + ports + t;
  if (verify) {
    uint64_t s = protocol == 1 ? 0 : pseudo(ip, protocol, l4), inner;
    int good = fold(header(ip, h)) == 0xffff, absent = protocol == 17 && be16(q + 6) == 0;
    if (verify == 1) { r->good += good & (absent || fold(sum(q, l4, s)) == 0xffff); return 1; }
    // The outer checksum covers the inner transport, whose sum is known; the frames of this bench end with it.
    inner = sum(q, l4, 0);
    good &= absent || fold(inner + s) == 0xffff;
    r->good += good & (fold(sum(u, q - u, pseudo(oip, 17, ulen)) + inner) == 0xffff);
  }
  return 1;
}

// ---- data ----
typedef struct { uint8_t *mem; uint32_t n, *len; uint64_t *off, size; } set_t;
static const char *data_dir, *output_dir;
static char path[4096];
static set_t load(const char *name) {
  snprintf(path, sizeof path, "%s/%s.pcap", data_dir, name);
  int fd = open(path, O_RDONLY); struct stat st; if (fd < 0 || fstat(fd, &st)) { perror(path); exit(1); }
  set_t s = {0}; s.size = st.st_size; s.mem = malloc(s.size);
  for (uint64_t o = 0; o < s.size;) { ssize_t r = read(fd, s.mem + o, s.size - o); if (r <= 0) exit(1); o += r; }
  close(fd);
  s.off = malloc(8 * (s.size / 16)); s.len = malloc(4 * (s.size / 16));
  for (uint64_t o = 24; o + 16 <= s.size;) { uint32_t l; memcpy(&l, s.mem + o + 8, 4); s.off[s.n] = o + 16; s.len[s.n++] = l; o += 16 + l; }
  return s;
}
typedef uint32_t (*fn)(void);
static set_t set; static uint32_t count, length;
NOINL uint32_t decode(void) { result_t r = {0}; for (uint32_t i = 0; i < count; i++) packet(set.mem + set.off[i], set.len[i], 0, &r); return r.sum; }
NOINL uint32_t verify(void) { result_t r = {0}; for (uint32_t i = 0; i < count; i++) packet(set.mem + set.off[i], set.len[i], 1, &r); return r.sum + r.good; }
NOINL uint32_t verify_udp(void) { result_t r = {0}; for (uint32_t i = 0; i < count; i++) packet(set.mem + set.off[i], set.len[i], 2, &r); return r.sum + r.good; }
static void fill_outer_checksums(void) {
  for (uint32_t i = 0; i < count; i++) {
    uint8_t *ip = set.mem + set.off[i] + 14, *u = ip + 20; uint32_t n = be16(u + 4);
    w16(u + 6, 0); uint16_t c = (uint16_t)~fold(sum(u, n, pseudo(ip, 17, n))); if (c == 0) c = 0xffff; memcpy(u + 6, &c, 2);
  }
}

// ---- encapsulate: fifty bytes in front of a frame; hash and port as flow-hash.ts ----
static uint8_t ring[256 * 2048]; static uint32_t starts[256], ends[256];
typedef struct { uint8_t header[64]; uint32_t header_sum, udp_sum; } tunnel_t;
static tunnel_t tunnel; static int computes;
static const uint8_t OUTER[50] = {0x52, 0x54, 0, 0x12, 0, 1, 0x52, 0x54, 0, 0x12, 0, 2, 8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0,
                                  192, 168, 10, 1, 192, 168, 10, 2, 0, 0, 0x12, 0xb5, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0x10, 1, 0};
static void tunnel_init(void) {
  memcpy(tunnel.header, OUTER, 50);
  for (int i = 14; i < 34; i += 2) tunnel.header_sum += be16(OUTER + i);
  for (int i = 26; i < 34; i += 2) tunnel.udp_sum += be16(OUTER + i);
  for (int i = 42; i < 50; i += 2) tunnel.udp_sum += be16(OUTER + i);
  tunnel.udp_sum += 17 + 4789;
}
INL uint32_t flow_hash(const uint8_t *p, uint32_t n) {
  uint32_t ports = 0, protocol = 0, src, dst;
  if (n >= 34 && be16(p + 12) == 0x0800) {
    uint32_t o = 14 + (p[14] & 15) * 4; protocol = p[23]; src = be32(p + 26); dst = be32(p + 30);
    if ((protocol == 6 || protocol == 17) && (be16(p + 20) & 0x3fff) == 0 && n >= o + 4) ports = be32(p + o);
  } else { src = be32(p + 2); dst = be32(p + 8); ports = be16(p) << 16 | be16(p + 6); }
  return ((src ^ ports >> 16 << 8) * 0xac4c1b51u) ^ ((dst ^ (ports & 0xffff) << 8) * 0xac4c1b51u) ^ protocol;
}
INL uint32_t source_port(uint32_t hash) { hash ^= hash << 16; return (uint32_t)(((uint64_t)hash * (60999 - 32768)) >> 32) + 32768; }
INL uint8_t *encapsulate(const tunnel_t *t, uint8_t *f, uint32_t n, uint32_t id) {
  uint8_t *p = f - 50; if (n < 14 || n > 65535 - 36) return 0;
  uint32_t type = be16(f + 12), ecn = type == 0x0800 ? f[15] & 3 : type == 0x86dd ? (f[15] >> 4) & 3 : 0; if (ecn == 3) ecn = 2;
  uint32_t total = n + 36, port = source_port(flow_hash(f, n)), udp = n + 16; id &= 0xffff;
  memcpy(p, t->header, 50); p[15] |= ecn; w16(p + 16, total); w16(p + 18, id);
  uint32_t s = t->header_sum + ecn + total + id; s = (s & 0xffff) + (s >> 16); s = (s & 0xffff) + (s >> 16);
  w16(p + 24, ~s); w16(p + 34, port); w16(p + 38, udp);
  if (computes) {
    uint32_t base = t->udp_sum + port + udp + udp; base = (base & 0xffff) + (base >> 16); base = (base & 0xffff) + (base >> 16);
    uint16_t c = (uint16_t)~fold(sum(f, n, __builtin_bswap16((uint16_t)base))); if (c == 0) c = 0xffff; memcpy(p + 40, &c, 2);
  }
  return p;
}
NOINL uint32_t encap(void) {
  uint32_t s = 0;
  for (uint32_t i = 0; i < 1024; i++) { uint8_t *p = encapsulate(&tunnel, ring + starts[i & 255], ends[i & 255] - starts[i & 255], i); s += be16(p + 24) + be16(p + 34) + be16(p + 38) + be16(p + 40); }
  return s;
}
static void ring_fill(void) {
  uint32_t k = 0;
  for (uint32_t i = 0; i < set.n && k < 256; i++) if (set.len[i] == length + 50) { starts[k] = k * 2048 + 64; ends[k] = starts[k] + length; memcpy(ring + starts[k++], set.mem + set.off[i] + 50, length); }
  tunnel_init();
}
// ---- decapsulate: what vxlan_rcv and the layers below it check ----
INL uint32_t decapsulate(const uint8_t *p, uint32_t n) {
  if (n < 50 || be16(p + 12) != 0x0800) return 0;
  const uint8_t *ip = p + 14; uint32_t h, t;
  if (!network_layer(ip, n - 14, &h, &t) || ip[9] != 17 || t - h < 16) return 0;
  const uint8_t *u = ip + h; uint32_t udp = be16(u + 4);
  if (be16(u + 2) != 4789 || udp > t - h || udp < 16 + 14 || be32(u + 8) != 0x08000000 || u[15] != 0) return 0;
  if (fold(header(ip, h)) != 0xffff) return 0;
  if (be16(u + 6) != 0 && fold(sum(u, udp, pseudo(ip, 17, udp))) != 0xffff) return 0;
  return (uint32_t)(u + 16 - p);
}
NOINL uint32_t decap(void) {
  uint32_t s = 0;
  for (uint32_t i = 0; i < 1024; i++) { uint8_t *p = ring + starts[i & 255] - 50, *e = p + decapsulate(p, ends[i & 255] - starts[i & 255] + 50); s += be16(e + 4) + be32(e - 4); }
  return s;
}

// ---- build: VXLAN with an ICMP echo request inside, from fields; checksums from registers ----
typedef struct { uint8_t osm[6], odm[6], ism[6], idm[6]; uint32_t os, od, is, id, vni; uint8_t payload[22]; } spec_t;
static spec_t spec = {{0x52, 0x54, 0, 0x12, 0, 2}, {0x52, 0x54, 0, 0x12, 0, 1}, {2, 0x42, 10, 0, 0, 2}, {2, 0x42, 10, 0, 0, 1},
                      0xc0a80a01, 0xc0a80a02, 0x0a000101, 0x0a000201, 4097, {0}};
INL uint32_t ip_sum(uint32_t n, uint32_t id, uint32_t flags, uint32_t protocol, uint32_t src, uint32_t dst) {
  uint32_t s = 0x4500 + flags + 0x4000 + protocol + n + id + (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff);
  s = (s & 0xffff) + (s >> 16); s = (s & 0xffff) + (s >> 16); return ~s & 0xffff;
}
INL void write_ip(uint8_t *p, uint32_t n, uint32_t id, uint32_t flags, uint32_t protocol, uint32_t src, uint32_t dst) {
  w32(p, 0x45000000 | n); w32(p + 4, id << 16 | flags); w32(p + 8, 64u << 24 | protocol << 16 | ip_sum(n, id, flags, protocol, src, dst)); w32(p + 12, src); w32(p + 16, dst);
}
NOINL void build(uint8_t *p, const spec_t *s, uint32_t i, const uint8_t *payload, uint32_t n) {
  uint32_t id = i & 0xffff;
  memcpy(p, s->odm, 6); memcpy(p + 6, s->osm, 6); w16(p + 12, 0x800);
  write_ip(p + 14, n + 78, id, 0, 17, s->os, s->od);
  w32(p + 34, (49152 + (i & 0x3fff)) << 16 | 4789); w32(p + 38, (n + 58) << 16);
  w32(p + 42, 0x08000000); w32(p + 46, s->vni << 8);
  memcpy(p + 50, s->idm, 6); memcpy(p + 56, s->ism, 6); w16(p + 62, 0x800);
  write_ip(p + 64, n + 28, id, 0x4000, 1, s->is, s->id);
  uint8_t *q = p + 84; memcpy(q + 8, payload, n);
  uint32_t c = (uint16_t)~fold(sum(payload, n, (uint64_t)8 + __builtin_bswap16(0x1234) + __builtin_bswap16((uint16_t)id)));
  w32(q, 0x08000000 | __builtin_bswap16((uint16_t)c)); w32(q + 4, 0x12340000 | id);
}
static uint8_t slots[256 * 128];
NOINL uint32_t build_echo(void) {
  uint32_t s = 0;
  for (uint32_t i = 0; i < 1024; i++) { uint8_t *p = slots + (i & 255) * 128; build(p, &spec, i, spec.payload, 22); s += be16(p + 24) + be16(p + 74) + be16(p + 86) + be16(p + 112); }
  return s;
}

// ---- checksum of `length` bytes at sixteen starts ----
static uint8_t big[16384];
NOINL uint32_t checksum(void) { uint32_t s = 0; for (int i = 0; i < 1024; i++) s += __builtin_bswap16((uint16_t)~fold(sum(big + (i & 15) * 4, length, 0))); return s; }

// ---- files: read() and write() of 256 KiB ----
enum { BLOCK = 256 * 1024 };
static uint8_t buffer[BLOCK]; static size_t fill; static int out;
NOINL uint32_t read_pcap(void) {
  int fd = open(path, O_RDONLY); result_t a = {0}; size_t have = 0, o = 24; ssize_t r;
  while ((r = read(fd, buffer + have, BLOCK - have)) > 0) {
    have += r;
    while (o + 16 <= have) { uint32_t l; memcpy(&l, buffer + o + 8, 4); if (o + 16 + l > have) break; packet(buffer + o + 16, l, 0, &a); o += 16 + l; }
    memmove(buffer, buffer + o, have - o); have -= o; o = 0;
  }
  close(fd); return a.sum;
}
static void flush(void) { for (size_t o = 0; o < fill;) { ssize_t r = write(out, buffer + o, fill - o); if (r <= 0) exit(1); o += r; } fill = 0; }
static char out_path[4096];
static void open_out(void) { snprintf(out_path, sizeof out_path, "%s/bench-c.%d", output_dir, getpid()); unlink(out_path); out = open(out_path, O_CREAT | O_WRONLY, 0600); fill = 0; }
static uint32_t close_out(void) { flush(); close(out); unlink(out_path); return count; }
NOINL uint32_t write_pcap(void) {
  open_out(); uint32_t h[6] = {0xa1b2c3d4, 2 | (4 << 16), 0, 0, 262144, 1}; memcpy(buffer, h, 24); fill = 24;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t l = set.len[i]; if (fill + 16 + l > BLOCK) flush();
    uint32_t r[4] = {1700000000, i % 1000000, l, l}; memcpy(buffer + fill, r, 16); memcpy(buffer + fill + 16, set.mem + set.off[i], l); fill += 16 + l;
  }
  return close_out();
}
NOINL uint32_t write_pcapng(void) {
  open_out();
  uint32_t h[] = {0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28, 1, 20, 1, 262144, 20}; memcpy(buffer, h, sizeof h); fill = sizeof h;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t l = set.len[i], pl = (l + 3) & ~3u, t = pl + 32; if (fill + t > BLOCK) flush();
    uint64_t ts = 1700000000ull * 1000000 + i; uint32_t r[7] = {6, t, 0, ts >> 32, (uint32_t)ts, l, l};
    memcpy(buffer + fill, r, 28); memcpy(buffer + fill + 28, set.mem + set.off[i], l); memset(buffer + fill + 28 + l, 0, pl - l); memcpy(buffer + fill + 28 + pl, &t, 4); fill += t;
  }
  return close_out();
}

// ---- warm-up, then 15 to 61 samples of 2 ms, one pass at least: about 0.25 s if a pass is short ----
static volatile uint32_t sink;
static int by_value(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return (x > y) - (x < y); }
static int bench(fn f, double items) {
  double t0 = now(); int w = 0;
  do { sink += f(); w++; } while (now() - t0 < 1e8);
  double one = (now() - t0) / w, r[61]; int reps = (int)(2e6 / one); if (reps < 1) reps = 1;
  int m = (int)(2.5e8 / (one * reps)); m = m < 15 ? 15 : m > 61 ? 61 : m;
  for (int k = 0; k < m; k++) { double a = now(); for (int i = 0; i < reps; i++) sink += f(); r[k] = (now() - a) / (items * reps); }
  qsort(r, m, sizeof *r, by_value);
  printf("{\"median\":%.3f,\"best\":%.3f,\"check\":%u}\n", r[m / 2], r[0], f());
  return 0;
}
int main(int argc, char **argv) {
  if (argc != 4) { fprintf(stderr, "usage: bench CASE DATA_DIR OUTPUT_DIR\n"); return 2; }
  const char *c = argv[1]; data_dir = argv[2]; output_dir = argv[3];
  const char *dash = strrchr(c, '-'); const char *file = dash && !strcmp(dash, "-small") ? "small" : "mix";
#define IS(name) (!strcmp(c, name))
#define HAS(prefix) (!strncmp(c, prefix, strlen(prefix)))
  if (HAS("checksum-")) { length = atoi(dash + 1); for (int i = 0; i < 16384; i++) big[i] = i * 7 + (i >> 8); return bench(checksum, 1024); }
  if (IS("build-echo")) { for (int k = 0; k < 22; k++) spec.payload[k] = k; return bench(build_echo, 1024); }
  set = load(file); count = set.n;
  if (IS("decode")) { count = 1024; return bench(decode, count); }
  if (IS("decode-stream")) return bench(decode, count);
  if (IS("verify")) { count = 1024; return bench(verify, count); }
  if (IS("verify-udp")) { count = 1024; fill_outer_checksums(); return bench(verify_udp, count); }
  if (HAS("encapsulate-")) { computes = HAS("encapsulate-udp-"); length = atoi(dash + 1); ring_fill(); return bench(encap, 1024); }
  if (HAS("decapsulate-")) { computes = HAS("decapsulate-udp-"); length = atoi(dash + 1); ring_fill(); encap(); return bench(decap, 1024); }
  if (HAS("read-pcap-")) return bench(read_pcap, count);
  if (HAS("write-pcap-")) return bench(write_pcap, count);
  if (HAS("write-pcapng-")) return bench(write_pcapng, count);
  fprintf(stderr, "no case %s\n", c); return 2;
}
