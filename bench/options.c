// Reads or sets one socket option in a loop on Linux and nothing else: the floor of bench/options.mjs.
// Each line of input, "name cycles", is answered with the nanoseconds that so many calls took, or with the call that failed.
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int get(int handle) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &value, &length);
}

static int set(int handle) {
  int value = 1;
  return setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void *idle(void *unused) {
  for (;;) pause();
  return unused;
}

int main(int count, char **arguments) {
  // The kernel counts references to descriptors only in a process with threads, and Node's has them.
  for (int left = count > 1 ? atoi(arguments[1]) : 0; left > 0; left--) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, idle, NULL) != 0) return 1;
  }

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
    // The first five are untimed, as in bench/measure.mjs.
    for (long i = -5; i < cycles && !failed; i++) {
      if (i == 0) start = now();
      failed = call(handle) != 0;
    }
    int64_t took = now() - start;
    if (failed) {
      printf("%s\n", name);
    } else {
      printf("%lld\n", (long long)took);
    }
    fflush(stdout);
  }
  return 0;
}
