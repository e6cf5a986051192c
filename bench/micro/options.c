// Reads or sets one socket option in a loop on Linux and nothing else: the floor of bench/micro/options.mjs.
// Each line of input, "name cycles", is answered with the nanoseconds that so many calls took, or with the call that failed.
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "floor.h"

static int get(int handle) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &value, &length);
}

static int set(int handle) {
  int value = 1;
  return setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
}

int main(int count, char **arguments) {
  start_threads(count, arguments);

  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &length) != 0 ||
      connect(handle, (struct sockaddr *)&address, length) != 0) {
    return 1;
  }
  char line[64];
  char name[8];
  long cycles = 0;
  while (fgets(line, sizeof line, stdin) != NULL && sscanf(line, "%7s %ld", name, &cycles) == 2) {
    int (*call)(int) = strcmp(name, "set") == 0 ? set : get;
    int failed = 0;
    int64_t start = 0;
    // The first five are untimed, as in bench/harness/measure.mjs.
    for (long i = -5; i < cycles && !failed; i++) {
      if (i == 0) start = now();
      failed = call(handle) != 0;
    }
    answer(now() - start, failed ? name : NULL);
  }
  return 0;
}
