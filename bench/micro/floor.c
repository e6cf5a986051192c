// Makes the system calls of new BoundSocket() and close() on Linux and nothing else: the floor of bench/micro/micro.mjs.
// Each line of input, "family cycles", is answered with the nanoseconds that so many cycles took, or with the call that
// failed.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <sys/socket.h>

#include "floor.h"

static const char *cycle(int family, const struct sockaddr *address, socklen_t length) {
  int off = 0;
  int on = 1;
  int handle = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (handle < 0) return "socket";
  if (family == AF_INET6 && setsockopt(handle, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) return "setsockopt";
  if (bind(handle, address, length) != 0) return "bind";
  if (setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) return "setsockopt";
  if (listen(handle, 511) != 0) return "listen";
  if (close(handle) != 0) return "close";
  return NULL;
}

int main(int count, char **arguments) {
  start_threads(count, arguments);

  const struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  const struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
  char line[64];
  int family = 0;
  long cycles = 0;
  while (fgets(line, sizeof line, stdin) != NULL && sscanf(line, "%d %ld", &family, &cycles) == 2) {
    const char *failed = NULL;
    int64_t start = 0;
    // The first five are untimed, as in bench/harness/measure.mjs.
    for (long i = -5; i < cycles && failed == NULL; i++) {
      if (i == 0) start = now();
      failed = family == 6 ? cycle(AF_INET6, (const struct sockaddr *)&v6, sizeof v6)
                           : cycle(AF_INET, (const struct sockaddr *)&v4, sizeof v4);
    }
    answer(now() - start, failed);
  }
  return 0;
}
