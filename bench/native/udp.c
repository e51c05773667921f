// Sends or counts UDP datagrams as fast as the kernel takes them, for a comparison with its own forwarding.
//   udp receive PORT       prints how many came and in how many nanoseconds, when none has come for a second
//   udp send ADDRESS PORT COUNT SIZE
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, MAX_SIZE = 2048 };

static char buffers[BATCH][MAX_SIZE];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static void prepare(size_t size) {
  for (int index = 0; index < BATCH; index++) {
    vectors[index] = (struct iovec){buffers[index], size};
    messages[index].msg_hdr.msg_iov = &vectors[index];
    messages[index].msg_hdr.msg_iovlen = 1;
  }
}

static int receive(int socket, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  int room = 64 << 20;
  struct timeval patience = {20, 0};
  setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (bind(socket, (struct sockaddr *)&address, sizeof address) != 0) return perror("bind"), 1;
  prepare(MAX_SIZE);
  long count = 0;
  double first = 0, last = 0;
  for (;;) {
    int got = recvmmsg(socket, messages, BATCH, MSG_WAITFORONE, 0);
    if (got <= 0) break;
    if (count == 0) {
      first = now();
      patience.tv_sec = 1;
      setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    count += got;
    last = now();
  }
  printf("%ld %.0f\n", count, last - first);
  return 0;
}

static int send_all(int socket, const char *to, int port, long count, size_t size) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_aton(to, &address.sin_addr);
  if (connect(socket, (struct sockaddr *)&address, sizeof address) != 0) return perror("connect"), 1;
  prepare(size);
  for (long sent = 0; sent < count;) {
    int got = sendmmsg(socket, messages, BATCH, 0);
    if (got < 0) return perror("send"), 1;
    sent += got;
  }
  return 0;
}

int main(int count, char **words) {
  int end = socket(AF_INET, SOCK_DGRAM, 0);
  if (count == 3 && strcmp(words[1], "receive") == 0) return receive(end, atoi(words[2]));
  if (count == 6 && strcmp(words[1], "send") == 0)
    return send_all(end, words[2], atoi(words[3]), atol(words[4]), atoi(words[5]));
  fprintf(stderr, "usage: udp receive PORT | udp send ADDRESS PORT COUNT SIZE\n");
  return 2;
}
